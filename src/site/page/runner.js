// Loads Pyodide and runs code, in a worker or in a frame: the page talks to it through a port.
//
// From the page: `load` {indexURL, module, packages, expected, heldFile}, `begin`, `run` {code}. A file that is held is
// asked for after `begin` only.
// To the page: `phase`, `progress` {received, total}, `ready`, `output` {stream, text},
// `panic` {frames}, `done`, `failed`.
//
// Read as a script and as a module alike, so what it offers is a global: `startRunner`.
"use strict";
{
  // How long output waits for more, in milliseconds, and how much of it: a message a line would drown the page.
  const OUTPUT_DELAY = 40;
  const OUTPUT_SIZE = 16384;
  const PROGRESS_DELAY = 50;

  // Counts the bytes that come in, and tells how many there are of how many.
  const makeMeter = (expected, tell) => {
    const counts = { received: 0, announced: 0, told: 0 };
    const show = () => {
      const total = Math.max(expected, counts.announced);
      counts.told = performance.now();
      tell({ type: "progress", received: counts.received, total: Math.max(total, total && counts.received) });
    };
    return {
      announce: (bytes) => { counts.announced += bytes; },
      add: (bytes) => {
        counts.received += bytes;
        if (performance.now() - counts.told > PROGRESS_DELAY) show();
      },
      finish: show,
    };
  };

  const watchResponse = async (response, meter) => {
    // What is compressed on its way has another length than what is read here.
    const length = response.headers.get("Content-Encoding") ? 0 : Number(response.headers.get("Content-Length"));
    meter.announce(length || 0);
    const reader = response.body.getReader();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      meter.add(part.value.byteLength);
    }
  };

  // Counts what is fetched while some work is done. A copy of each answer is read: the answer itself stays as it is.
  const withMeter = async (meter, work) => {
    const { fetch } = globalThis;
    const { open } = globalThis.XMLHttpRequest.prototype;
    globalThis.fetch = async (...request) => {
      const response = await fetch(...request);
      if (response.ok && response.body) watchResponse(response.clone(), meter).catch(() => {});
      return response;
    };
    // Releases up to 0.22 read one of their files this way.
    globalThis.XMLHttpRequest.prototype.open = function openWatched(...request) {
      let before = 0;
      this.addEventListener("progress", (event) => {
        if (before === 0 && event.lengthComputable) meter.announce(event.total);
        meter.add(event.loaded - before);
        before = event.loaded;
      });
      return open.apply(this, request);
    };
    try {
      return await work();
    } finally {
      globalThis.fetch = fetch;
      globalThis.XMLHttpRequest.prototype.open = open;
      meter.finish();
    }
  };

  // Holds a file back. The loader asks early for the lock file and needs it late: Python starts meanwhile, and then
  // takes the packages of a build that did not exist when it started.
  const holdFile = (name) => {
    const { fetch } = globalThis;
    const held = { since: 0 };
    const released = new Promise((resolve) => {
      held.release = () => {
        held.since = performance.now();
        resolve();
      };
    });
    globalThis.fetch = async (...request) => {
      const address = String(request[0]?.url ?? request[0]);
      if (address.endsWith(`/${name}`)) await released;
      return fetch(...request);
    };
    return held;
  };

  const addScript = (address) => new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = address;
    script.onload = resolve;
    script.onerror = () => reject(new Error(`cannot load ${address}`));
    document.head.append(script);
  });

  const loadLoader = async (address) => {
    if (address.endsWith(".mjs")) return (await import(address)).loadPyodide;
    if (typeof document === "undefined") {
      importScripts(address);
    } else {
      await addScript(address);
    }
    return globalThis.loadPyodide;
  };

  // What `build --debug` writes into modules, for stack traces.
  const BACKTRACES = "cargo-pyodide.backtraces";

  // The text of a module's custom section; null if it has none of this name.
  const customSection = (bytes, wanted) => {
    let at = 8;
    const number = () => {
      let [value, factor] = [0, 1];
      for (;;) {
        const byte = bytes[at++];
        value += (byte & 127) * factor;
        factor *= 128;
        if (byte < 128) return value;
      }
    };
    const text = (end) => new TextDecoder().decode(bytes.subarray(at, end));
    while (at < bytes.length) {
      const id = bytes[at++];
      const end = number() + at;
      if (id === 0) {
        const nameEnd = number() + at;
        const name = text(nameEnd);
        at = nameEnd;
        if (name === wanted) return text(end);
      }
      at = end;
    }
    return null;
  };

  // These sections of the modules below a folder that were not read before.
  const findSections = (FS, folder, read) => FS.readdir(folder).filter((name) => name !== "." && name !== "..")
    .flatMap((name) => {
      const path = `${folder}/${name}`;
      if (FS.isDir(FS.stat(path).mode)) return findSections(FS, path, read);
      if (!name.endsWith(".so") || read.has(path)) return [];
      read.add(path);
      return customSection(FS.readFile(path), BACKTRACES) ?? [];
    });

  const sitePackages = (FS) => FS.readdir("/lib").filter((name) => /^python3\.\d+$/.test(name))
    .map((name) => `/lib/${name}/site-packages`).filter((folder) => FS.analyzePath(folder).exists);

  // Reads the functions that panics come through. `load` comes first; what is in a program's modules is read at its
  // first panic, each module once.
  const makePanics = (findFS) => {
    const found = { tools: null, backtraces: null, read: new Set(), frames: [] };
    return {
      load: async () => {
        found.tools = await import(new URL("backtrace.js", location.href).href);
        found.backtraces = found.tools.makeBacktraces();
      },
      read: (stack) => {
        const FS = findFS();
        const sections = FS ? sitePackages(FS).flatMap((folder) => findSections(FS, folder, found.read)) : [];
        sections.forEach(found.backtraces.addTable);
        found.frames = found.backtraces.read(stack);
        return found.frames;
      },
      describe: () => found.tools.describeBacktrace(found.frames),
      forget: () => { found.frames = []; },
    };
  };

  // Gathers output and sends it in larger pieces.
  const makeOutput = (tell, readPanic) => {
    const pending = { stream: "stdout", text: "", sent: 0, timer: 0 };
    const flush = () => {
      clearTimeout(pending.timer);
      pending.timer = 0;
      if (pending.text) tell({ type: "output", stream: pending.stream, text: pending.text });
      pending.text = "";
      pending.sent = performance.now();
    };
    const write = (stream, text) => {
      // Rust says so before it unwinds: what called it is still there.
      if (stream === "stderr" && text.includes(" panicked at ")) {
        tell({ type: "panic", frames: readPanic(new Error().stack ?? "") });
      }
      if (stream !== pending.stream) flush();
      pending.stream = stream;
      pending.text += text;
      if (pending.text.length > OUTPUT_SIZE || performance.now() - pending.sent > OUTPUT_DELAY) {
        flush();
      } else if (!pending.timer) {
        pending.timer = setTimeout(flush, OUTPUT_DELAY);
      }
    };
    return { write, flush };
  };

  // Options of the loader that send what it says to these functions. Up to 0.21 they are arguments of their own.
  const callbacks = (pyodide, errorCallback) => {
    const messageCallback = () => {};
    const isOld = pyodide.version.startsWith("0.21.");
    return isOld ? [messageCallback, errorCallback] : [{ messageCallback, errorCallback }];
  };

  // Loads packages, and throws what the loader only says: that a package did not load.
  const loadPackages = async (pyodide, names) => {
    const said = [];
    await pyodide.loadPackage(names, ...callbacks(pyodide, (text) => said.push(text)));
    const missing = names.filter((name) => !(name in pyodide.loadedPackages));
    if (missing.length || said.length) {
      throw new Error(said.join("\n") || `The loader left out ${missing.join(", ")} without a reason.`);
    }
  };

  const fetchText = async (name) => {
    const answer = await fetch(new URL(name, location.href));
    if (!answer.ok) throw new Error(`cannot load ${answer.url}: ${answer.status}`);
    return answer.text();
  };

  const start = async (request, held, output, panics, tell, fail) => {
    const begun = performance.now();
    const meter = makeMeter(request.expected, tell);
    return withMeter(meter, async () => {
      tell({ type: "phase", text: "Loading Pyodide" });
      const [loadPyodide, source] = await Promise.all([
        loadLoader(request.indexURL + request.module), fetchText("playground.py"), panics.load(),
      ]);
      // What a release says while it starts is none of the program's output.
      let isStarted = false;
      const pyodide = await loadPyodide({
        indexURL: request.indexURL,
        stdout: (line) => isStarted && output.write("stdout", `${line}\n`),
        stderr: (line) => output.write("stderr", `${line}\n`),
      });
      isStarted = true;
      // When Python dies inside its event loop, what waits for it would wait for ever.
      pyodide._api.on_fatal = fail;
      const loaded = performance.now();
      pyodide.FS.mkdirTree("/playground");
      pyodide.FS.writeFile("/playground/_playground.py", source);
      pyodide.runPython("import sys; sys.path.append('/playground')");
      const playground = pyodide.pyimport("_playground");
      playground.begin(output.write, panics.describe);
      if (request.packages.length) {
        tell({ type: "phase", text: `Loading ${request.packages.join(", ")}` });
        await loadPackages(pyodide, request.packages);
      }
      // What Python did before anybody waited for it took no time.
      const waited = loaded - Math.max(begun, held?.since ?? 0);
      const seconds = { runtime: waited / 1000, packages: (performance.now() - loaded) / 1000 };
      tell({ type: "ready", seconds, python: pyodide.runPython("sys.version.split()[0]") });
      return { pyodide, playground };
    });
  };

  // Loads what the code imports and the release has. What cannot be had is told; the import then says the rest.
  const loadImports = async (pyodide, code, output, tell) => {
    const before = new Set(Object.keys(pyodide.loadedPackages));
    const options = callbacks(pyodide, (text) => output.write("stderr", `${text}\n`));
    try {
      await withMeter(makeMeter(0, tell), () => pyodide.loadPackagesFromImports(code, ...options));
    } catch (error) {
      // Code that does not parse is for Python to tell.
      if (error.type !== "SyntaxError" && !/SyntaxError/.test(error.message)) {
        output.write("stderr", `${error.message ?? error}\n`);
      }
    }
    return Object.keys(pyodide.loadedPackages).filter((name) => !before.has(name));
  };

  const run = async (state, code, output, tell) => {
    const loaded = await loadImports(state.pyodide, code, output, tell);
    tell({ type: "started", loaded });
    const begun = performance.now();
    const outcome = JSON.parse(await state.playground.run(code));
    output.flush();
    tell({ type: "done", ...outcome, seconds: (performance.now() - begun) / 1000, drawn: drawnHeight() });
  };

  // How high what the program drew into its document is, if it has one and drew.
  const drawnHeight = () => {
    if (typeof document === "undefined" || !document.body || !document.body.childElementCount) return 0;
    return document.documentElement.scrollHeight;
  };

  globalThis.startRunner = (port) => {
    // Chromium keeps ten frames; Python alone has more.
    Error.stackTraceLimit = 200;
    const tell = (message) => port.postMessage(message);
    let state = null;
    let held = null;
    const panics = makePanics(() => state?.pyodide.FS);
    const output = makeOutput(tell, panics.read);
    const fail = (error) => {
      output.flush();
      tell({ type: "failed", message: String(error?.message ?? error), stack: String(error?.stack ?? "") });
    };
    port.onmessage = async ({ data }) => {
      try {
        if (data.type === "load") {
          held = data.heldFile ? holdFile(data.heldFile) : null;
          state = await start(data, held, output, panics, tell, fail);
        }
        if (data.type === "begin") held?.release();
        if (data.type === "run") {
          panics.forget();
          await run(state, data.code, output, tell);
        }
      } catch (error) {
        fail(error);
      }
    };
    // What is thrown outside of any call, as by a callback of the program, is shown and ends nothing.
    globalThis.addEventListener("unhandledrejection", (event) => {
      output.write("stderr", `${event.reason?.message ?? event.reason}\n`);
      output.flush();
    });
  };
}
