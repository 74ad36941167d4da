// Fetching and decoding stems, within a bound of memory.

import { ask, jobPath } from "./api";

/** Bytes of decoded audio that are kept without need, and that are never exceeded. */
const BUDGET = 512e6;
const MOST = 1.5e9;
const FULL = 44_100;
const HALF = 22_050;
const AT_ONCE = 2;

/** Bytes that a decoded stereo stem takes. */
export function size(duration: number, rate: number): number {
  return duration * 2 * 4 * rate;
}

/** The sample rate at which all of a job's stems fit the memory; half the full one otherwise. */
export function previewRate(stems: number, duration: number): number {
  return stems * size(duration, FULL) <= BUDGET ? FULL : HALF;
}

/** How many stems of this length are kept, and how many may be heard at the same time. */
export function roomFor(duration: number, rate: number): { kept: number; heard: number } {
  const one = size(duration, rate);
  return { kept: Math.floor(BUDGET / one), heard: Math.max(1, Math.floor(MOST / one)) };
}

/** Fetches and decodes stems, two at a time, each once. */
export class Loader {
  private running = 0;
  private waiting: (() => void)[] = [];
  private started = new Map<string, Promise<AudioBuffer>>();
  private decoder: OfflineAudioContext;

  constructor(
    private readonly id: string,
    rate: number,
    private readonly signal: AbortSignal,
  ) {
    // decodes and resamples to `rate` without an audio device, which needs a user's gesture
    this.decoder = new OfflineAudioContext(2, 1, rate);
  }

  /** Return a stem's audio. One that failed is fetched anew the next time. */
  load(stem: string): Promise<AudioBuffer> {
    const known = this.started.get(stem);
    if (known) return known;
    const made = this.fetch(stem).finally(() => this.started.delete(stem));
    this.started.set(stem, made);
    return made;
  }

  private async fetch(stem: string): Promise<AudioBuffer> {
    await this.turn();
    try {
      const answer = await ask(jobPath(this.id, "stems", stem), { signal: this.signal });
      return await this.decode(stem, await answer.arrayBuffer());
    } finally {
      this.running -= 1;
      this.waiting.shift()?.();
    }
  }

  private async decode(stem: string, data: ArrayBuffer): Promise<AudioBuffer> {
    try {
      return await this.decoder.decodeAudioData(data);
    } catch (error) {
      throw new Error(`This browser cannot play ${stem}; download it instead.`, { cause: error });
    }
  }

  private async turn(): Promise<void> {
    if (this.running >= AT_ONCE) await new Promise<void>((go) => this.waiting.push(go));
    this.running += 1;
  }
}
