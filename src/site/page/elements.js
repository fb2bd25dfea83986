// Makes elements of the page. Text goes in as text, so that nothing needs escaping.

// An element with these properties and attributes, and what is in it.
export const make = (name, properties = {}, ...children) => {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in element && key !== "role") {
      element[key] = value;
    } else {
      element.setAttribute(key, value);
    }
  }
  element.append(...children);
  return element;
};

export const byId = (id) => document.getElementById(id);

// Copies text, and says on the button whether that went well.
export const copyFrom = async (button, text) => {
  // Pressed again, it still says what it said before.
  const label = (button.dataset.label ??= button.textContent);
  let said = "Copied";
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // Without HTTPS there is no clipboard to write to.
    said = "Cannot copy here";
  }
  button.textContent = said;
  setTimeout(() => { button.textContent = label; }, 1600);
};

const UNITS = ["B", "kB", "MB", "GB"];

// A size in the units that people read.
export const formatBytes = (bytes) => {
  const power = Math.min(UNITS.length - 1, bytes < 1000 ? 0 : Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1000 ** power;
  return `${power && value < 99.95 ? value.toFixed(1) : Math.round(value)}\u00a0${UNITS[power]}`;
};

export const formatSeconds = (seconds) =>
  (seconds < 1 ? `${Math.round(seconds * 1000)} ms` : `${seconds.toFixed(1)} s`);
