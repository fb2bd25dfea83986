// Runs a session in a browser, on the page's main thread or in a worker. Everything is sent to the server from which
// the page came, by requests that block: what was sent has arrived before the interpreter can die.

import { run, summary } from "./session.mjs";

/** What a message holds at most: the server takes no message without end. */
const PIECE = 1 << 20;

/** The address of something beside this script: all lies below a path that nobody else knows. */
const address = (name) => new URL(name, import.meta.url).href;

/** Whether a request blocks the page right now. */
let isBlocked = false;

/** Runs a function now, or as a task of its own once no request blocks. */
function whenUnblocked(run) {
  if (isBlocked) setTimeout(whenUnblocked, 0, run);
  else run();
}

// While a request blocks its page, Firefox still tells what was collected. Pyodide then frees Python objects, which
// ends the interpreter when it is inside a write: it has given its lock away there.
self.FinalizationRegistry = class extends FinalizationRegistry {
  constructor(clean) {
    super((held) => whenUnblocked(() => clean(held)));
  }
};

/** Sends bytes or text to the server. */
function post(path, body) {
  const request = new XMLHttpRequest();
  request.open("POST", address(path), false);
  isBlocked = true;
  try {
    request.send(body);
  } finally {
    isBlocked = false;
  }
  if (request.status !== 200) throw new Error(`the tool did not take ${path} (${request.status})`);
}

/** Sends output, long output in pieces. */
function postOutput(path, output) {
  const bytes = typeof output === "string" ? new TextEncoder().encode(output) : output;
  for (let start = 0; start < bytes.length; start += PIECE) post(path, bytes.slice(start, start + PIECE));
}

const event = (content) => post("event", JSON.stringify(content));
const describe = (error) => String(error?.stack ?? error?.message ?? error);

for (const level of ["log", "info", "warn", "error"]) {
  console[level] = (...words) => postOutput("console", words.map(describe).join(" ") + "\n");
}
self.addEventListener("error", (failure) => {
  event({ event: "died", message: describe(failure.error ?? failure.message) });
});
self.addEventListener("unhandledrejection", (failure) => {
  event({ event: "died", message: describe(failure.reason) });
});

event({ event: "loaded" });

export async function main() {
  const request = await (await fetch(address("request.json"))).json();
  const io = {
    load: async () => (await import(address("runtime/pyodide.mjs"))).loadPyodide,
    options: { indexURL: address("runtime/") },
    read: async (name) => (await fetch(address(`files/${name}`))).arrayBuffer(),
    url: (name) => address(`files/${name}`),
    address: (name) => address(`files/${name}`),
    write: (stream, text) => postOutput(stream === 1 ? "stdout" : "stderr", text),
    event(content) {
      event(content);
      // A connection that stays open as long as this page lives: the server sees when the renderer dies. Not before the
      // runtime is there: Chromium may hold scripts back while such a connection is open.
      if (content.event === "ready") fetch(address("alive")).catch(() => {});
    },
  };
  try {
    const status = await run(request, io);
    event({ event: "done", status });
  } catch (error) {
    postOutput("stderr", `error: the Python interpreter died: ${describe(error)}\n`);
    event({ event: "died", message: summary(error) });
  }
}
