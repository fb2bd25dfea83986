// How to use a package of this site elsewhere: the snippets of site.json with this site's own addresses.

import { byId, copyFrom, make } from "./elements.js";

// Lines in their order: 0.21, …, 0.29, 314.
const order = (line) => line.split(".").reduce((sum, part) => sum * 1000 + Number(part), 0);
const isNewEnough = (line, first) => order(`${line}.0`.split(".").slice(0, 2).join(".")) >=
  order(`${first}.0`.split(".").slice(0, 2).join("."));

const fits = (snippet, line) => (!snippet.since || isNewEnough(line, snippet.since)) &&
  (!snippet.until || isNewEnough(snippet.until, line));

const range = ({ since, until }) => {
  if (since && until) return since === until ? `Pyodide ${since} only` : `Pyodide ${since} to ${until}`;
  return since ? `Pyodide ${since} or later` : "";
};

const fill = (text, values) => text.replace(/\{\{(\w+)\}\}/g, (whole, name) => values[name] ?? whole);

const showSnippet = (snippet, { line, values }) => {
  const panel = byId("use-panel");
  const text = fill(snippet.text, values);
  const copy = make("button", { type: "button", className: "quiet" }, "Copy");
  copy.addEventListener("click", () => copyFrom(copy, text));
  const notes = [snippet.note && fill(snippet.note, values)];
  if (!fits(snippet, line)) notes.push(`${range(snippet)}: choose such a release above.`);
  panel.replaceChildren(
    ...notes.filter(Boolean).map((note) => make("p", { className: "note" }, note)),
    make("div", { className: "snippet" }, copy, make("pre", {}, make("code", {}, text))),
  );
  panel.setAttribute("aria-labelledby", `use-${snippet.id}`);
};

// Arrow keys go from tab to tab, Tab goes into the panel.
const handleKeys = (tabs, select) => {
  const steps = { ArrowRight: 1, ArrowLeft: -1 };
  byId("use-tabs").onkeydown = (event) => {
    const at = tabs.indexOf(document.activeElement);
    const ends = { Home: 0, End: tabs.length - 1 };
    const next = ends[event.key] ?? (steps[event.key] && (at + steps[event.key] + tabs.length) % tabs.length);
    if (at < 0 || next === undefined) return;
    event.preventDefault();
    select(next);
    tabs[next].focus();
  };
};

// The tab that was chosen last stays chosen when package or release change.
let chosen = "";

// Shows the snippets for a choice: {line, values}, where `values` has what stands for each name in double braces.
export const showSnippets = (snippets, choice) => {
  byId("use").hidden = !snippets.length;
  if (!snippets.length) return;
  const tabs = snippets.map((snippet) => make("button", {
    type: "button", role: "tab", id: `use-${snippet.id}`, "aria-controls": "use-panel",
    className: fits(snippet, choice.line) ? "" : "unfit",
  }, snippet.title));
  const select = (at) => {
    chosen = snippets[at].id;
    tabs.forEach((tab, place) => {
      tab.setAttribute("aria-selected", place === at);
      tab.tabIndex = place === at ? 0 : -1;
    });
    showSnippet(snippets[at], choice);
  };
  tabs.forEach((tab, at) => tab.addEventListener("click", () => select(at)));
  byId("use-tabs").replaceChildren(...tabs);
  handleKeys(tabs, select);
  select(Math.max(0, snippets.findIndex((snippet) => snippet.id === chosen)));
};
