// Runs a session on Node: node node_session.mjs REQUEST EVENTS, where REQUEST is a JSON file written by cargo-pyodide
// and EVENTS a file to which events are added, one JSON document a line.

import fs from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { writeAll } from "./node_output.mjs";
import { withFileConstants } from "./node_binding.mjs";
import { withoutSockets } from "./node_sockets.mjs";
import { run, summary } from "./session.mjs";

const request = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));
withFileConstants();
const events = fs.openSync(process.argv[3], "a");

const io = {
  started: withoutSockets(),
  load: async () => (await import(pathToFileURL(path.join(request.runtime, "pyodide.mjs")).href)).loadPyodide,
  options: { indexURL: request.runtime + path.sep },
  read: async (name) => fs.readFileSync(request.files[name]),
  url: () => null,
  address: (name) => request.files[name],
  write: (descriptor, text) => writeAll(descriptor, typeof text === "string" ? Buffer.from(text) : text),
  event: (event) => fs.writeSync(events, JSON.stringify(event) + "\n"),
};

console.log = () => {};
try {
  const status = await run(request, io);
  io.event({ event: "done", status });
  process.exit(0);
} catch (error) {
  io.write(2, `error: the Python interpreter died: ${error.stack ?? error}\n`);
  io.event({ event: "died", message: summary(error) });
  process.exit(125);
}
