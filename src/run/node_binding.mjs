// What Emscripten's view of the host's files asks of Node when it starts: the numbers of the flags of files. Under the
// permission model Node itself does not answer.

import fs from "node:fs";

/** Call it before the runtime loads. */
export function withFileConstants() {
  process.binding = (name) => {
    if (name === "constants") return { fs: fs.constants };
    throw new Error(`Node's internal module ${name} is not for sessions`);
  };
}
