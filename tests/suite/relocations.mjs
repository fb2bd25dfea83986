// Starts side modules in pairs, without Pyodide, and compares what they leave in memory: node relocations.mjs REQUEST.
//
// REQUEST is JSON: [{ name, before, after }], with the paths of a module and of the same module rewritten. Prints one
// line of JSON a pair: { name, difference: what differs | null }.
// A module gets memory, bases and addresses as a loader gives them, and functions that do nothing. Memory that is not
// the module's is filled with a mark, so that a write to it is a difference too.

import fs from "node:fs";

const PAGES = 320;
const MARK = 0xaa;
/** Two places, so that one module is there twice. */
const PLACES = [
  { memory: 0x0040_0000, table: 1000 },
  { memory: 0x00c0_0010, table: 90_000 },
];
const STACK = 0x0010_0000;

/** What the section `dylink.0` says of memory. */
function memoryInfo(module) {
  const bytes = new Uint8Array(WebAssembly.Module.customSections(module, "dylink.0")[0]);
  let at = 0;
  const number = () => {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value >>> 0;
    }
  };
  while (at < bytes.length) {
    const id = bytes[at++];
    const end = number() + at;
    if (id === 1) return { size: number(), alignment: number() };
    at = end;
  }
  throw new Error("no memory in dylink.0");
}

/** An address that depends on the name alone. */
function addressOf(name) {
  let hash = 7;
  for (const letter of name) hash = (hash * 31 + letter.codePointAt(0)) % 0x7fff_fff1;
  return hash;
}

function importsOf(module, place, { memory, table }) {
  const given = {};
  for (const { module: from, name, kind } of WebAssembly.Module.imports(module)) {
    given[from] ??= {};
    given[from][name] = provide(from, name, kind, place, { memory, table });
  }
  return given;
}

function provide(from, name, kind, place, { memory, table }) {
  if (kind === "memory") return memory;
  if (kind === "table") return table;
  if (kind === "function") return () => 0;
  if (kind === "tag") return new WebAssembly.Tag({ parameters: ["i32"] });
  const constants = { __memory_base: place.memory, __table_base: place.table };
  if (from === "env" && name in constants) return new WebAssembly.Global({ value: "i32" }, constants[name]);
  const mutable = from !== "env" || name === "__stack_pointer";
  const value = name === "__stack_pointer" ? STACK : addressOf(name);
  return new WebAssembly.Global({ value: "i32", mutable }, value);
}

/** Starts a module at each place and returns all of memory, at each step, and what was thrown. */
function start(path) {
  const module = new WebAssembly.Module(fs.readFileSync(path));
  const { size } = memoryInfo(module);
  const memory = new WebAssembly.Memory({ initial: PAGES });
  const table = new WebAssembly.Table({ initial: 200_000, element: "anyfunc" });
  const image = new Uint8Array(memory.buffer);
  image.fill(MARK);
  const steps = [];
  const step = (name, work) => {
    let thrown = null;
    try {
      work();
    } catch (error) {
      thrown = `${error.name}: ${error.message}`;
    }
    steps.push({ name, thrown, image: image.slice() });
  };
  for (const place of PLACES) {
    image.fill(0, place.memory, place.memory + size);
    let instance;
    step("instance", () => {
      instance = new WebAssembly.Instance(module, importsOf(module, place, { memory, table }));
    });
    if (instance === undefined) break;
    const { __wasm_apply_data_relocs: relocate, __wasm_call_ctors: construct } = instance.exports;
    step("relocations", () => relocate?.());
    step("relocations again", () => relocate?.());
    step("constructors", () => construct?.());
  }
  return { size, steps };
}

/** What differs, for reading; null if nothing does. */
function compare(before, after) {
  const [old, now] = [start(before), start(after)];
  if (old.steps.length !== now.steps.length) return `${now.steps.at(-1).thrown}`;
  for (const [index, { name, thrown, image }] of now.steps.entries()) {
    const expected = old.steps[index];
    if (thrown !== expected.thrown) return `${name}: ${thrown} was thrown, not ${expected.thrown}`;
    // Before the relocations, words in the data hold what will be added to.
    if (name === "instance") continue;
    const taken = expected.image.slice();
    for (const place of PLACES.slice(0, index < 4 ? 1 : 2)) {
      taken.fill(0, place.memory + old.size, place.memory + now.size);
    }
    if (Buffer.compare(taken, image) === 0) continue;
    const isOwn = (at) => PLACES.some(({ memory }) => at >= memory && at < memory + now.size);
    const differs = (byte, at) => byte !== taken[at];
    const foreign = image.findIndex((byte, at) => differs(byte, at) && !isOwn(at));
    if (foreign >= 0) return `${name}: foreign memory differs at ${foreign}`;
    const at = image.findIndex(differs);
    const { memory } = PLACES.findLast((place) => place.memory <= at);
    return `${name}: its memory differs at ${at - memory}`;
  }
  return null;
}

for (const { name, before, after } of JSON.parse(fs.readFileSync(process.argv[2], "utf8"))) {
  let difference;
  try {
    difference = compare(before, after);
  } catch (error) {
    difference = `${error.name}: ${error.message}`;
  }
  process.stdout.write(JSON.stringify({ name, difference }) + "\n");
}
