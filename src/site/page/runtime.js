// Starts Python in a worker or in a frame, and ends it. What runs there is runner.js.

const here = (name) => new URL(name, import.meta.url).href;

const startWorker = (request, port, fail) => {
  const kind = request.module.endsWith(".mjs") ? "module" : "classic";
  const worker = new Worker(here("worker.js"), { type: kind, name: "python" });
  worker.addEventListener("error", (event) => fail(event.message || "the worker could not be started"));
  worker.postMessage({ kind }, [port]);
  return () => worker.terminate();
};

const startFrame = (port, place) => {
  const frame = document.createElement("iframe");
  frame.title = "Page of the program";
  frame.src = here("frame.html");
  frame.addEventListener("load", () => {
    frame.contentWindow.postMessage(null, location.origin, [port]);
  }, { once: true });
  place.replaceChildren(frame);
  return () => frame.remove();
};

// Starts what `request` asks for, {indexURL, module, packages, expected, thread, place, heldFile}. With `heldFile`,
// Python starts, and asks for that file and loads packages after `begin` only. What is told goes to the listener of
// `begin`; nothing is told after `end`.
export const startRuntime = (request) => {
  const { port1, port2 } = new MessageChannel();
  const state = { listen: null, failure: null, isStarted: false, hasEnded: false };
  const tell = (message) => {
    if (!state.hasEnded) state.listen(message);
  };
  // Before anything was told, nothing could start; later it is an error of the program, in a callback of its own.
  const fail = (message) => {
    if (!state.listen) state.failure = { type: "failed", message, stack: "" };
    else if (state.isStarted) tell({ type: "output", stream: "stderr", text: `${message}\n` });
    else tell({ type: "failed", message, stack: "" });
  };
  const { place, thread, ...load } = request;
  const close = thread === "main" ? startFrame(port2, place) : startWorker(request, port2, fail);
  port1.postMessage({ type: "load", ...load });
  return {
    begin: (listen) => {
      state.listen = listen;
      if (state.failure) tell(state.failure);
      // What was told before waits in the port until now.
      port1.onmessage = ({ data }) => {
        state.isStarted = true;
        tell(data);
      };
      port1.postMessage({ type: "begin" });
    },
    run: (code) => port1.postMessage({ type: "run", code }),
    end: () => {
      state.hasEnded = true;
      port1.close();
      close();
    },
  };
};
