// The matrix of a sweep: sorted by its columns, filtered by name, status, class and cause.
"use strict";

const report = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const state = { column: "package", descending: false };

const make = (name, text, className) => {
  const element = document.createElement(name);
  if (text !== undefined) element.textContent = text;
  if (className) element.className = className;
  return element;
};

const rows = () => {
  const found = new Map();
  for (const cell of report.cells) {
    if (!found.has(cell.package)) found.set(cell.package, { package: cell.package, cells: {} });
    found.get(cell.package).cells[cell.line] = cell;
  }
  return [...found.values()];
};

const words = (cell) => {
  if (!cell || cell.status === "waiting") return "-";
  const ratio = cell.ratio ? ` ${cell.ratio}` : "";
  if (cell.status === "ok") return !cell.tests && "test" in cell.steps ? "ok, no tests" : `ok${ratio}`;
  const { step, class: kind, cause } = cell.failure;
  if (kind === "tests") return `tests${ratio}`;
  return cause ? `${step}: ${kind}, ${cause}` : `${step}: ${kind}`;
};

const look = (cell) => {
  if (!cell || cell.status === "waiting") return "waiting";
  if (cell.status === "ok") return "ok";
  return cell.failure.class === "tests" ? "tests" : "failed";
};

const fits = (cell) => {
  const [status, kind, cause] = ["status", "class", "cause"].map((id) => byId(id).value);
  return (!status || cell.status === status)
    && (!kind || (cell.failure && cell.failure.class === kind))
    && (!cause || (cell.failure && cell.failure.cause === cause));
};

const percent = (part, whole) => {
  const rounded = Math.round((part * 100) / whole);
  if (rounded === 0 && part > 0) return "under 1 %";
  return `${rounded === 100 && part < whole ? 99 : rounded} %`;
};

const conformance = ({ able, passed, needs }) => {
  const counts = Object.entries(needs).sort((one, other) => other[1] - one[1]);
  const all = counts.reduce((sum, [, count]) => sum + count, able);
  const works = able ? [`${percent(passed, able)} of what a browser can do (${passed} of ${able})`] : [];
  return [...works, ...counts.map(([need, count]) => `${percent(count, all)} need ${need}`)].join("; ");
};

const describe = (list, term, value) => {
  if (value === undefined || value === null || value === "") return;
  list.append(make("dt", term), make("dd", value));
};

const show = (cell) => {
  const detail = byId("detail");
  detail.replaceChildren(make("h2", `${cell.package} on ${cell.line}: ${words(cell)}`));
  const list = make("dl");
  describe(list, "release", `Pyodide ${cell.pyodide}`);
  describe(list, "seconds", `${cell.seconds.toFixed(1)} (${Object.entries(cell.steps)
    .map(([step, seconds]) => `${step} ${seconds.toFixed(1)}`).join(", ")})`);
  describe(list, "memory", `${Math.round(cell.memory / 1e6)} MB`);
  if (cell.wheel) {
    const sizes = [cell.wheel.size, cell.wheel.modules].map((bytes) => `${(bytes / 1000).toFixed(0)} kB`);
    describe(list, "wheel", `${cell.wheel.file}: ${sizes[0]}, modules ${sizes[1]} unpacked`);
  }
  if (cell.findings) {
    const { errors, warnings, notes } = cell.findings;
    describe(list, "audit", `${errors} errors, ${warnings} warnings, ${notes} notes`);
  }
  if (cell.tests) {
    describe(list, "tests", Object.entries(cell.tests).map(([outcome, count]) => `${count} ${outcome}`).join(", "));
  }
  if (cell.conformance) describe(list, "conformance", conformance(cell.conformance));
  if (cell.comparison) {
    const { native, both, lacks, failed } = cell.comparison;
    const where = { native: "on this machine", wasm: "in Pyodide", both: "on this machine and in Pyodide" };
    const why = failed && (lacks ? `could not be run ${where[lacks]}: ${failed}` : failed);
    describe(list, "this machine", why || `${native} pass here, ${both} of them in Pyodide`);
  }
  for (const note of cell.notes || []) describe(list, "note", note);
  if (cell.failure) {
    describe(list, "line", cell.failure.line);
    describe(list, "advice", cell.failure.advice);
    const causes = Object.entries(cell.failure.tests || {}).map(([cause, count]) => `${count} ${cause}`);
    describe(list, "tests by cause", causes.join(", "));
  }
  detail.append(list);
  if (cell.excerpt) detail.append(make("pre", cell.excerpt));
  if (cell.log) {
    const link = make("a", cell.log);
    link.href = cell.log.split("/").map(encodeURIComponent).join("/");
    detail.append(make("p", "The log: "), link);
  }
  detail.hidden = false;
  detail.scrollIntoView({ block: "nearest" });
};

const sortKey = (row) => {
  if (state.column === "package") return row.package;
  if (state.column === "seconds") {
    return Object.values(row.cells).reduce((sum, cell) => sum + cell.seconds, 0);
  }
  return words(row.cells[state.column]);
};

const compare = (one, other) => {
  const [a, b] = [sortKey(one), sortKey(other)];
  const order = typeof a === "number" ? a - b : a.localeCompare(b);
  return state.descending ? -order : order;
};

const draw = () => {
  const lines = report.lines.map((line) => line.line);
  const head = make("tr");
  for (const column of ["package", ...lines, "seconds"]) {
    const cell = make("th");
    const mark = state.column === column ? (state.descending ? " ▾" : " ▴") : "";
    const button = make("button", column + mark);
    button.type = "button";
    button.addEventListener("click", () => {
      state.descending = state.column === column && !state.descending;
      state.column = column;
      draw();
    });
    if (mark) cell.setAttribute("aria-sort", state.descending ? "descending" : "ascending");
    cell.append(button);
    head.append(cell);
  }
  document.querySelector("#matrix thead").replaceChildren(head);
  const name = byId("name").value.toLowerCase();
  const shown = rows()
    .filter((row) => row.package.includes(name) && Object.values(row.cells).some(fits))
    .sort(compare);
  const drawn = shown.map((row) => {
    const line = make("tr");
    line.append(make("th", row.package));
    for (const column of lines) {
      const cell = row.cells[column];
      const place = make("td", undefined, look(cell));
      if (cell && cell.status !== "waiting") {
        const button = make("button", words(cell));
        button.type = "button";
        button.title = cell.failure ? cell.failure.line : "";
        button.addEventListener("click", () => show(cell));
        place.append(button);
      } else {
        place.textContent = "-";
      }
      line.append(place);
    }
    line.append(make("td", Object.values(row.cells).reduce((sum, cell) => sum + cell.seconds, 0).toFixed(0)));
    return line;
  });
  document.querySelector("#matrix tbody").replaceChildren(...drawn);
  byId("shown").textContent = `${shown.length} packages`;
};

const start = () => {
  const { totals } = report;
  const steps = Object.entries(totals.steps).map(([step, count]) => `${step} ${count}`);
  let text = `${totals.cells} cells: ${totals.ok} ok, ${totals.failed} failed, ${totals.waiting} not done. `;
  text += `Succeeded: ${steps.join(", ")}.`;
  const works = totals.conformance && conformance(totals.conformance);
  if (works) text += ` Own tests: ${works}.`;
  if (totals.native) {
    text += ` Of ${totals.native} tests that pass on the machine itself, ${totals.both} pass in Pyodide.`;
  }
  byId("totals").textContent = text;
  const counts = new Map();
  for (const cell of report.cells.filter((each) => each.failure)) {
    const key = JSON.stringify([cell.failure.class, cell.failure.cause || "unknown"]);
    counts.set(key, (counts.get(key) || 0) + 1);
  }
  const sorted = [...counts].sort((one, other) => other[1] - one[1]);
  document.querySelector("#counts tbody").replaceChildren(...sorted.map(([key, count]) => {
    const line = make("tr");
    line.append(...[...JSON.parse(key), count].map((text) => make("td", text)));
    return line;
  }));
  for (const [id, names] of [["class", Object.keys(totals.classes)], ["cause", Object.keys(totals.causes)]]) {
    byId(id).append(...names.map((name) => make("option", name)));
  }
  byId("filters").addEventListener("input", draw);
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  draw();
};

start();
