// Tells for each of many wheels whether a real Pyodide installs and loads it: node mutants.mjs RUNTIME REQUEST ANSWERS.
//
// REQUEST is JSON: { wheels: [{ name, path, module, calls }], tools: [wheels of micropip and packaging] }; `calls`
// is how many parameters the module gives to each imported function that it calls: { "env.name": 2 }.
// ANSWERS gets one line of JSON a wheel: { name, refused: why | null }.
// A wheel is refused when micropip does not take its tags, when its import fails, when one of its functions is a
// stub that resolves to nothing, or when it calls a function of JavaScript with too few parameters. A wheel that kills
// the interpreter is refused, and the rest goes on in a new process.

import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const [runtime, requestPath, answersPath, first] = process.argv.slice(2);
const request = JSON.parse(fs.readFileSync(requestPath, "utf8"));

/** Runs children until every wheel has its answer. */
function supervise() {
  fs.writeFileSync(answersPath, "");
  const answered = () => fs.readFileSync(answersPath, "utf8").split("\n").filter(Boolean).length;
  while (answered() < request.wheels.length) {
    const at = answered();
    const child = spawnSync(
      process.execPath,
      ["--no-warnings", fileURLToPath(import.meta.url), runtime, requestPath, answersPath, String(at)],
      { encoding: "utf8", timeout: 120_000 },
    );
    if (answered() === at) {
      if (child.stderr.includes("cannot start")) throw new Error(child.stderr);
      answer(request.wheels[at], `the interpreter died: ${child.stderr.trim().split("\n").at(-1)}`);
    }
  }
}

function answer(wheel, refused) {
  fs.appendFileSync(answersPath, JSON.stringify({ name: wheel.name, refused }) + "\n");
}

/** Every instance that the loader makes, with what it was given. */
const instances = [];

function watchInstances() {
  const { Instance } = WebAssembly;
  WebAssembly.Instance = new Proxy(Instance, {
    construct(target, [module, imports]) {
      instances.push({ module, imports });
      return new target(module, imports);
    },
  });
}

/** The functions that a module imports, that it does not export itself, and that resolve to nothing. */
function unresolved() {
  const found = [];
  for (const { module, imports } of instances) {
    const own = new Set(WebAssembly.Module.exports(module).map(({ name }) => name));
    for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
      if (kind !== "function" || own.has(name)) continue;
      const provided = imports[from]?.[name];
      // The loader's stubs look their function up when they are called; what they stand for must not run.
      if (!/resolveSymbol|resolved/.test(String(provided))) continue;
      try {
        provided();
      } catch (error) {
        if (/cannot resolve symbol|undefined|not a function/.test(String(error))) found.push(name);
      }
    }
  }
  return found;
}

/** The functions of JavaScript that a module calls with fewer parameters than they take. */
function short(calls) {
  const found = [];
  for (const { imports } of instances) {
    for (const [name, given] of Object.entries(calls)) {
      const [from, ...rest] = name.split(".");
      const provided = imports[from]?.[rest.join(".")];
      const isScript = typeof provided === "function" && !String(provided).includes("[native code]");
      if (isScript && provided.length > given) found.push(`${name} takes ${provided.length} and gets ${given}`);
    }
  }
  return found;
}

/** A missing address stays in the loader's table and would fail every later module: fill what nothing filled. */
function forgetAddresses() {
  for (const { module, imports } of instances.splice(0)) {
    for (const { module: from, name } of WebAssembly.Module.imports(module)) {
      if (from !== "GOT.mem" && from !== "GOT.func") continue;
      const cell = imports[from][name];
      if (cell.value === 0 || cell.value === -1) cell.value = 1;
    }
  }
}

const CHECK = `
def check(name, folder, module):
    import importlib, sys
    if "micropip" in sys.modules:
        from micropip._utils import check_compatible
        try:
            check_compatible(name)
        except Exception as error:
            return f"micropip: {error}"
    sys.path.insert(0, folder)
    importlib.invalidate_caches()
    try:
        importlib.import_module(module)
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
    finally:
        sys.path.remove(folder)
        sys.modules.pop(module, None)
    return None
check
`;

async function child() {
  let pyodide;
  try {
    watchInstances();
    const { loadPyodide } = await import(pathToFileURL(path.join(runtime, "pyodide.mjs")).href);
    const quiet = () => {};
    pyodide = await loadPyodide({ indexURL: runtime + path.sep, stdout: quiet, stderr: quiet });
    const extractDir = pyodide.runPython("import sysconfig; sysconfig.get_path('purelib')");
    for (const tool of request.tools) {
      pyodide.unpackArchive(new Uint8Array(fs.readFileSync(tool)), "zip", { extractDir });
    }
    if (request.tools.length > 0) pyodide.runPython("import importlib; importlib.invalidate_caches(); import micropip");
  } catch (error) {
    process.stderr.write(`cannot start: ${error.stack ?? error}\n`);
    process.exit(3);
  }
  const check = pyodide.runPython(CHECK);
  instances.length = 0;
  for (const [index, wheel] of request.wheels.entries()) {
    if (index < Number(first)) continue;
    const folder = `/mutants/${index}`;
    pyodide.FS.mkdirTree(folder);
    pyodide.unpackArchive(new Uint8Array(fs.readFileSync(wheel.path)), "zip", { extractDir: folder });
    let refused = check(path.basename(wheel.path), folder, wheel.module) ?? null;
    const missing = unresolved();
    if (refused === null && missing.length > 0) refused = `unresolved: ${missing.join(", ")}`;
    const lacking = short(wheel.calls);
    if (refused === null && lacking.length > 0) refused = `too few parameters: ${lacking.join(", ")}`;
    forgetAddresses();
    answer(wheel, refused);
  }
}

if (first === undefined) supervise();
else await child();
process.exit(0);
