// Writes, as JSON, every name that the running Pyodide in a folder gives to side modules:
// node symbols.mjs FOLDER FILE.
//
// The names come from the main module's instance: what it exports, and the object of imports it is made with, from
// which the loader of side modules resolves too.

import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";

const folder = process.argv[2];
console.log = () => {};

// The main module's instance is caught when it is made: its exports are names that side modules can import.
const instantiate = WebAssembly.instantiate;
const caught = { functions: new Set(), imports: new Set() };
const keep = (instance, imports) => {
  const names = Object.entries(instance.exports);
  if (names.length < 1000 || caught.functions.size) return;
  for (const [name, value] of names) {
    const isTag = value instanceof (WebAssembly.Tag ?? class {});
    if (isTag || value instanceof WebAssembly.Table || value instanceof WebAssembly.Memory) continue;
    caught.functions.add(name);
  }
  for (const name of Object.keys(imports.env)) {
    const value = imports.env[name];
    if (typeof value === "function" || Array.isArray(value)) caught.imports.add(name);
  }
};
WebAssembly.instantiate = async (source, imports) => {
  const result = await instantiate(source, imports);
  keep(result.instance ?? result, imports);
  return result;
};

const { loadPyodide } = await import(pathToFileURL(path.join(folder, "pyodide.mjs")).href);
await loadPyodide({ indexURL: folder + path.sep });
fs.writeFileSync(process.argv[3], JSON.stringify([...new Set([...caught.functions, ...caught.imports])].sort()));
process.exit(0);
