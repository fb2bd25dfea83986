// What a program prints, what its last line came to, and its errors: Rust panics first, tracebacks folded.

import { describeBacktrace } from "./backtrace.js";
import { make } from "./elements.js";

// More text than this makes the page slow; what came first goes first.
const MOST = 200000;

// "thread 'main' (1) panicked at src/lib.rs:3:5:", with the text from the next line on.
const PANIC = /^thread '[^\n]*?'(?: \(\d+\))? panicked at (?<place>[^\n]+?:\d+:\d+):\n/gm;
const PANIC_END = /^(?:note: |stack backtrace:|thread '|--- PyO3 )/m;
// The same up to Rust 1.72.
const OLD_PANIC = /^thread '[^\n]*?' panicked at '(?<message>[^]*?)', (?<place>[^\n]+?:\d+:\d+)$/gm;

// The last panic that a text of Rust's tells of, if it does: earlier ones were caught.
export const readPanic = (text) => {
  const match = [...text.matchAll(PANIC)].pop();
  if (!match) return [...text.matchAll(OLD_PANIC)].pop()?.groups ?? null;
  const rest = text.slice(match.index + match[0].length);
  const end = rest.search(PANIC_END);
  return { place: match.groups.place, message: (end < 0 ? rest : rest.slice(0, end)).trim() };
};

const isPanic = (error) => error.type === "PanicException";

// An error as an element that says what happened before it says where.
const errorCard = (error, panic, frames, onLine) => {
  const title = isPanic(error) ? "Rust panic" : error.type;
  const card = make("div", { className: "error", role: "alert" }, make("strong", {}, title));
  const message = panic?.message || error.message;
  if (message) card.append(make("p", { className: "message" }, message));
  if (panic) card.append(make("p", { className: "place" }, "at ", make("code", {}, panic.place)));
  if (panic && error.message !== panic.message) {
    card.append(make("p", { className: "place" }, `PanicException: ${error.message}`));
  }
  if (error.line) {
    const go = make("button", { type: "button", className: "quiet" }, `line ${error.line} of your code`);
    go.addEventListener("click", () => onLine(error.line));
    card.append(make("p", { className: "place" }, "in ", go));
  }
  if (frames.length) {
    const summary = make("summary", {}, "Rust functions, innermost first");
    card.append(make("details", { open: true }, summary, make("pre", {}, describeBacktrace(frames))));
  }
  if (error.traceback) {
    const summary = make("summary", {}, error.module ? "Traceback" : "Details");
    card.append(make("details", {}, summary, make("pre", {}, error.traceback)));
  }
  return card;
};

// Writes into `log`; `onLine` is called when a line of the code is asked for.
export const makeOutput = (log, onLine) => {
  let size = 0;
  // What went to standard error since the run began: a panic is said there.
  let said = "";
  // The functions that the last panic came through, if modules have names.
  let frames = [];

  const add = (element) => {
    const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    log.append(element);
    if (isAtEnd) log.scrollTop = log.scrollHeight;
  };
  const shorten = (isCut) => {
    if (size <= MOST && !isCut) return;
    while (size > MOST && log.firstElementChild) {
      size -= log.firstElementChild.textContent.length;
      log.firstElementChild.remove();
    }
    log.prepend(make("p", { className: "cut" }, "What came before is not shown any more."));
  };

  return {
    begin: () => {
      log.replaceChildren();
      size = 0;
      said = "";
      frames = [];
    },
    panic: (found) => {
      frames = found;
      if (frames.length) console.error(`Rust panicked in\n${describeBacktrace(frames)}`);
    },
    write: (stream, written) => {
      const text = written.slice(-MOST);
      size += text.length;
      if (stream === "stderr") said = (said + text).slice(-MOST);
      add(make("span", { className: stream }, text));
      shorten(written.length > MOST);
    },
    result: (text) => add(make("div", { className: "result" }, make("span", { className: "label" }, "Result"),
      make("pre", {}, text.length > MOST ? `${text.slice(0, MOST)}…` : text))),
    error: (error) => {
      const [panic, stack] = isPanic(error) ? [readPanic(said), frames] : [null, []];
      add(errorCard(error, panic, stack, onLine));
    },
    // The interpreter itself has ended, or did not start.
    fatal: (title, failure) => {
      const panic = readPanic(said);
      // A stack begins with its message in some browsers.
      const stack = failure.stack.replace(/^[^]*?\n +at /, "at ");
      const error = { type: title, message: failure.message, traceback: stack };
      const card = errorCard(error, null, panic ? frames : [], onLine);
      if (panic) card.append(make("p", { className: "message" }, `Rust panicked: ${panic.message} (${panic.place})`));
      add(card);
    },
    note: (text) => add(make("p", { className: "cut" }, text)),
  };
};
