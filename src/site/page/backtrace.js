// Names what is on a stack of the engine's: functions of Rust, with files and lines where modules have debug
// information.

// A module's frames look like `at crate::function (wasm://…:0x12ab)` in Chromium, like
// `crate::function@…wasm-function[7]:0x12ab` in Firefox.
const FRAMES = [
  /^ *at (?<name>.+) \([^(]*wasm[^(]*:(?<offset>0x[\da-f]+)\)$/,
  /^(?<name>.+)@[^@]*wasm[^@]*:(?<offset>0x[\da-f]+)$/,
];
// What Rust calls to say that it panics.
const OF_RUST = /^<?(?:std|core|alloc|__rustc|rust_\w+)\b/;

const readFrame = (line) => {
  const found = FRAMES.map((frame) => frame.exec(line)?.groups).find(Boolean);
  return found && { name: found.name.replace(/^[\w.-]+\.(?:so|wasm)\./, ""), offset: Number(found.offset) };
};

// The section that `build --debug` writes, with the offset of each call instead of its distance from the one before.
const readTable = (text) => {
  const table = JSON.parse(text);
  let offset = 0;
  const calls = table.calls.map(([distance, frame]) => {
    offset += distance;
    return { offset, frame };
  });
  return { ...table, calls };
};

const findCall = (calls, offset) => {
  let [low, high] = [0, calls.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (calls[middle].offset <= offset) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return calls[low - 1];
};

// The functions of the sources at an offset of a module, innermost first; none if the module is another one: its
// function there has another name.
const lookUp = (table, { name, offset }) => {
  const found = [];
  let last = "";
  for (let at = findCall(table.calls, offset)?.frame ?? -1; at >= 0;) {
    const [functionAt, file, line, outer] = table.frames[at];
    last = table.functions[functionAt];
    found.push({ name: last, place: line ? `${table.files[file]}:${line}` : "" });
    at = outer;
  }
  return last === name ? found : null;
};

// The functions of Rust on a stack, innermost first, without those that say that Rust panics. `tables` are those of the
// modules. Empty unless a module's names were kept.
const readBacktrace = (stack, tables) => {
  const frames = stack.split("\n").map(readFrame).filter((frame) => frame?.name.includes("::"));
  const named = frames.flatMap((frame) => {
    const found = tables.map((table) => lookUp(table, frame)).find(Boolean);
    return found ?? [{ name: frame.name, place: "" }];
  });
  const first = named.findIndex(({ name }) => !OF_RUST.test(name));
  return named.slice(Math.max(first, 0));
};

// Keeps the debug information of modules and reads stacks with it.
export const makeBacktraces = () => {
  const tables = [];
  return {
    addTable: (text) => tables.push(readTable(text)),
    read: (stack) => readBacktrace(stack, tables),
  };
};

// Functions as text, each with its place on a line of its own.
export const describeBacktrace = (frames) => frames
  .map(({ name, place }) => (place ? `${name}\n    at ${place}` : name)).join("\n");
