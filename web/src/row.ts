// One row of the player: a stem with its solo, mute, fader, waveform, facts and download.

import { sentence } from "./api";
import { el, fill, icon } from "./dom";
import { saveStem } from "./download";
import { drawSpectrogram } from "./spectrogram";
import { STEM_TOP, fader } from "./fader";
import { blend, bytes, number } from "./format";
import { type Track, heard, shown } from "./mixer";
import { colour, label } from "./stems";
import type { Recipe, Separation } from "./types";

/** What a row asks of its player. */
export interface Desk {
  job: Separation;
  tracks: Track[];
  /** The format that downloads have. */
  format(): string;
  changed(): void;
  failed(text: string): void;
  retry(): void;
}

export class Row {
  readonly element: HTMLElement;
  readonly wave = el("div", { class: "wave", "aria-hidden": "true" });
  readonly hue: string;
  private readonly picture = el("canvas", { class: "spectrogram", "aria-hidden": "true" });
  private readonly note = el("p", { class: "wave-note" });
  private painted = "";
  private told: HTMLElement | null = null;
  private readonly solo: HTMLButtonElement;
  private readonly mute: HTMLButtonElement;
  private readonly parts: HTMLButtonElement | null;
  private readonly save: HTMLButtonElement;
  private readonly name: string;

  constructor(
    readonly track: Track,
    private readonly desk: Desk,
  ) {
    const { result } = track;
    this.name = label(result.stem);
    this.hue = colour(result.stem, result.parent);
    this.solo = this.switch("S", "Solo", () => (track.solo = !track.solo));
    this.mute = this.switch("M", "Mute", () => (track.mute = !track.mute));
    this.parts = track.parts.length ? this.partsButton() : null;
    this.save = this.downloadButton();
    const volume = fader(this.name, STEM_TOP, (db) => {
      track.db = db;
      if (this.element) desk.changed();
    });
    this.element = el(
      "div",
      {
        class: track.above ? "row part" : "row",
        role: "group",
        "aria-label": this.name,
        "data-stem": result.stem,
        style: `--hue:var(${this.hue})`,
      },
      el("div", { class: "who" }, el("i", { class: "dot" }), this.title(), this.parts),
      el("div", { class: "strip" }, this.solo, this.mute, volume),
      el("div", { class: "picture" }, this.wave, this.picture, el("i", { class: "region" }), this.note),
      el("div", { class: "about" }, ...this.about()),
      this.save,
    );
    this.element.addEventListener("keydown", this.keys);
    this.say("");
    this.nameFormat();
    this.source(null);
  }

  /** Show the track's state. */
  update(): void {
    const { track, desk } = this;
    this.element.hidden = !shown(track);
    this.element.classList.toggle("silent", !heard(track, desk.tracks));
    this.element.classList.toggle("group", track.open);
    this.solo.setAttribute("aria-pressed", String(track.solo));
    this.mute.setAttribute("aria-pressed", String(track.mute));
    this.parts?.setAttribute("aria-expanded", String(track.open));
  }

  /** Say something over the waveform, for example that the stem is being loaded. */
  say(text: string, again = false): void {
    this.note.hidden = text === "";
    const button = el("button", { type: "button", onclick: () => this.desk.retry() }, "Try again");
    fill(this.note, text, again && button);
  }

  /** Paint the spectrogram in the colours of now, once its audio is here. */
  paint(audio: AudioBuffer): void {
    const style = getComputedStyle(document.documentElement);
    const colours = [this.hue, "--surface"].map((name) => style.getPropertyValue(name).trim());
    if (this.painted === colours.join()) return;
    this.painted = colours.join();
    this.element.classList.add("painted");
    drawSpectrogram(this.picture, audio, colours[0] ?? "", colours[1] ?? "");
  }

  /** Name the format on the download button. */
  nameFormat(): void {
    const kind = this.desk.format();
    const { stem, bytes: size } = this.track.result;
    const own = kind === this.desk.job.format;
    const text = own ? bytes(size) : kind.toUpperCase();
    const name = `Download ${label(stem).toLowerCase()} as ${kind.toUpperCase()}${own ? `, ${bytes(size)}` : ""}`;
    this.save.title = name;
    this.save.setAttribute("aria-label", name);
    fill(this.save, icon("download"), el("small", {}, text));
  }

  private title(): HTMLElement {
    const { parent, stem } = this.track.result;
    const orphan = parent !== "mixture" && !this.track.above;
    const name = el("span", { class: "stem", title: stem }, this.name);
    if (orphan) name.append(el("small", {}, ` of ${label(parent).toLowerCase()}`));
    return name;
  }

  private switch(letter: string, action: string, flip: () => void): HTMLButtonElement {
    const props = {
      type: "button",
      class: action.toLowerCase(),
      title: `${action} (${letter}, in this row)`,
      "aria-label": `${action} ${this.name}`,
      "aria-pressed": "false",
      onclick: () => {
        flip();
        this.desk.changed();
      },
    };
    return el("button", props, letter);
  }

  private partsButton(): HTMLButtonElement {
    const { track } = this;
    const names = track.parts.map((part) => label(part.result.stem).toLowerCase()).join(", ");
    const props = {
      type: "button",
      class: "parts",
      title: `Split ${this.name.toLowerCase()} into ${names}`,
      "aria-expanded": "false",
      onclick: () => {
        track.open = !track.open;
        this.desk.changed();
      },
    };
    return el("button", props, icon("open"), `${track.parts.length} parts`);
  }

  /** What engineers ask: level, quality, where it comes from. */
  private about(): HTMLElement[] {
    const { rms_dbfs: level, quality_db: quality, models, kind } = this.track.result;
    const facts: HTMLElement[] = [];
    const loud = level === null ? "silent" : `${number(level)} dBFS`;
    facts.push(el("span", { title: "RMS level before encoding" }, loud));
    this.told = this.prediction();
    if (this.told) facts.push(this.told);
    else if (quality && quality[0] != null) {
      const title = `Held-out SNR, with its 95 % interval: ${quality.map((v) => number(v ?? null)).join(" / ")} dB`;
      facts.push(el("span", { title }, `SNR ${interval(quality)}`));
    }
    const made = blend(models, kind) || "remainder";
    return [
      el("p", { class: "level" }, ...facts),
      el("p", { class: "made", title: `Made by ${made}` }, made),
    ];
  }

  /** What the recipe predicts of this very song. */
  private prediction(): HTMLElement | null {
    const told = this.desk.job.quality?.[this.track.result.stem];
    if (!told) return null;
    const [snr, low, high] = [told.snr, told.low, told.high].map((value) => number(value, 0));
    return el("span", { class: "predicted" }, `about ${snr} dB SNR (${low}…${high})`);
  }

  /** Say from which songs the prediction comes, once the recipe is known. */
  source(recipe: Recipe | null): void {
    if (!this.told) return;
    const { dataset } = recipe?.provenance ?? {};
    const songs = typeof dataset === "string" ? ` of ${dataset}` : "";
    const mean = this.track.result.quality_db;
    const usual = mean && mean[0] != null ? ` Their mean: ${interval(mean)}.` : "";
    this.told.title =
      `Predicted for this song, without its true stems, from songs${songs}; ` +
      `9 of 10 such songs lie within the range.${usual}`;
  }

  private downloadButton(): HTMLButtonElement {
    const { stem } = this.track.result;
    const { job } = this.desk;
    const save = async () => {
      button.disabled = true;
      try {
        await saveStem(job, stem, this.desk.format(), button);
      } catch (error) {
        this.desk.failed(`${this.name} was not downloaded: ${sentence(error)}`);
      } finally {
        button.disabled = false;
        button.style.removeProperty("--done");
      }
    };
    const button = el("button", { type: "button", class: "save", onclick: () => void save() });
    return button;
  }

  private readonly keys = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.toLowerCase();
    const button = key === "s" ? this.solo : key === "m" ? this.mute : null;
    if (!button) return;
    event.preventDefault();
    button.click();
  };
}

/** Quality as text: mean, and the ends of the interval where they are known. */
export function interval(quality: (number | null)[]): string {
  const [mean, low, high] = quality;
  const ends = low == null || high == null ? "" : ` (${number(low)}…${number(high)})`;
  return `${number(mean ?? null)} dB${ends}`;
}
