// The progress of an upload or a job: a bar, a line of text, and milestones for screen readers.

import { alertIn, byId, el, fill } from "./dom";
import { percent, span } from "./format";
import type { Separation } from "./types";

const MILESTONE = 0.1;

export class Progress {
  readonly element: HTMLElement;
  private readonly bar = el("progress", { max: 1, "aria-label": "Progress" });
  private readonly text = el("p", { class: "progress-text" });
  private readonly waiting = el("p", { class: "waiting", role: "alert", hidden: true });
  private spoken = "";

  /** `cancel` is what the button does. */
  constructor(title: string, cancel: () => void) {
    const button = el("button", { type: "button", class: "cancel", onclick: cancel }, "Cancel");
    this.element = el(
      "section",
      { class: "panel progress", "aria-label": title },
      el("div", { class: "progress-head" }, this.text, button),
      this.bar,
      this.waiting,
    );
  }

  /** Show a share between 0 and 1, or null where it is not known. */
  show(stage: string, share: number | null, more = ""): void {
    if (share === null) this.bar.removeAttribute("value");
    else this.bar.value = share;
    const amount = share === null ? "" : percent(share);
    const words = [el("b", {}, stage), amount && el("span", { class: "share" }, amount)];
    fill(this.text, ...words, more && el("span", { class: "more" }, more));
    const step = share === null ? "" : percent(Math.floor(share / MILESTONE + 1e-9) * MILESTONE);
    this.speak(`${stage} ${step}`.trim());
    document.title = `${amount ? `${amount} · ` : ""}${stage} · stemwise`;
  }

  /** Show a job that is not final. */
  job(job: Separation): void {
    if (job.status === "queued") {
      const again = job.attempts > 0;
      this.show("Waiting", null, again ? "interrupted; it starts again soon" : "other songs come first");
      return;
    }
    const { chunks_done: done, chunks_total: total } = job;
    if (total === null) this.show("Preparing", null);
    else if (done >= total) this.show("Saving the stems", 1);
    else this.show("Separating", job.progress, left(job).replace(", ", ""));
  }

  /** Say that something stands in the way, or that it no longer does. */
  trouble(text: string | null, ...more: Node[]): void {
    alertIn(this.waiting, text, ...more);
  }

  private speak(words: string): void {
    if (words === this.spoken) return;
    this.spoken = words;
    byId("live").textContent = words;
  }
}

/** The time that is left, after a comma, if the rest goes as fast as what is done. */
export function left(job: Separation): string {
  if (!job.started_at || job.progress < 0.05) return "";
  const taken = (Date.now() - Date.parse(job.started_at)) / 1000;
  const rest = (taken / job.progress) * (1 - job.progress);
  return rest > 0 && taken > 3 ? `, about ${span(Math.max(1, Math.round(rest)))} left` : "";
}
