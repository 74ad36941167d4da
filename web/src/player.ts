// The multitrack player of a finished job.

import { aborted, getJson, jobPath, sentence } from "./api";
import { Compare, ORIGINAL } from "./compare";
import { alertIn, el } from "./dom";
import { Engine } from "./engine";
import { playerKeys } from "./keys";
import { Loader, previewRate, roomFor } from "./loader";
import { Loop } from "./loop";
import { arrange, flat, gainOf, heard, shown } from "./mixer";
import { type Desk, Row } from "./row";
import { switchOf, tools } from "./tools";
import { Transport } from "./transport";
import type { Peaks, Recipe, Separation } from "./types";
import { drawWave } from "./wave";

const TOO_LONG = "Not playing: this song is too long for all stems at once. Solo this one to hear it.";

export class Player implements Desk {
  readonly element: HTMLElement;
  readonly tracks;
  private readonly engine: Engine;
  private readonly loader: Loader;
  private readonly transport: Transport;
  private readonly loop: Loop;
  private readonly compare: Compare;
  private readonly spectra: HTMLButtonElement;
  private readonly rows: Row[];
  private readonly alert = el("p", { class: "alert", role: "alert", hidden: true });
  private readonly drawn = new Set<Row>();
  private readonly broken = new Set<string>();
  private readonly loudest: number;
  private readonly room: { kept: number; heard: number };
  private waits = false;

  /** `format` is what downloads are to be, `detailed` is called when details are shown or hidden. */
  constructor(
    readonly job: Separation,
    readonly format: () => string,
    private readonly signal: AbortSignal,
    detailed: (on: boolean) => void,
  ) {
    const rate = previewRate(job.results.length + 1, job.duration_s); // with the original
    this.room = roomFor(job.duration_s, rate);
    this.loudest = Math.max(...job.results.map((one) => one.peak ?? 0)) || 1;
    this.tracks = arrange(job.results);
    this.engine = new Engine(job.duration_s, rate);
    this.loader = new Loader(job.id, rate, signal);
    const stage = () => this.element;
    this.loop = new Loop(this.engine, stage);
    const gains = () => this.gains();
    const failed = (text: string) => this.failed(text);
    this.compare = new Compare(this.engine, this.loader, gains, () => this.setGains(), failed);
    this.spectra = switchOf("Spectrogram", "Show pitch over time (G)", "spectra", stage, () => this.paint());
    const details = switchOf("Details", "Levels, models and timing", "detailed", stage, detailed);
    const original = job.links.mixture ? this.compare.button : null;
    const bar = tools(this.loop.button, this.loop.chip, original, this.spectra, details);
    this.transport = new Transport(this.engine, () => this.toggle(), bar);
    this.rows = flat(this.tracks).map((track) => new Row(track, this));
    this.element = el(
      "section",
      { class: "player", "aria-label": "Player" },
      this.transport.element,
      el("div", { class: "rows" }, ...this.rows.map((row) => row.element)),
      this.alert,
      el("p", { class: "note" }, ...notes(rate)),
    );
    this.listen();
  }

  /** Draw and load; call once the element is on the page, since waveforms need its width. */
  begin(): void {
    this.changed();
  }

  /** A row's state changed: set the gains, draw what came to be seen, load what came to be heard. */
  changed(): void {
    for (const row of this.rows) row.update();
    this.setGains();
    this.compare.mixed();
    for (const row of this.rows.filter((one) => shown(one.track))) void this.draw(row);
    void this.load();
  }

  /** How loud each stem is as it is set; stems that are silent are not there. */
  gains(): Map<string, number> {
    const all = flat(this.tracks).map((t) => [t.result.stem, gainOf(t, this.tracks)] as const);
    return new Map(all.filter(([, gain]) => gain > 0));
  }

  /** Show on each row what its download is. */
  nameFormat(): void {
    for (const row of this.rows) row.nameFormat();
  }

  /** Say from which songs predictions come, once the recipe is known. */
  source(recipe: Recipe | null): void {
    for (const row of this.rows) row.source(recipe);
  }

  private setGains(): void {
    const { on, gain } = this.compare;
    this.engine.setGains(on ? new Map([[ORIGINAL, gain]]) : this.gains());
    this.element?.classList.toggle("original", on);
  }

  private paint(): void {
    if (!this.element.classList.contains("spectra")) return;
    for (const row of this.rows.filter((one) => shown(one.track))) {
      const audio = this.engine.buffer(row.track.result.stem);
      if (audio) row.paint(audio);
    }
  }

  failed(text: string): void {
    alertIn(this.alert, text);
  }

  /** Load again what could not be loaded. */
  retry(): void {
    this.broken.clear();
    alertIn(this.alert, null);
    void this.load();
  }

  /** Play or pause; play waits until all that should be heard is there. */
  toggle(): void {
    if (this.waits || !this.engine.paused) {
      this.waits = false;
      this.engine.pause();
      this.show();
      return;
    }
    this.engine.prepare(); // within the user's gesture, as browsers want it
    this.waits = true;
    this.show();
    void this.load();
  }

  private listen(): void {
    const { engine, signal } = this;
    engine.addEventListener("timeupdate", this.tick);
    for (const name of ["play", "pause"]) engine.addEventListener(name, () => this.show());
    this.loop.dragOn(this.transport.ruler);
    const letters = {
      b: () => this.compare.button.isConnected && this.compare.button.click(),
      g: () => this.spectra.click(),
      k: () => this.toggle(),
      l: () => this.loop.button.click(),
      "[": () => this.loop.edge("from"),
      "]": () => this.loop.edge("to"),
    };
    playerKeys(engine, () => this.toggle(), letters, signal);
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", () => this.paint(), { signal });
    const list = this.element.querySelector<HTMLElement>(".rows");
    list?.addEventListener("pointermove", (event) => hover(list, event));
    list?.addEventListener("pointerleave", () => list.style.removeProperty("--hover"));
    signal.addEventListener("abort", () => engine.close(), { once: true });
  }

  private show(): void {
    const playing = this.waits ? "loading" : "playing";
    this.transport.state(this.engine.paused && !this.waits ? "paused" : playing);
    this.tick();
  }

  private readonly tick = (): void => {
    this.transport.tick();
    const { currentTime, duration } = this.engine;
    this.element.style.setProperty("--head", `${(currentTime / duration) * 100}%`);
  };

  private async draw(row: Row): Promise<void> {
    if (this.drawn.has(row)) return;
    this.drawn.add(row);
    const { stem } = row.track.result;
    try {
      const peaks = await getJson<Peaks>(jobPath(this.job.id, "stems", stem, "peaks"), this.signal);
      drawWave(row.wave, peaks, this.loudest, row.hue, this.engine, this.signal);
    } catch (error) {
      if (!aborted(error)) this.failed(`No waveform of ${stem}: ${sentence(error)}`);
    }
  }

  private async load(): Promise<void> {
    const all = this.rows.filter((row) => heard(row.track, this.tracks));
    const wanted = all.slice(0, this.room.heard);
    for (const row of all.slice(this.room.heard)) row.say(TOO_LONG);
    const missing = wanted.filter((row) => this.lacks(row));
    this.makeRoom(missing.length, wanted);
    await Promise.all(missing.map((row) => this.fetch(row)));
    if (this.waits && !wanted.some((row) => this.lacks(row))) {
      this.waits = false;
      await this.engine.play();
      this.show();
    }
  }

  private lacks(row: Row): boolean {
    const { stem } = row.track.result;
    return !this.engine.has(stem) && !this.broken.has(stem);
  }

  private async fetch(row: Row): Promise<void> {
    const { stem } = row.track.result;
    row.say("Loading…");
    try {
      const buffer = await this.loader.load(stem);
      if (!this.signal.aborted) this.engine.put(stem, buffer);
      row.say("");
      this.paint();
    } catch (error) {
      if (aborted(error)) return;
      this.broken.add(stem);
      row.say(sentence(error), true);
    }
  }

  private makeRoom(needed: number, wanted: Row[]): void {
    const kept = new Set(wanted.map((row) => row.track.result.stem));
    const here = this.rows.map((row) => row.track.result.stem).filter((s) => this.engine.has(s));
    const spare = here.filter((stem) => !kept.has(stem));
    const excess = here.length + needed - Math.max(this.room.kept, wanted.length);
    for (const stem of spare.slice(0, Math.max(0, excess))) this.engine.drop(stem);
  }
}

function notes(rate: number): (Node | string)[] {
  const keys: [string, string][] = [
    ["Space", "play"],
    ["← →", "5 s"],
    ["Shift ← →", "1 s"],
    ["S", "solo"],
    ["M", "mute"],
    ["L", "loop"],
    ["[ ]", "loop from, to here"],
    ["B", "original"],
    ["G", "spectrogram"],
  ];
  const words = keys.flatMap(([key, does]) => [el("span", {}, el("kbd", {}, key), ` ${does}`)]);
  const help = el("span", { class: "keys" }, ...words);
  if (rate >= 44_100) return [help];
  return [el("span", {}, "This song is long, so it plays at reduced quality; downloads have full quality."), help];
}

function hover(list: HTMLElement, event: PointerEvent): void {
  const wave = list.querySelector(".wave");
  if (!wave || event.pointerType === "touch") return;
  const { left, width } = wave.getBoundingClientRect();
  const share = (event.clientX - left) / width;
  if (share < 0 || share > 1) list.style.removeProperty("--hover");
  else list.style.setProperty("--hover", `${share * 100}%`);
}
