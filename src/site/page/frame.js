// Runs Python in this document: on the thread of the page, with a document of its own that goes away with it.
"use strict";

globalThis.addEventListener("message", (event) => {
  if (event.source === globalThis.parent && event.origin === location.origin && event.ports.length === 1) {
    globalThis.startRunner(event.ports[0]);
  }
});
