// A stem's waveform, drawn by wavesurfer.js; the engine is its clock.

import WaveSurfer from "wavesurfer.js";

import type { Engine } from "./engine";
import type { Peaks } from "./types";

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
  const full = style.getPropertyValue(hue).trim();
  const ink = style.getPropertyValue("--ink").trim();
  return { waveColor: `${full}70`, progressColor: full, cursorColor: ink };
}
