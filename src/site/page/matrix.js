// The matrix of a sweep: what works where, each cell with its log, its wheel and a way to try it.

import { byId, make } from "./elements.js";

const link = (address, text) => make("a", { href: address }, text);

const cellOf = (cell, row, line, open) => {
  if (!cell) return make("td", { className: "waiting" }, "–");
  const parts = [make("span", { className: "words" }, cell.words)];
  if (cell.wheel) parts.push(link(cell.wheel, "wheel"));
  if (cell.log) parts.push(link(cell.log, "log"));
  if (cell.release) {
    const button = make("button", { type: "button", className: "quiet" }, "try");
    button.setAttribute("aria-label", `Try ${row.package} on ${line}`);
    button.addEventListener("click", () => open(row.name, cell.release));
    parts.push(button);
  }
  return make("td", { className: cell.status }, ...parts.flatMap((part) => [part, " "]));
};

// Draws the table; `open` is called with the name of a package and a release to try it on.
export const showMatrix = (matrix, open) => {
  const head = make("tr", {}, make("th", { scope: "col" }, "Package"),
    ...matrix.lines.map((line) => make("th", { scope: "col" }, `Pyodide ${line}`)));
  if (matrix.report) byId("matrix-report").replaceChildren(link(matrix.report, "The whole report of the sweep"));
  const rows = matrix.rows.map((row) => make("tr", {}, make("th", { scope: "row" }, row.package),
    ...matrix.lines.map((line) => cellOf(row.cells[line], row, line, open))));
  byId("matrix-table").replaceChildren(make("thead", {}, head), make("tbody", {}, ...rows));
  const cells = matrix.rows.flatMap((row) => Object.values(row.cells));
  const count = (status) => cells.filter((cell) => cell.status === status).length;
  byId("matrix-totals").textContent = `${cells.length} combinations: ${count("ok")} work, ${count("failed")} do not, ` +
    `${count("waiting")} were not tried.`;
};
