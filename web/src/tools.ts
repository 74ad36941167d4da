// The player's tools: loop, the original, spectrograms, details.

import { el } from "./dom";
import { toggle } from "./toggle";

/** Make a button that switches a class of `stage` and says so; `flipped` hears of each change. */
export function switchOf(
  label: string,
  title: string,
  name: string,
  stage: () => HTMLElement,
  flipped: (on: boolean) => void = () => undefined,
): HTMLButtonElement {
  const button = toggle(label, title, null, () => {
    const on = stage().classList.toggle(name);
    button.setAttribute("aria-pressed", String(on));
    flipped(on);
  });
  return button;
}

/** The row of tools; what is null is not offered. */
export function tools(...buttons: (HTMLElement | null)[]): HTMLElement {
  return el("div", { class: "tools", role: "group", "aria-label": "Tools" }, ...buttons);
}
