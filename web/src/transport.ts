// The head of the player: play, position, ruler, level and volume of all stems together.

import { el, fill, icon } from "./dom";
import type { Engine } from "./engine";
import { MASTER_TOP, fader } from "./fader";
import { clock } from "./format";
import { linear } from "./mixer";

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200];
const TICKS = 8;

export class Transport {
  readonly element: HTMLElement;
  /** The marks of time, on which a part can be dragged out. */
  readonly ruler: HTMLElement;
  private readonly play: HTMLButtonElement;
  private readonly position: HTMLInputElement;
  private readonly now = el("span", { class: "now" });
  private readonly needle = el("i");

  /** `toggle` plays or pauses; `tools` are further buttons. */
  constructor(
    private readonly engine: Engine,
    toggle: () => void,
    tools: HTMLElement,
  ) {
    const { duration } = engine;
    this.ruler = ruler(duration);
    const back = () => {
      engine.currentTime = 0;
    };
    this.play = el("button", { type: "button", class: "primary play", onclick: toggle });
    this.position = el("input", {
      type: "range",
      class: "position",
      min: 0,
      max: duration,
      step: 0.01,
      value: 0,
      "aria-label": "Position",
      oninput: () => {
        engine.currentTime = Number(this.position.value);
      },
    });
    const start = { type: "button", class: "quiet", title: "To the start (Home)", onclick: back };
    const volume = fader("all stems", MASTER_TOP, (db) => engine.setVolume(linear(db)));
    this.element = el(
      "div",
      { class: "head" },
      el(
        "div",
        { class: "transport" },
        el("button", { ...start, "aria-label": "To the start" }, icon("start")),
        this.play,
        el("p", { class: "time" }, this.now, ` / ${clock(duration)}`),
      ),
      el("div", { class: "line" }, this.position, this.ruler),
      el(
        "div",
        { class: "master" },
        el("span", { class: "meter", title: "Output level; red where it clips" }, this.needle),
        volume,
      ),
      tools,
    );
    this.state("paused");
    this.tick();
  }

  /** Show whether it plays, stands, or waits for stems. */
  state(state: "paused" | "playing" | "loading"): void {
    const words = { paused: "Play", playing: "Pause", loading: "Loading…" }[state];
    this.play.title = `${state === "paused" ? "Play" : "Pause"} (space)`;
    this.play.dataset.state = state;
    fill(this.play, icon(state === "paused" ? "play" : "pause"), el("span", {}, words));
  }

  /** Show the position and the level. */
  readonly tick = (): void => {
    const { currentTime, duration } = this.engine;
    this.now.textContent = clock(currentTime, true);
    this.position.value = String(currentTime);
    this.position.style.setProperty("--at", `${(currentTime / duration) * 100}%`);
    const words = `${clock(currentTime)} of ${clock(duration)}`;
    this.position.setAttribute("aria-valuetext", words);
    const peak = this.engine.peak();
    const share = peak > 0 ? Math.max(0, 1 + (20 * Math.log10(peak)) / 60) : 0;
    this.needle.style.setProperty("--level", String(Math.min(1, share)));
    this.needle.classList.toggle("clips", peak > 1);
  };
}

/** Marks of time above the waveforms. */
function ruler(duration: number): HTMLElement {
  const step = STEPS.find((one) => duration / one <= TICKS) ?? duration / TICKS;
  const title = "Drag to loop a part";
  const made = el("div", { class: "ruler", "aria-hidden": "true", title }, el("i", { class: "region" }));
  for (let at = 0; at < duration - step * 0.25; at += step) {
    made.append(el("span", { style: `left:${(at / duration) * 100}%` }, clock(at)));
  }
  return made;
}
