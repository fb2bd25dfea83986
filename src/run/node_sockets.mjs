// What Emscripten's sockets find on Node in the place of the package `ws`, which is not there: that there are none. A
// browser says the same. Without it the first attempt to listen would end the interpreter.

import Module from "node:module";

/** Call it before the runtime loads. Returns what the runtime must be given to when it has loaded. */
export function withoutSockets() {
  let fileSystem = null;
  const refuse = () => {
    throw new fileSystem.ErrnoError(ENOTSUP);
  };
  class NoSocket {
    constructor() {
      refuse();
    }
  }
  NoSocket.Server = NoSocket;
  NoSocket.WebSocketServer = NoSocket;
  const load = Module._load;
  Module._load = (name, ...rest) => (name === "ws" ? NoSocket : load(name, ...rest));
  return (pyodide) => {
    fileSystem = pyodide.FS;
  };
}

/** The error's number in Emscripten's C library. */
const ENOTSUP = 138;
