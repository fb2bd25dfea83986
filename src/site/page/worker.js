// Runs Python in a worker. A classic worker for releases whose loader is a script, a module worker for those
// whose loader is a module; this file is read as either, and so imports nothing by statement.
"use strict";

globalThis.addEventListener("message", async (event) => {
  const address = new URL("runner.js", location.href).href;
  if (event.data.kind === "module") {
    await import(address);
  } else {
    importScripts(address);
  }
  globalThis.startRunner(event.ports[0]);
}, { once: true });
