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

// Starts what `request` asks for, {indexURL, module, packages, expected, thread, place}, and gives what it tells to
// `listen`. Nothing is told after `end`.
export const startRuntime = (request, listen) => {
  const { port1, port2 } = new MessageChannel();
  let ended = false;
  const tell = (message) => {
    if (!ended) listen(message);
  };
  port1.onmessage = ({ data }) => tell(data);
  const fail = (message) => tell({ type: "failed", message, stack: "" });
  const { place, thread, ...load } = request;
  const close = thread === "main" ? startFrame(port2, place) : startWorker(request, port2, fail);
  port1.postMessage({ type: "load", ...load });
  return {
    run: (code) => port1.postMessage({ type: "run", code }),
    end: () => {
      ended = true;
      port1.close();
      close();
    },
  };
};
