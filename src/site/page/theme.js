// Light, dark, or as the system has it. A script of its own that the page waits for, so that nothing flashes.
"use strict";
{
  const CHOICES = ["system", "light", "dark"];
  const KEY = "playground-theme";
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)");
  let choice = "system";
  // A browser may refuse to keep anything.
  try {
    choice = CHOICES.includes(localStorage.getItem(KEY)) ? localStorage.getItem(KEY) : choice;
  } catch { /* As the system has it. */ }

  const apply = () => {
    const theme = choice === "system" ? (system.matches ? "dark" : "light") : choice;
    root.dataset.theme = theme;
    root.style.colorScheme = theme;
    const button = document.getElementById("theme");
    if (button) button.textContent = `Colours: ${choice}`;
  };
  apply();
  system.addEventListener?.("change", apply);
  document.addEventListener("DOMContentLoaded", () => {
    apply();
    document.getElementById("theme").addEventListener("click", () => {
      choice = CHOICES[(CHOICES.indexOf(choice) + 1) % CHOICES.length];
      try {
        localStorage.setItem(KEY, choice);
      } catch { /* Until the page is closed, then. */ }
      apply();
    });
  });
}
