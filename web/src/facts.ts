// What is known of a finished job besides its sound: conservation, timing, recipe and provenance.

import { type Child, el } from "./dom";
import { number, span } from "./format";
import { label } from "./stems";
import type { Conservation, Recipe, Separation } from "./types";

/** The one entry of the timing that is not in seconds: seconds of audio per second of work. */
const SPEED = "realtime_factor";
const SHOWN = "held_out_snr";

/** Below this the difference is rounding, which nobody hears. */
const ROUNDING_DBFS = -90;

/** What a musician should know, in sentences; the rest is behind the details. */
export function summary(job: Separation): HTMLElement {
  const whole = job.conservation.find((one) => one.parent === "mixture");
  const exact = whole && (whole.exact || (whole.difference_dbfs ?? 0) < ROUNDING_DBFS);
  const sum = exact ? "Played together, the stems give back the original. " : "";
  const quieter = job.gain !== null && job.gain < 1 ? number(-20 * Math.log10(job.gain), 1) : "";
  const gain = quieter && `All stems are ${quieter} dB quieter than in the original, so that none clips.`;
  const tier = job.tier ? `These are the stems of the tier ${job.tier}. ` : "";
  const note = job.note ? `${job.note} ` : "";
  return el("p", { class: "note summary" }, tier, note, sum, gain);
}

/** Return the cards below the player. `recipe` is null where the server no longer has it. */
export function facts(job: Separation, recipe: Recipe | null): HTMLElement {
  const cards = [sums(job), timing(job), origin(job, recipe)];
  return el("div", { class: "facts-grid" }, ...cards);
}

function card(title: string, note: string, ...content: Child[]): HTMLElement {
  return el("section", { class: "card" }, el("h2", {}, title), el("p", { class: "note" }, note), ...content);
}

function sums(job: Separation): HTMLElement {
  const rows = job.conservation.map((one) =>
    el("tr", {}, el("td", {}, equation(one)), el("td", { class: "n" }, difference(one))),
  );
  const content: Child[] = rows.length
    ? [el("table", {}, head("Sum", "RMS difference"), el("tbody", {}, ...rows))]
    : ["Not all stems of the song were asked for, so there is nothing to add up."];
  return card("Conservation", "How exactly the stems add up to the original, and parts to their stem.", ...content);
}

function equation(one: Conservation): string {
  const names = one.stems.map((stem) => label(stem).toLowerCase());
  return `${names.join(" + ")} = ${label(one.parent).toLowerCase()}`;
}

function difference(one: Conservation): string {
  return one.exact || one.difference_dbfs === null ? "exact" : `${number(one.difference_dbfs)} dBFS`;
}

function timing(job: Separation): HTMLElement {
  const rows = Object.entries(job.timing).map(([name, value]) => {
    const speed = name === SPEED;
    const text = speed ? `${number(value, 2)} × real time` : span(value);
    const stage = speed ? "Speed" : label(name.replace(/_s$/, ""));
    return el("tr", {}, el("td", {}, stage), el("td", { class: "n" }, text));
  });
  if (!job.timing.total_s && job.started_at && job.finished_at) {
    const took = (Date.parse(job.finished_at) - Date.parse(job.started_at)) / 1000;
    const text = `${span(took)} for ${span(job.duration_s)} of audio`;
    rows.push(el("tr", {}, el("td", {}, "From start to end"), el("td", { class: "n" }, text)));
  }
  if (job.attempts > 1) {
    const text = String(job.attempts);
    rows.push(el("tr", {}, el("td", {}, "Attempts"), el("td", { class: "n" }, text)));
  }
  const table = el("table", {}, head("Stage", "Time"), el("tbody", {}, ...rows));
  return card("Timing", "How long each stage took.", table);
}

function origin(job: Separation, recipe: Recipe | null): HTMLElement {
  const all = Object.entries(recipe?.provenance ?? {});
  const entries = all.filter(([name]) => name !== SHOWN); // each stem has its own beside it
  const note = recipe
    ? `Models: ${recipe.models.join(", ")}. Stored as ${job.format.toUpperCase()}.`
    : "The server no longer has this recipe.";
  const list = entries.flatMap(([name, value]) => [
    el("dt", {}, label(name)),
    el("dd", {}, plain(value)),
  ]);
  const none = "A single model.";
  return card(`Recipe ${job.recipe}`, note, entries.length ? el("dl", {}, ...list) : recipe && none);
}

function head(first: string, second: string): HTMLElement {
  const cells = [el("th", { scope: "col" }, first), el("th", { scope: "col", class: "n" }, second)];
  return el("thead", {}, el("tr", {}, ...cells));
}

/** A value of the provenance as text, whatever its shape. */
function plain(value: unknown): string {
  if (value === null || value === undefined) return "–";
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : number(value, 2);
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (Array.isArray(value)) return value.map(plain).join(" / ");
  if (typeof value !== "object") return String(value);
  const parts = Object.entries(value).map(([name, one]) => `${label(name).toLowerCase()} ${plain(one)}`);
  return parts.join(", ");
}
