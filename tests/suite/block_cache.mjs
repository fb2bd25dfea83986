// Allocates at random through a module that keeps blocks: node block_cache.mjs MODULE.
//
// The module exports `allocate`, `resize` and `release`, which call `malloc`, `realloc` and `free`. Prints one line
// of JSON for each kind of allocator: { name, calls: of its functions }. What is wrong is thrown.

import fs from "node:fs";

const module = new WebAssembly.Module(fs.readFileSync(process.argv[2]));
const OPERATIONS = 60_000;
const PAGES = 512;

/** Numbers that are the same in each run. */
function numbers(seed) {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** An allocator whose chunks have a head of `alignment` bytes' granularity, or no head that says anything. */
class Allocator {
  calls = 0;
  #free = new Map();
  #sizes = new Map();
  #next = 1024;
  #random = numbers(7);

  constructor(memory, { alignment, hasHead, limit }) {
    Object.assign(this, { words: new Uint32Array(memory.buffer), bytes: new Uint8Array(memory.buffer) });
    Object.assign(this, { alignment, hasHead, limit });
  }

  malloc(bytes) {
    this.calls += 1;
    const size = Math.max(16, Math.ceil((bytes + 4) / this.alignment) * this.alignment);
    const block = this.#free.get(size)?.pop() ?? this.#fresh(size);
    if (block === 0) return 0;
    // The flag of the chunk before it comes and goes.
    const head = size + 2 + this.#random(2);
    this.words[block / 4 - 1] = this.hasHead ? head : this.#random(2 ** 32);
    this.#sizes.set(block, size);
    return block;
  }

  #fresh(size) {
    if (this.#next + size > this.limit) return 0;
    const block = this.#next;
    this.#next += size;
    return block;
  }

  free(block) {
    this.calls += 1;
    if (block === 0) return;
    const size = this.#sizes.get(block);
    if (size === undefined) throw new Error(`${block} is freed, which is not allocated`);
    this.#sizes.delete(block);
    if (!this.#free.has(size)) this.#free.set(size, []);
    this.#free.get(size).push(block);
  }

  realloc(block, bytes) {
    const moved = this.malloc(bytes);
    if (block === 0 || moved === 0) return moved;
    this.bytes.copyWithin(moved, block, block + Math.min(bytes, this.#sizes.get(block) - 4));
    this.free(block);
    return moved;
  }
}

function run({ name, ...kind }) {
  const memory = new WebAssembly.Memory({ initial: PAGES });
  const allocator = new Allocator(memory, kind);
  const { allocate, resize, release } = new WebAssembly.Instance(module, {
    env: {
      memory,
      malloc: (bytes) => allocator.malloc(bytes),
      free: (block) => allocator.free(block),
      realloc: (block, bytes) => allocator.realloc(block, bytes),
    },
  }).exports;
  const random = numbers(1);
  const live = [];
  const image = new Uint8Array(memory.buffer);
  const check = ({ block, bytes, mark }) => {
    for (const at of [0, 1, bytes >> 1, bytes - 1]) {
      const changed = at >= 0 && at < bytes && image[block + at] !== mark;
      if (changed) throw new Error(`${name}: ${bytes} bytes at ${block} changed`);
    }
  };
  for (let operation = 0; operation < OPERATIONS; operation++) {
    // Mostly small, some of none, some that no list keeps.
    const bytes = random(20) === 0 ? random(5000) : random(120);
    const mark = operation & 0xff;
    const choice = random(5);
    if (choice < 2 || live.length === 0) {
      const block = allocate(bytes);
      if (block === 0) continue;
      image.fill(mark, block, block + bytes);
      live.push({ block, bytes, mark });
    } else {
      const [held] = live.splice(random(live.length), 1);
      check(held);
      if (choice === 2 && bytes > 0) {
        const block = resize(held.block, bytes);
        if (block === 0) {
          live.push(held);
          continue;
        }
        check({ ...held, block, bytes: Math.min(bytes, held.bytes) });
        image.fill(mark, block, block + bytes);
        live.push({ block, bytes, mark });
      } else {
        release(held.block);
      }
    }
    // So that lists become full, and empty.
    if (operation % 10_000 === 9_999) live.splice(0).forEach(({ block }) => release(block));
  }
  release(0);
  console.log(JSON.stringify({ name, calls: allocator.calls }));
}

const whole = PAGES * 65_536;
run({ name: "heads of 8 bytes", alignment: 8, hasHead: true, limit: whole });
run({ name: "heads of 16 bytes", alignment: 16, hasHead: true, limit: whole });
run({ name: "no heads", alignment: 8, hasHead: false, limit: whole });
run({ name: "little memory", alignment: 8, hasHead: true, limit: 40_000 });
run({ name: "no memory", alignment: 8, hasHead: true, limit: 0 });
