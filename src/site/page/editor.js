// A text area with line numbers and colours. The text area stays the one thing that is edited: undo, selection,
// input methods and screen readers work as everywhere; colours are a picture of its text below it.

import { highlight } from "./highlight.js";

const INDENT = "    ";
// Above this size each key would take too long to colour.
const MOST_COLOURED = 60000;

// Inserts text so that undo knows of it. `execCommand` is old, and the only way to.
const insert = (area, text) => {
  area.focus();
  const done = text ? document.execCommand("insertText", false, text) : document.execCommand("delete");
  if (!done) {
    area.setRangeText(text, area.selectionStart, area.selectionEnd, "end");
    area.dispatchEvent(new Event("input"));
  }
};

const lineStart = (text, place) => text.lastIndexOf("\n", place - 1) + 1;

// Replaces the lines of the selection by what a function makes of each, and keeps them selected.
const changeLines = (area, change) => {
  const { value, selectionStart, selectionEnd } = area;
  const start = lineStart(value, selectionStart);
  const isAtStart = selectionEnd > selectionStart && value[selectionEnd - 1] === "\n";
  const next = value.indexOf("\n", isAtStart ? selectionEnd - 1 : selectionEnd);
  const end = next < 0 ? value.length : next;
  const lines = value.slice(start, end).split("\n");
  const changed = change(lines);
  if (changed.join("\n") === lines.join("\n")) return;
  area.setSelectionRange(start, end);
  insert(area, changed.join("\n"));
  if (selectionStart === selectionEnd) {
    const moved = selectionStart + changed[0].length - lines[0].length;
    area.setSelectionRange(Math.max(start, moved), Math.max(start, moved));
  } else {
    area.setSelectionRange(start, start + changed.join("\n").length);
  }
};

const indentLines = (lines) => lines.map((line) => (line ? INDENT + line : line));
const dedentLines = (lines) => lines.map((line) => line.replace(/^(?: {1,4}|\t)/, ""));
const commentLines = (lines) => {
  const filled = lines.filter((line) => line.trim());
  if (filled.every((line) => /^\s*#/.test(line))) return lines.map((line) => line.replace(/^(\s*)# ?/, "$1"));
  const depth = Math.min(...filled.map((line) => line.length - line.trimStart().length));
  return lines.map((line) => (line.trim() ? `${line.slice(0, depth)}# ${line.slice(depth)}` : line));
};

// What a new line begins with.
const indentAfter = (line) => {
  const own = /^[ \t]*/.exec(line)[0];
  const code = line.replace(/#.*$/, "").trimEnd();
  if (/[:([{]$/.test(code)) return own + INDENT;
  if (/^\s*(?:return|pass|break|continue|raise)\b/.test(code)) return own.slice(0, -INDENT.length || undefined);
  return own;
};

const keys = {
  Tab: (area, event) => {
    if (event.shiftKey) {
      changeLines(area, dedentLines);
    } else if (area.value.slice(area.selectionStart, area.selectionEnd).includes("\n")) {
      changeLines(area, indentLines);
    } else {
      const column = area.selectionStart - lineStart(area.value, area.selectionStart);
      insert(area, INDENT.slice(column % INDENT.length));
    }
    return true;
  },
  Enter: (area) => {
    const line = area.value.slice(lineStart(area.value, area.selectionStart), area.selectionStart);
    insert(area, `\n${indentAfter(line)}`);
    return true;
  },
  Backspace: (area) => {
    const { selectionStart, selectionEnd, value } = area;
    const before = value.slice(lineStart(value, selectionStart), selectionStart);
    if (selectionStart !== selectionEnd || !before || before.trim()) return false;
    const back = (before.length - 1) % INDENT.length + 1;
    if (before.slice(-back).includes("\t") || back < 2) return false;
    area.setSelectionRange(selectionStart - back, selectionStart);
    insert(area, "");
    return true;
  },
};

// Escape lets the next Tab leave the editor; any other key, and leaving, takes that back.
const handleKeys = (area, run) => {
  let leaves = false;
  area.addEventListener("blur", () => { leaves = false; });
  area.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const withControl = event.ctrlKey || event.metaKey;
    if (event.key === "Escape") {
      leaves = true;
      return;
    }
    const tabLeaves = leaves && event.key === "Tab";
    if (event.key !== "Shift" && !tabLeaves) leaves = false;
    if (withControl && event.key === "Enter") {
      event.preventDefault();
      run();
    } else if (withControl && event.key === "/") {
      event.preventDefault();
      changeLines(area, commentLines);
    } else if (!withControl && !event.altKey && !tabLeaves && keys[event.key]?.(area, event)) {
      event.preventDefault();
    }
  });
};

// Makes an editor of the elements inside `root`; `run` is called for Ctrl+Enter.
export const makeEditor = (root, run) => {
  const area = root.querySelector("textarea");
  const picture = root.querySelector("pre");
  const code = picture.querySelector("code");
  const gutter = root.querySelector(".gutter");
  let lines = 0;
  let marked = 0;

  const number = () => {
    gutter.replaceChildren(...Array.from({ length: lines }, (_, at) => {
      const line = document.createElement("div");
      line.textContent = at + 1;
      if (at + 1 === marked) line.className = "marked";
      return line;
    }));
  };
  const follow = () => {
    code.style.transform = `translate(${-area.scrollLeft}px, ${-area.scrollTop}px)`;
    gutter.scrollTop = area.scrollTop;
  };
  const draw = () => {
    const text = area.value;
    root.classList.toggle("plain", text.length > MOST_COLOURED);
    if (text.length <= MOST_COLOURED) highlight(text, code);
    const count = text.split("\n").length;
    if (count !== lines || marked) {
      lines = count;
      marked = 0;
      number();
    }
    follow();
  };
  area.addEventListener("input", draw);
  area.addEventListener("scroll", follow, { passive: true });
  handleKeys(area, run);
  draw();

  return {
    get: () => area.value,
    // The first text has no undo; a later one has, if the page has the focus to give.
    set: (text) => {
      const isFirst = !area.value;
      if (isFirst) {
        area.value = text;
      } else {
        const { activeElement } = document;
        area.focus();
        area.select();
        insert(area, text);
        activeElement?.focus?.();
      }
      area.setSelectionRange(0, 0);
      area.scrollTop = 0;
      draw();
    },
    mark: (line) => {
      marked = line ?? 0;
      number();
    },
    onChange: (listener) => area.addEventListener("input", listener),
  };
};
