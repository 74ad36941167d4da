// What is played over and over: the whole song, or a part that is dragged out on the ruler.

import { el, fill, icon } from "./dom";
import type { Engine } from "./engine";
import { clock } from "./format";
import { toggle } from "./toggle";

/** A part of the song in seconds. */
export interface Region {
  from: number;
  to: number;
}

/** Less is a slip of the hand. */
const SHORTEST_S = 0.2;

export class Loop {
  readonly button: HTMLButtonElement;
  readonly chip = el("span", { class: "chip", hidden: true });
  private on = false;
  private region: Region | null = null;

  /** `stage` is where the region is drawn, by its variables --from and --to. */
  constructor(
    private readonly engine: Engine,
    private readonly stage: () => HTMLElement,
  ) {
    const title = "Play over and over (L). Drag along the time marks to loop a part.";
    this.button = toggle("Loop", title, icon("loop"), () => this.set(!this.on));
  }

  /** Loop, or no longer. */
  set(on: boolean): void {
    this.on = on;
    this.update();
  }

  /** Loop a part; null is the whole song. */
  select(region: Region | null): void {
    const whole = region === null || region.to - region.from < SHORTEST_S;
    this.region = whole ? null : region;
    this.set(this.region !== null || this.on);
  }

  /** Begin or end the part at the position that is heard. */
  edge(which: "from" | "to"): void {
    const { currentTime: now, duration } = this.engine;
    const { from, to } = this.region ?? { from: 0, to: duration };
    const next = which === "from" ? { from: now, to } : { from, to: now };
    this.select(next.from < next.to ? next : which === "from" ? { from: now, to: duration } : { from: 0, to: now });
  }

  /** Let a part be dragged out on `ruler`; a click goes there. */
  dragOn(ruler: HTMLElement): void {
    const at = (event: PointerEvent) => {
      const { left, width } = ruler.getBoundingClientRect();
      return Math.min(1, Math.max(0, (event.clientX - left) / width)) * this.engine.duration;
    };
    ruler.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      event.preventDefault();
      ruler.setPointerCapture(event.pointerId);
      const begun = at(event);
      const moved = (move: PointerEvent) => {
        const now = at(move);
        this.draw({ from: Math.min(begun, now), to: Math.max(begun, now) });
      };
      const ended = (end: PointerEvent) => {
        ruler.removeEventListener("pointermove", moved);
        const now = at(end);
        if (Math.abs(now - begun) < SHORTEST_S) this.engine.currentTime = begun;
        else this.select({ from: Math.min(begun, now), to: Math.max(begun, now) });
        this.update();
      };
      ruler.addEventListener("pointermove", moved);
      ruler.addEventListener("pointerup", ended, { once: true });
      ruler.addEventListener("pointercancel", () => this.update(), { once: true });
    });
  }

  private update(): void {
    const { region, on } = this;
    this.button.setAttribute("aria-pressed", String(on));
    this.engine.setLoop(on ? (region ?? { from: 0, to: this.engine.duration }) : null);
    this.chip.hidden = region === null;
    this.draw(region);
    if (!region) return;
    const words = `${clock(region.from, true)} – ${clock(region.to, true)}`;
    const clear = el(
      "button",
      { type: "button", class: "quiet", "aria-label": "Loop the whole song", title: "Loop the whole song", onclick: () => this.select(null) },
      icon("close"),
    );
    fill(this.chip, words, clear);
  }

  private draw(region: Region | null): void {
    const { style, classList } = this.stage();
    classList.toggle("looping", region !== null);
    if (!region) return;
    style.setProperty("--from", `${(region.from / this.engine.duration) * 100}%`);
    style.setProperty("--to", `${(region.to / this.engine.duration) * 100}%`);
  }
}
