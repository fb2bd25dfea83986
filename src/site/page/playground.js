// The playground: choose a package and a release, write code, run it. Reads `site.json` beside the page (docs/site.md):
//
// {
//   "format": 1,
//   "title": TEXT,
//   "releases": [{                        in the order they are offered; the first that fits is chosen
//     "version": "314.0.7", "line": "314", "python": "3.14.2",
//     "indexURL": "pyodide/314.0.7/",     relative to site.json, ends with a slash
//     "module": "pyodide.mjs",            or "pyodide.js", the loader of releases up to 0.29
//     "lockFileName": "pyodide-lock.json",
//     "abi": "2026_0",                    from 0.26 on
//     "download": 12143855                bytes that the loader fetches (wasm, standard library, lock); optional
//   }],
//   "packages": [{                        one a name and version
//     "name": "rpds-py", "version": "2026.9.1", "summary": TEXT, "imports": ["rpds"],
//     "releases": {"314.0.7": {"wheel": "rpds_py-….whl", "size": 293000, "sha256": HEX}},    in wheels/
//     "examples": [{"title": TEXT, "code": TEXT}]
//   }],
//   "snippets": [{                        how to use a package elsewhere; `note`, `since` and `until` are optional
//     "id": "page", "title": TEXT, "note": TEXT, "since": "0.28", "until": "314",    first and last line
//     "language": "html", "text": TEXT    with {{site}}, {{index_url}}, …: see snippetValues
//   }],
//   "matrix": {                           of a sweep; optional
//     "lines": ["0.29", "314"], "report": ADDRESS,
//     "rows": [{"package": "rpds-py==2026.9.1", "name": "rpds-py", "cells": {"314": {
//       "status": "ok", "words": "ok 132/132",       or "failed", "waiting"
//       "wheel": ADDRESS, "log": ADDRESS,            relative to site.json; optional
//       "release": "314.0.7"                         when it can be tried here; optional
//     }}}]
//   },
//   "pages": [{"address": ADDRESS, "title": TEXT}],      pages beside this one; optional
//   "news": {"address": "news.json", "build": 3}      with `serve --watch`: what has news of builds; this one's number
// }

import { makeEditor } from "./editor.js";
import { byId, copyFrom, formatBytes, formatSeconds, make } from "./elements.js";
import { readFragment, writeFragment } from "./link.js";
import { showMatrix } from "./matrix.js";
import { followNews, showNews } from "./news.js";
import { makeOutput } from "./output.js";
import { startRuntime } from "./runtime.js";
import { showSnippets } from "./snippets.js";

const FORMAT = 1;
const SITE = new URL("./", import.meta.url).href;
const DRAFT = `playground-draft:${SITE}`;

// What the page is doing: `phase` is one of idle, loading, ready, running, failed.
// `next` is Python that waits for the next build, with `serve --watch`.
const state = {
  site: null, phase: "idle", runtime: null, next: null, runWhenReady: false, hasRun: false,
  view: "playground",
};

const output = makeOutput(byId("output"), (line) => goToLine(line));
const editor = makeEditor(byId("editor"), () => run());

const chosenRelease = () => state.site.releases.find((release) => release.version === byId("release").value);
const chosenPackage = () => state.site.packages[byId("package").value];
const keyOf = (name, version) => `${name} ${version}`;

const setPhase = (phase, text) => {
  state.phase = phase;
  document.documentElement.dataset.phase = phase;
  if (text !== undefined) byId("status").textContent = text;
  byId("progress").hidden = phase !== "loading";
  byId("bytes").textContent = "";
  byId("run").disabled = phase === "running" || phase === "idle";
  byId("stop").disabled = phase !== "running";
  byId("load").hidden = phase !== "failed" && phase !== "idle";
};

const goToLine = (line) => {
  const area = byId("code");
  const lines = area.value.split("\n");
  const start = lines.slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
  area.focus();
  area.setSelectionRange(start, start + (lines[line - 1] ?? "").length);
};

// Choosing

const fillPackages = () => {
  byId("package").replaceChildren(...state.site.packages.map((entry, at) =>
    make("option", { value: at }, keyOf(entry.name, entry.version))));
};

// All releases, those without a wheel of the package not to be chosen.
const fillReleases = (wanted) => {
  const { releases } = chosenPackage();
  const versions = state.site.releases.map((release) => release.version);
  byId("release").replaceChildren(...state.site.releases.map(({ version, python }) => make("option", {
    value: version, disabled: !(version in releases),
  }, `${version} (Python ${python})${version in releases ? "" : ", no wheel"}`)));
  byId("release").value = wanted in releases ? wanted : versions.find((version) => version in releases) ?? "";
};

// A package with no example of its own is imported.
const examplesOf = (entry) => (entry.examples.length ? entry.examples : [{
  title: "Import it",
  code: [...entry.imports.map((name) => `import ${name}`), "", ...entry.imports.map((name) => `print(${name})`), ""]
    .join("\n"),
}]);

const fillExamples = () => {
  byId("example").replaceChildren(...examplesOf(chosenPackage()).map(({ title }, at) =>
    make("option", { value: at }, title)));
};

// The names that snippets may use in double braces.
const snippetValues = (entry, release) => {
  const index = new URL(release.indexURL, SITE).href;
  const { wheel } = entry.releases[release.version];
  return {
    site: SITE,
    index_url: index,
    loader_url: `${index}pyodide.mjs`,
    lock_url: index + release.lockFileName,
    wheel_url: new URL(`wheels/${wheel}`, SITE).href,
    wheel,
    package: entry.name,
    version: entry.version,
    module: entry.imports[0] ?? entry.name.replaceAll("-", "_"),
    release: release.version,
    line: release.line,
    abi_year: (release.abi ?? "").split("_")[0],
    python: release.python.split(".").slice(0, 2).join("."),
  };
};

const describeChoice = () => {
  const entry = chosenPackage();
  const release = chosenRelease();
  byId("summary").hidden = !entry.summary;
  byId("summary").textContent = entry.summary ?? "";
  byId("use-note").textContent = `${entry.name} ${entry.version} for Pyodide ${release.version}, from this site.`;
  showSnippets(state.site.snippets ?? [], { line: release.line, values: snippetValues(entry, release) });
};

const showFacts = (message) => {
  const entry = chosenPackage();
  const { wheel, size } = entry.releases[chosenRelease().version];
  const facts = [
    ["Wheel", make("span", {}, make("a", { href: new URL(`wheels/${wheel}`, SITE).href }, wheel),
      ` (${formatBytes(size)})`)],
    ["Python", `${message.python}, in Pyodide ${chosenRelease().version}`],
    ["Load time", `${formatSeconds(message.seconds.runtime)} for Pyodide, ` +
      `${formatSeconds(message.seconds.packages)} for ${entry.name}`],
  ];
  byId("facts").replaceChildren(...facts.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]));
};

// Loading and running

const showProgress = ({ received, total }) => {
  const bar = byId("progress");
  if (!total) {
    bar.removeAttribute("value");
    bar.removeAttribute("aria-valuetext");
    return;
  }
  bar.max = total;
  bar.value = received;
  bar.setAttribute("aria-valuetext", `${formatBytes(received)} of ${formatBytes(total)}`);
  byId("bytes").textContent = state.phase === "loading" ? `${formatBytes(received)} of ${formatBytes(total)}` : "";
};

const finishRun = (message) => {
  if (message.result !== undefined) output.result(message.result);
  if (message.error) {
    output.error(message.error);
    editor.mark(message.error.line);
  }
  const frame = byId("frame").firstElementChild;
  if (frame) frame.style.height = `${Math.min(message.drawn, 640)}px`;
  byId("frame").classList.toggle("drawn", Boolean(frame && message.drawn));
  byId("took").textContent = formatSeconds(message.seconds);
  setPhase("ready", message.error ? "Ended with an error" : "Done");
  prepareNext();
};

const fail = (message) => {
  const wasRunning = state.phase === "running";
  const { name } = chosenPackage();
  output.fatal(wasRunning ? "Python has ended" : `Cannot load ${name}`, message);
  state.runtime?.end();
  state.runtime = null;
  state.runWhenReady = false;
  setPhase("failed", wasRunning ? "Python has ended" : "Loading failed");
};

const listeners = {
  phase: ({ text }) => { byId("status").textContent = `${text}…`; },
  progress: showProgress,
  ready: (message) => {
    showFacts(message);
    setPhase("ready", `Ready in ${formatSeconds(message.seconds.runtime + message.seconds.packages)}`);
    if (state.runWhenReady) run();
    else prepareNext();
  },
  started: ({ loaded }) => {
    byId("status").textContent = loaded.length ? `Running, with ${loaded.join(", ")} of the release…` : "Running…";
  },
  output: ({ stream, text }) => output.write(stream, text),
  panic: ({ frames }) => output.panic(frames),
  done: finishRun,
  failed: fail,
};

// What is to be loaded now.
const chosenRuntime = () => {
  const release = chosenRelease();
  const entry = chosenPackage();
  return {
    indexURL: new URL(release.indexURL, SITE).href,
    module: release.module,
    packages: [entry.name],
    expected: release.download ? release.download + entry.releases[release.version].size : 0,
    thread: byId("thread").value,
    place: byId("frame"),
  };
};

const isSameRuntime = (one, other) =>
  ["indexURL", "thread"].every((key) => one[key] === other[key]) && one.packages[0] === other.packages[0];

// Starts Python for the next build, as long as nobody waits for it.
const prepareNext = () => {
  const request = chosenRuntime();
  // A frame would be seen, and what is prepared is of use only where builds follow each other.
  if (!state.site.news || request.thread === "main" || state.next) return;
  state.next = { request, runtime: startRuntime({ ...request, heldFile: chosenRelease().lockFileName }) };
};

// Python that was prepared for the choice, or else just started.
const takeRuntime = () => {
  const request = chosenRuntime();
  const { next } = state;
  state.next = null;
  if (next && isSameRuntime(next.request, request)) return next.runtime;
  next?.runtime.end();
  return startRuntime(request);
};

const load = () => {
  state.runtime?.end();
  byId("progress").removeAttribute("value");
  byId("facts").replaceChildren();
  byId("frame").classList.remove("drawn");
  setPhase("loading", "Loading…");
  state.runtime = takeRuntime();
  state.runtime.begin((message) => listeners[message.type](message));
};

const run = () => {
  if (state.phase === "failed") load();
  if (state.phase === "loading") {
    state.runWhenReady = true;
    byId("status").textContent = "Loading; runs as soon as it can…";
    return;
  }
  if (state.phase !== "ready") return;
  state.runWhenReady = false;
  state.hasRun = true;
  output.begin();
  editor.mark(0);
  byId("took").textContent = "";
  setPhase("running", "Running…");
  state.runtime.run(editor.get());
};

const stop = () => {
  output.note("Stopped.");
  load();
};

// The code that is written outlives a reload of the page, as `serve --watch` does it.
const keepDraft = () => {
  const entry = chosenPackage();
  const choice = { p: entry.name, v: entry.version, r: byId("release").value, t: byId("thread").value };
  try {
    sessionStorage.setItem(DRAFT, JSON.stringify({ ...choice, code: editor.get() }));
  } catch { /* Then it does not. */ }
};

const readDraft = () => {
  try {
    return JSON.parse(sessionStorage.getItem(DRAFT)) ?? {};
  } catch {
    return {};
  }
};

const showExample = () => {
  editor.set(examplesOf(chosenPackage())[byId("example").value].code);
  keepDraft();
};

const share = async () => {
  const entry = chosenPackage();
  const fragment = await writeFragment({
    p: entry.name, v: entry.version, r: byId("release").value, t: byId("thread").value, code: editor.get(),
  });
  history.replaceState(null, "", `#${fragment}`);
  byId("status").textContent = "The address of this page now carries your code";
  await copyFrom(byId("share"), location.href);
};

// Takes what a link or a draft says, as far as this site has it.
const applyChoice = (choice) => {
  const { packages } = state.site;
  const isIt = (entry) => entry.name === choice.p && (!choice.v || entry.version === choice.v);
  const named = packages.findIndex(isIt);
  const at = named >= 0 ? named : packages.findIndex((entry) => entry.name === choice.p);
  byId("package").value = Math.max(0, at);
  fillReleases(choice.r);
  byId("thread").value = choice.t === "main" ? "main" : "worker";
  fillExamples();
  editor.set(choice.code ?? examplesOf(chosenPackage())[0].code);
  describeChoice();
};

// Data that a user must pay for is loaded when asked.
const wantsLittle = () => Boolean(navigator.connection?.saveData);

const showView = (view) => {
  state.view = view;
  byId("matrix").hidden = view !== "matrix";
  byId("playground").hidden = view !== "playground";
  for (const button of byId("views").children) button.setAttribute("aria-pressed", button.dataset.view === view);
  if (view === "playground" && state.phase === "idle" && !wantsLittle()) load();
};

// Shows a package on a release. Code that the user wrote stays.
const choose = (entry, release) => {
  const isUntouched = examplesOf(state.site.packages[state.shown]).some(({ code }) => code === editor.get());
  applyChoice({
    p: entry.name, v: entry.version, r: release, t: byId("thread").value,
    ...(isUntouched ? {} : { code: editor.get() }),
  });
  state.shown = byId("package").value;
};

const tryCell = (name, release) => {
  const { packages } = state.site;
  choose(packages.find((entry) => entry.name === name && Object.hasOwn(entry.releases, release)), release);
  // Shown for the first time, the playground loads by itself.
  const isFirst = state.phase === "idle" && !wantsLittle();
  showView("playground");
  if (!isFirst) load();
  byId("code").focus();
};

const listen = () => {
  byId("package").addEventListener("change", () => {
    choose(state.site.packages[byId("package").value], byId("release").value);
    load();
  });
  byId("release").addEventListener("change", () => {
    describeChoice();
    load();
  });
  byId("thread").addEventListener("change", load);
  byId("example").addEventListener("change", showExample);
  byId("run").addEventListener("click", run);
  byId("stop").addEventListener("click", stop);
  byId("load").addEventListener("click", load);
  byId("share").addEventListener("click", share);
  byId("clear").addEventListener("click", () => output.begin());
  byId("views").addEventListener("click", ({ target }) => target.dataset.view && showView(target.dataset.view));
  globalThis.addEventListener("hashchange", () => openFragment(true));
  editor.onChange(keepDraft);
};

// Takes the choice that the address carries; without one, the draft.
const openFragment = async (isAgain) => {
  let choice = {};
  try {
    choice = await readFragment(location.hash);
  } catch (error) {
    output.note(`The code in this link cannot be read (${error.message})`);
  }
  if (!choice.p && isAgain) return;
  applyChoice(choice.p ? choice : readDraft());
  state.shown = byId("package").value;
  const hasMatrix = Boolean(state.site.matrix) && !choice.p;
  showView(hasMatrix ? "matrix" : "playground");
  if (isAgain) load();
};

const readSite = async () => {
  const answer = await fetch(new URL("site.json", SITE), { cache: "no-cache" });
  if (!answer.ok) throw new Error(`${answer.url} could not be fetched: ${answer.status}`);
  const site = await answer.json();
  if (site.format !== FORMAT) throw new Error(`site.json has the format ${site.format}, this page reads ${FORMAT}`);
  const isEmpty = !site.packages.length || !site.releases.length;
  if (isEmpty && !site.news) throw new Error("this site has no packages");
  return { ...site, isEmpty };
};

// Builds, with `serve --watch`

// Takes the packages that were built anew. The code stays; if it was run before, it runs again.
const takeBuild = async () => {
  const choice = { p: chosenPackage().name, r: byId("release").value };
  state.site = await readSite();
  fillPackages();
  const at = state.site.packages.findIndex((entry) => entry.name === choice.p);
  byId("package").value = Math.max(0, at);
  state.shown = byId("package").value;
  fillReleases(choice.r);
  fillExamples();
  describeChoice();
  load();
  state.runWhenReady = state.hasRun;
};

const hearNews = async (news) => {
  showNews(news, state.site.isEmpty);
  if (!news || news.number === state.site.news.build) return;
  // After the first that succeeds there is no code yet that could be lost.
  if (state.site.isEmpty) location.reload();
  else await takeBuild();
};

const begin = async () => {
  setPhase("idle");
  byId("load").hidden = true;
  state.site = await readSite();
  byId("title").textContent = state.site.title;
  document.title = state.site.title;
  if (state.site.news) followNews(new URL(state.site.news.address, SITE), hearNews);
  if (state.site.isEmpty) {
    byId("playground").hidden = true;
    setPhase("idle", "");
    return;
  }
  if (state.site.matrix) {
    byId("views").hidden = false;
    showMatrix(state.site.matrix, tryCell);
  }
  const pages = state.site.pages ?? [];
  byId("pages").hidden = !pages.length;
  byId("pages").replaceChildren(...pages.map(({ address, title }) => make("a", { href: address }, title)));
  fillPackages();
  listen();
  setPhase("idle", wantsLittle() ? "Your browser saves data: load Python when you want it" : "");
  await openFragment(false);
};

begin().catch((error) => {
  byId("status").textContent = `This page cannot be shown: ${error.message}`;
  document.documentElement.dataset.phase = "broken";
});
