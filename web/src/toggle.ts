// A button that is pressed or not.

import { type Child, el } from "./dom";

export function toggle(
  label: string,
  title: string,
  picture: Child,
  flip: () => void,
): HTMLButtonElement {
  const props = { type: "button", class: "tool", title, "aria-pressed": "false", onclick: flip };
  return el("button", props, picture, label);
}
