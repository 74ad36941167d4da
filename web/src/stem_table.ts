// The stems of a recipe: which are wanted, what makes them, how good they are on songs held out.

import { el, fill } from "./dom";
import { blend, number } from "./format";
import { colour, label } from "./stems";
import type { Quality, Recipe } from "./types";

interface Range {
  low: number;
  high: number;
}

export class StemTable {
  private boxes: HTMLInputElement[] = [];

  constructor(
    private readonly body: HTMLElement,
    private readonly changed: () => void,
  ) {}

  /** Show a recipe's stems, all of them wanted. */
  show(recipe: Recipe): void {
    const range = rangeOf(Object.values(recipe.quality_db));
    this.boxes = [];
    const rows = recipe.stems.flatMap((stem) => [
      this.row(recipe, stem, null, range),
      ...(recipe.children[stem] ?? []).map((part) => this.row(recipe, part, stem, range)),
    ]);
    fill(this.body, ...rows);
    const known = Object.keys(recipe.quality_db).length > 0;
    this.body.closest("table")?.classList.toggle("unrated", !known);
  }

  check(all: boolean): void {
    for (const box of this.boxes) box.checked = all;
    this.changed();
  }

  some(): boolean {
    return this.boxes.some((box) => box.checked);
  }

  /** The names to send; none where all are wanted. */
  wanted(): string[] {
    if (this.boxes.every((box) => box.checked)) return [];
    return this.boxes.filter((box) => box.checked).map((box) => box.value);
  }

  private row(recipe: Recipe, stem: string, parent: string | null, range: Range | null) {
    const hue = `--hue:var(${colour(stem, parent ?? "mixture")})`;
    const box = el("input", { type: "checkbox", value: stem, checked: true, onchange: this.changed });
    this.boxes.push(box);
    const quality = recipe.quality_db[stem];
    const made = blend(recipe.weights[stem] ?? {}, recipe.kinds?.[stem]) || "remainder";
    return el(
      "tr",
      { class: parent ? "part" : "", style: hue },
      el("th", { scope: "row" }, el("label", {}, box, el("i", { class: "dot" }), label(stem))),
      el("td", { class: "n quality" }, quality ? number(quality[0] ?? null) : "–"),
      el("td", { class: "range quality" }, quality && range && mark(quality, range)),
      el("td", { class: "made" }, made),
    );
  }
}

/** A dot with its interval, on the axis that all stems share. */
function mark(quality: Quality, range: Range): HTMLElement | null {
  const [mean, low, high] = quality;
  if (mean == null) return null;
  const at = (value: number) => `${((value - range.low) / (range.high - range.low)) * 100}%`;
  const ends = low != null && high != null;
  const text = ends ? `${number(mean)} dB, 95 % interval ${number(low)} to ${number(high)} dB` : "";
  const line = ends && el("i", { style: `left:${at(low)};right:calc(100% - ${at(high)})` });
  const dot = el("b", { style: `left:${at(mean)}` });
  return el("span", { class: "mark", role: "img", title: text, "aria-label": text }, line, dot);
}

function rangeOf(qualities: Quality[]): Range | null {
  const values = qualities.flat().filter((value): value is number => value !== null);
  if (!values.length) return null;
  const low = Math.min(0, ...values);
  return { low, high: Math.max(low + 1, ...values) };
}
