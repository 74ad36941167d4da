// The player's keys. A control that has the focus keeps the keys that it needs itself.

import type { Engine } from "./engine";

/** Letters and signs that do something wherever the focus is. */
export type Letters = Readonly<Record<string, () => unknown>>;

/** Space plays and pauses; arrows, Home and End move the position; the rest is in `letters`. */
export function playerKeys(
  engine: Engine,
  toggle: () => void,
  letters: Letters,
  signal: AbortSignal,
): void {
  const pressed = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const target = event.target as HTMLElement;
    if (takesText(target)) return;
    if (event.key === "ArrowUp" || event.key === "ArrowDown") {
      if (toNeighbour(target, event.key === "ArrowUp" ? -1 : 1)) event.preventDefault();
      return;
    }
    const letter = event.repeat || target.matches("select") ? undefined : letters[event.key.toLowerCase()];
    const action: (() => unknown) | null = letter ?? actionOf(event, target, engine, toggle);
    if (!action) return;
    event.preventDefault();
    action();
  };
  document.addEventListener("keydown", pressed, { signal });
}

function actionOf(
  event: KeyboardEvent,
  target: HTMLElement,
  engine: Engine,
  toggle: () => void,
): (() => void) | null {
  const step = event.shiftKey ? 1 : 5;
  const go = (seconds: number) => () => {
    engine.currentTime = seconds;
  };
  const slides = target.matches("input[type=range]:not(.position)");
  if (event.key === " ") return presses(target) || event.repeat ? null : toggle;
  if (slides || target.matches("input[type=radio], select")) return null;
  if (event.key === "ArrowLeft") return go(engine.currentTime - step);
  if (event.key === "ArrowRight") return go(engine.currentTime + step);
  if (event.key === "Home") return go(0);
  if (event.key === "End") return go(engine.duration);
  return null;
}

/** Move the focus to the same control of the next row. */
function toNeighbour(target: HTMLElement, step: number): boolean {
  const row = target.closest<HTMLElement>(".row");
  if (!row || !target.matches("button")) return false;
  const rows = [...(row.parentElement?.querySelectorAll<HTMLElement>(".row:not([hidden])") ?? [])];
  const next = rows[rows.indexOf(row) + step];
  const same = [...target.classList].map((name) => next?.querySelector<HTMLElement>(`.${name}`));
  const found = same.find(Boolean) ?? next?.querySelector<HTMLElement>("button");
  found?.focus();
  return Boolean(found);
}

function presses(target: HTMLElement): boolean {
  return target.matches("button, a, summary, select, input:not([type=range])");
}

function takesText(target: HTMLElement): boolean {
  return target.matches("textarea, input[type=text], input[type=password], [contenteditable]");
}
