// A/B: the mix as it is set, or the original at the loudness of that mix.

import { aborted, sentence } from "./api";
import { fill } from "./dom";
import type { Engine } from "./engine";
import type { Loader } from "./loader";
import { type Part, loudness } from "./loudness";
import { toggle } from "./toggle";

/** The original's name among the stems. */
export const ORIGINAL = "mixture";
const SETTLED_MS = 120;

export class Compare {
  readonly button: HTMLButtonElement;
  /** Whether the original is heard. */
  on = false;
  private busy = false;
  private level = 1;
  private timer = 0;
  private matched = "";
  private own = -Infinity;

  /**
   * `audible` are the stems with their gains as they are set; `changed` is called when the gains have to
   * be set anew, `failed` with a sentence.
   */
  constructor(
    private readonly engine: Engine,
    private readonly loader: Loader,
    private readonly audible: () => Map<string, number>,
    private readonly changed: () => void,
    private readonly failed: (text: string) => void,
  ) {
    const title = "Hear the original, as loud as your mix (B)";
    this.button = toggle("Original", title, null, () => void this.flip());
  }

  /** The original's gain where it is heard. */
  get gain(): number {
    return this.on ? this.level : 0;
  }

  /** Hear the other one. */
  async flip(): Promise<void> {
    if (this.busy || (!this.on && !(await this.ready()))) return;
    this.on = !this.on;
    this.button.setAttribute("aria-pressed", String(this.on));
    this.changed();
  }

  /** The mix was changed: match the original to it, once it stays so. */
  mixed(): void {
    if (!this.on) return;
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.match().then(this.changed), SETTLED_MS);
  }

  private async ready(): Promise<boolean> {
    this.busy = true; // not disabled: the button would lose the focus
    try {
      if (!this.engine.has(ORIGINAL)) {
        fill(this.button, "Loading…");
        this.engine.put(ORIGINAL, await this.loader.load(ORIGINAL));
      }
      await this.match();
      return true;
    } catch (error) {
      if (!aborted(error)) this.failed(`The original cannot be played: ${sentence(error)}`);
      return false;
    } finally {
      this.busy = false;
      fill(this.button, "Original");
    }
  }

  /** Set the original's level so that both are equally loud; a silent mix leaves it as it is. */
  private async match(): Promise<void> {
    const gains = this.audible();
    const key = JSON.stringify([...gains]);
    if (key === this.matched) return;
    const original = this.engine.buffer(ORIGINAL);
    if (this.own === -Infinity && original) this.own = await loudness([[original, 1]]);
    const parts = [...gains].map(([stem, gain]) => [this.engine.buffer(stem), gain] as const);
    const here = parts.filter((part): part is Part => part[0] !== undefined && part[1] > 0);
    const mix = await loudness(here);
    const db = mix - this.own;
    this.level = Number.isFinite(db) ? 10 ** (db / 20) : 1;
    this.matched = key;
  }
}
