// Building the page. Text only ever becomes a text node or an attribute, never HTML.

export type Child = Node | string | null | undefined | false;
type Props = Record<string, unknown>;

const SVG = "http://www.w3.org/2000/svg";
const ICONS: Record<string, string> = {
  play: "M7 4.5v15l12-7.5z",
  pause: "M6.5 4.5h4v15h-4zM13.5 4.5h4v15h-4z",
  start: "M5 5h2.5v14H5zM19 5v14l-10-7z",
  download: "M11 4h2v8h3.5L12 16.8 7.5 12H11zM5 18h14v2H5z",
  close: "M6.4 5 12 10.6 17.6 5 19 6.4 13.4 12l5.6 5.6-1.4 1.4-5.6-5.6L6.4 19 5 17.6l5.6-5.6L5 6.4z",
  loop: "M7 7h9V4l5 4.5-5 4.5v-3H8v3H6V8a1 1 0 0 1 1-1zm10 10H8v3l-5-4.5L8 11v3h8v-3h2v5a1 1 0 0 1-1 1z",
  open: "M9 5.5 15.5 12 9 18.5 7.6 17.1 12.7 12 7.6 6.9z",
};

/**
 * Make an element. Properties that start with "on" are listeners; false, null and undefined leave
 * an attribute out; true is an attribute without a value.
 */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  props: Props = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value as EventListener);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) {
      made.setAttribute(name, String(value));
    }
  }
  made.append(...solid(children));
  return made;
}

/** Replace what an element holds. */
export function fill(parent: Element, ...children: Child[]): void {
  parent.replaceChildren(...solid(children));
}

/** Return an icon that readers of the screen pass over. */
export function icon(name: string): SVGSVGElement {
  const made = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  made.setAttribute("viewBox", "0 0 24 24");
  made.setAttribute("class", "icon");
  made.setAttribute("aria-hidden", "true");
  path.setAttribute("d", ICONS[name] ?? "");
  made.append(path);
  return made;
}

/** Return the element of the page with this id. */
export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (!found) throw new Error(`The page has no element ${id}.`);
  return found as T;
}

/** Show one sentence in an alert, or hide the alert where there is none. */
export function alertIn(box: HTMLElement, text: string | null, ...more: Child[]): void {
  box.hidden = text === null;
  fill(box, text !== null && el("span", {}, text), ...(text === null ? [] : more));
}

/** A button whose first press asks, and whose second press acts. */
export function confirmed(label: string, question: string, name: string, act: () => void) {
  const reset = () => {
    asked = false;
    button.textContent = label;
    button.classList.remove("asks");
    button.setAttribute("aria-label", `${label} ${name}`);
  };
  let asked = false;
  const button = el("button", {
    type: "button",
    class: "quiet",
    onblur: reset,
    onclick: () => {
      if (asked) {
        reset();
        act();
        return;
      }
      asked = true;
      button.textContent = question;
      button.classList.add("asks");
      button.setAttribute("aria-label", `${question} ${name}`);
    },
  });
  reset();
  return button;
}

function solid(children: Child[]): (Node | string)[] {
  return children.filter((child): child is Node | string => Boolean(child) || child === "");
}
