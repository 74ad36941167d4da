// A stem's waveform, drawn by wavesurfer.js; the engine is its clock.

import WaveSurfer from "wavesurfer.js";

import type { Engine } from "./engine";
import type { Peaks } from "./types";

/** How much of its colour a waveform has ahead of the playhead. */
const AHEAD = 0.45;
const dark = matchMedia("(prefers-color-scheme: dark)");

/** Draw peaks into `box`; `loudest` is the peak that fills the height, the same for all stems. */
export function drawWave(
  box: HTMLElement,
  peaks: Peaks,
  loudest: number,
  hue: string,
  engine: Engine,
  signal: AbortSignal,
): void {
  const wave = WaveSurfer.create({
    container: box,
    peaks: [Float32Array.from(peaks.peaks)],
    duration: engine.duration,
    media: engine as unknown as HTMLMediaElement,
    height: box.clientHeight,
    normalize: true,
    maxPeak: loudest,
    barWidth: 2,
    barGap: 1,
    barRadius: 1,
    barMinHeight: 1,
    cursorWidth: 1,
    dragToSeek: { debounceTime: 0 },
    hideScrollbar: true,
    autoScroll: false,
    ...colours(hue),
  });
  dark.addEventListener("change", () => wave.setOptions(colours(hue)), { signal });
  signal.addEventListener("abort", () => wave.destroy(), { once: true });
}

function colours(hue: string) {
  const style = getComputedStyle(document.documentElement);
  const read = (name: string) => style.getPropertyValue(name).trim();
  const full = read(hue);
  return {
    waveColor: mixed(full, read("--surface"), AHEAD),
    progressColor: full,
    cursorColor: read("--ink"),
  };
}

/** A colour between two, opaque: wavesurfer.js paints what was played over the same shape. */
function mixed(front: string, back: string, share: number): string {
  const channel = (colour: string, at: number) => Number.parseInt(colour.slice(at, at + 2), 16);
  const mix = [1, 3, 5].map((at) => share * channel(front, at) + (1 - share) * channel(back, at));
  return `#${mix.map((value) => Math.round(value).toString(16).padStart(2, "0")).join("")}`;
}
