// Runs a session in a browser, on the page's main thread or in a worker. Everything is sent to the server from which
// the page came, by requests that block: what was sent has arrived before the interpreter can die.

import { run, summary } from "/session.mjs";

/** Sends bytes or text to the server. */
function post(path, body) {
  const request = new XMLHttpRequest();
  request.open("POST", path, false);
  request.send(body);
}

const event = (content) => post("/event", JSON.stringify(content));
const describe = (error) => String(error?.stack ?? error?.message ?? error);

for (const level of ["log", "info", "warn", "error"]) {
  console[level] = (...words) => post("/console", words.map(describe).join(" ") + "\n");
}
self.addEventListener("error", (failure) => {
  event({ event: "died", message: describe(failure.error ?? failure.message) });
});
self.addEventListener("unhandledrejection", (failure) => {
  event({ event: "died", message: describe(failure.reason) });
});

event({ event: "loaded" });

export async function main() {
  const request = await (await fetch("/request.json")).json();
  const address = (name) => new URL(`/files/${name}`, self.location.origin).href;
  const io = {
    load: async () => (await import("/runtime/pyodide.mjs")).loadPyodide,
    options: { indexURL: "/runtime/" },
    read: async (name) => (await fetch(`/files/${name}`)).arrayBuffer(),
    url: address,
    address,
    write: (stream, text) => post(stream === 1 ? "/stdout" : "/stderr", text),
    event(content) {
      event(content);
      // A connection that stays open as long as this page lives: the server sees when the renderer dies. Not before the
      // runtime is there: Chromium may hold scripts back while such a connection is open.
      if (content.event === "ready") fetch("/alive").catch(() => {});
    },
  };
  try {
    const status = await run(request, io);
    event({ event: "done", status });
  } catch (error) {
    post("/stderr", `error: the Python interpreter died: ${describe(error)}\n`);
    event({ event: "died", message: summary(error) });
  }
}
