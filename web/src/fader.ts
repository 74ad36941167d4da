// A volume slider in dB; its lowest position is silence, a double click is 0 dB.

import { el } from "./dom";
import { decibel } from "./format";
import { FLOOR_DB, TOP_DB } from "./mixer";

/** Make a labelled slider; `changed` hears its value in dB. */
export function fader(name: string, top: number, changed: (db: number) => void) {
  const shown = el("output", { "aria-hidden": "true" });
  const input = el("input", {
    type: "range",
    min: FLOOR_DB,
    max: top,
    step: 0.5,
    value: 0,
    "aria-label": `Volume of ${name}`,
    title: "Volume; double click for 0 dB",
  });
  const update = () => {
    const db = Number(input.value);
    const text = decibel(db <= FLOOR_DB ? -Infinity : db);
    shown.textContent = text;
    input.setAttribute("aria-valuetext", text);
    input.style.setProperty("--at", `${((db - FLOOR_DB) / (top - FLOOR_DB)) * 100}%`);
    changed(db);
  };
  input.addEventListener("input", update);
  input.addEventListener("dblclick", () => {
    input.value = "0";
    update();
  });
  update();
  return el("span", { class: "fader" }, input, shown);
}

/** A stem's slider goes beyond full scale, the one of all together does not. */
export const STEM_TOP = TOP_DB;
export const MASTER_TOP = 0;
