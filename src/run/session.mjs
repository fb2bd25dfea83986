// One Pyodide with wheels installed: what Node, a page and a worker have in common.
//
// `io` says how the place reads files and where it sends what happens:
//   io.load()              → loadPyodide of the release
//   io.options             → options of loadPyodide beside the streams
//   io.read(name)          → the bytes of a file of this run
//   io.url(name)           → an address under which micropip finds a wheel, or null where there is no server
//   io.address(name)       → an address or a path under which loadPackage finds a wheel
//   io.write(stream, text) → stream is 1 or 2; text may be bytes
//   io.started(pyodide)    → the runtime has loaded; not every place cares
//   io.event(event)        → an event of a test run, delivered before it returns

/** Starts the runtime with the streams of the run. */
async function start(request, io) {
  const loadPyodide = await io.load();
  let isStarted = false;
  const line = (stream) => (text) => isStarted && io.write(stream, text + "\n");
  const streams = { stdout: line(request.stdout), stderr: line(2), stdin: () => null };
  const pyodide = await loadPyodide({ ...io.options, ...streams });
  io.started?.(pyodide);
  if (request.rawStreams) {
    const writer = (stream) => ({ write: (bytes) => (io.write(stream, bytes.slice()), bytes.length) });
    pyodide.setStdout(writer(request.stdout));
    pyodide.setStderr(writer(2));
  }
  isStarted = true;
  return pyodide;
}

/** Unpacks archives into a folder of the runtime. */
async function unpack(pyodide, io, names, extractDir) {
  for (const name of names) pyodide.unpackArchive(new Uint8Array(await io.read(name)), "zip", { extractDir });
}

/** Installs the wheels as a page does that names them. */
async function loadPackages(pyodide, request, io) {
  const silent = { messageCallback: () => {}, checkIntegrity: false };
  await pyodide.loadPackage(request.wheels.map(io.address), silent);
}

/** Installs the wheels as a user does: with micropip, which checks their tags; unpacks them where there is none. */
async function install(pyodide, request, io) {
  const purelib = pyodide.runPython("import sysconfig; sysconfig.get_path('purelib')");
  await unpack(pyodide, io, request.foundation, purelib);
  pyodide.runPython("import importlib; importlib.invalidate_caches()");
  if (request.foundation.length === 0) return unpack(pyodide, io, request.wheels, purelib);
  const micropip = pyodide.pyimport("micropip");
  pyodide.FS.mkdirTree("/tmp/wheels");
  for (const name of request.wheels) {
    let url = io.url(name);
    if (url === null) {
      pyodide.FS.writeFile(`/tmp/wheels/${name}`, new Uint8Array(await io.read(name)));
      url = `emfs:/tmp/wheels/${name}`;
    }
    await micropip.install.callKwargs(url, { deps: false });
  }
  return pyodide.runPython("importlib.invalidate_caches()");
}

/** Loads packages of the release as its own loader does, with the libraries and packages that they depend on. */
async function load(pyodide, request) {
  if (request.loaded.length === 0) return;
  // Files may come from elsewhere than the release's network: they were checked when they were fetched.
  await pyodide.loadPackage(request.loaded, ...(request.rawStreams ? [{ checkIntegrity: false }] : []));
  const missing = request.loaded.filter((name) => pyodide.loadedPackages[name] === undefined);
  if (missing.length > 0) throw new Error(`the release did not load its packages ${missing.join(", ")}`);
}

/** The line of an error that says most: a Python error's last but for advice, another's first. */
export function summary(error) {
  const lines = String(error?.message ?? error).split("\n");
  const ofPython = lines.filter((line) => /^[\w.]+(Error|Exception|Interrupt|Exit)\b/.test(line));
  return ofPython.pop() ?? lines.find((line) => line.trim() !== "") ?? "no reason was given";
}

/** Runs a script or tests. Returns the exit status; throws if the interpreter dies. */
export async function run(request, io) {
  let pyodide;
  let installed;
  try {
    pyodide = await start(request, io);
    await load(pyodide, request);
    if (request.installation === "loadpackage") {
      const started = performance.now();
      await loadPackages(pyodide, request, io);
      installed = performance.now() - started;
    } else {
      await install(pyodide, request, io);
    }
    if (request.archives.length > 0) {
      pyodide.FS.mkdirTree(request.folder);
      await unpack(pyodide, io, request.archives, request.folder);
    }
  } catch (error) {
    io.event({ event: "fatal", message: `Pyodide could not be made ready: ${summary(error)}` });
    throw error;
  }
  io.event({ event: "ready", installed });
  const report = (text) => io.event(JSON.parse(text));
  const program = pyodide.runPython(request.harness);
  // Where the engine can switch stacks, asyncio may wait inside a call, if the call promises its result.
  const canSwitch = request.switchesStacks && "Suspending" in WebAssembly;
  const call = canSwitch ? program.callPromising.bind(program) : program;
  return call(JSON.stringify(request.program), report);
}
