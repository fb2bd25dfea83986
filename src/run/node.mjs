// Runs Python in Pyodide on Node: node node.mjs REQUEST, where REQUEST is a JSON file written by cargo-pyodide.
//
// Standard input, output and error are the script's own, byte for byte where the release allows it (from 0.25 on;
// before, output goes line by line). The current folder is mounted at its own path. Status 125 means that the script
// could not be started at all.

import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { writeAll } from "./node_output.mjs";
import { withFileConstants } from "./node_binding.mjs";
import { withoutSockets } from "./node_sockets.mjs";

const COULD_NOT_START = 125;

const request = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));

/** Reads some bytes; 0 at the end. */
function readSome(buffer) {
  for (;;) {
    try {
      return fs.readSync(0, buffer);
    } catch (error) {
      if (error.code === "EOF") return 0;
      if (error.code !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    }
  }
}

/** What old releases print while they load is not the script's. */
let isStarted = false;

const ofTheScript = (write) => (text) => isStarted && write(text);
const writeLine = (descriptor) => (text) => writeAll(descriptor, Buffer.from(text + "\n"));

/** Byte-exact streams, where the release has them. */
function connectStreams(pyodide) {
  if (!request.rawStreams) return;
  const isatty = (descriptor) => request.terminals.includes(descriptor);
  pyodide.setStdin({ read: readSome, isatty: isatty(0) });
  pyodide.setStdout({ write: (bytes) => writeAll(1, bytes), isatty: isatty(1) });
  pyodide.setStderr({ write: (bytes) => writeAll(2, bytes), isatty: isatty(2) });
}

/** Shows a folder of the host at its own path, or at /host where that path is the runtime's own. */
function mount(pyodide, folder) {
  const { FS } = pyodide;
  const taken = folder === "/" || path.sep !== "/" || FS.analyzePath(folder).exists;
  const target = taken ? "/host" : folder;
  FS.mkdirTree(target);
  FS.mount(FS.filesystems.NODEFS, { root: folder }, target);
  return target;
}

async function start() {
  const { log } = console;
  console.log = ofTheScript(log);
  const started = withoutSockets();
  withFileConstants();
  const { loadPyodide } = await import(pathToFileURL(path.join(request.runtime, "pyodide.mjs")).href);
  const pyodide = await loadPyodide({
    indexURL: request.runtime + path.sep,
    stdout: ofTheScript(writeLine(1)),
    stderr: writeLine(2),
    stdin: () => {
      const buffer = Buffer.alloc(65536);
      const length = readSome(buffer);
      return length === 0 ? null : buffer.toString("utf8", 0, length);
    },
  });
  started(pyodide);
  const extractDir = pyodide.runPython("import sysconfig; sysconfig.get_path('purelib')");
  for (const wheel of request.wheels) {
    pyodide.unpackArchive(new Uint8Array(fs.readFileSync(wheel)), "zip", { extractDir });
  }
  const folder = mount(pyodide, request.folder);
  connectStreams(pyodide);
  isStarted = true;
  return { pyodide, folder };
}

// A path of this machine as Python sees it, where the current folder could not keep its name.
function insideOf(here, folder, name) {
  if (folder === here) return name;
  return path.posix.join(folder, path.relative(here, name).replaceAll(path.sep, "/"));
}

async function main() {
  let started;
  try {
    started = await start();
  } catch (error) {
    writeLine(2)(`error: Pyodide could not be started: ${error.stack ?? error}`);
    return COULD_NOT_START;
  }
  const { pyodide, folder } = started;
  try {
    const run = pyodide.runPython(request.harness);
    // Where the engine can switch stacks, asyncio may wait inside a call, if the call promises its result.
    const canSwitch = request.switchesStacks && "Suspending" in WebAssembly;
    const call = canSwitch ? run.callPromising.bind(run) : run;
    const { script } = request;
    const inside = (name) => name && insideOf(request.folder, folder, name);
    return await call(JSON.stringify({ ...script, path: inside(script.path), file: inside(script.file), folder }));
  } catch (error) {
    writeLine(2)(`error: the Python interpreter died: ${error.stack ?? error}`);
    return COULD_NOT_START;
  }
}

process.exit(await main());
