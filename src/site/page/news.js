// News of builds, while `cargo pyodide serve --watch` serves the page: asked for again and again, since a connection
// that stays open would keep one of the few that a browser has.

import { byId, formatSeconds } from "./elements.js";

const PAUSE = 100;
// The server has ended, or is stopped: no hurry.
const LONG_PAUSE = 2000;

// Asks `address` for news, {number, state, …}, and gives those that are new to `listen`; null when nobody answers.
export const followNews = (address, listen) => {
  let last = "";
  const hear = async (text) => listen(JSON.parse(text));
  const ask = async () => {
    let text = "null";
    try {
      const answer = await fetch(address, { cache: "no-store" });
      if (answer.ok) text = await answer.text();
    } catch { /* Nobody answers. */ }
    if (text !== last) {
      // A site may change while it is read: then it is read again.
      last = await hear(text).then(() => text, () => "");
    }
    setTimeout(ask, text === "null" || !last ? LONG_PAUSE : PAUSE);
  };
  ask();
};

// How the newest build stands, above the playground. `isFirst` until one has succeeded.
export const showNews = (news, isFirst) => {
  const { state, seconds = 0, message = "" } = news ?? { state: "gone" };
  const words = {
    building: "Building…",
    built: `Built in ${formatSeconds(seconds)}`,
    failed: isFirst ? "The build failed" : "The build failed: Python still has what was built before",
    gone: "The server has ended",
  };
  byId("build").hidden = false;
  byId("build").dataset.state = state;
  byId("build-state").textContent = words[state];
  byId("build-error").hidden = state !== "failed";
  byId("build-error").textContent = message;
};
