// The progress of an upload or a job: a bar, a line of text, and milestones for screen readers.

import { alertIn, byId, el, fill } from "./dom";
import { percent, span } from "./format";
import { RETRIES, type Waiting } from "./retry";
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
      const again = job.attempts > 0 ? "begun before, goes on where a worker is free" : "";
      this.show("Queued", null, again || "waiting for a free worker");
      return;
    }
    const { chunks_done: done, chunks_total: total } = job;
    if (total === null) this.show("Preparing", null, "reading the song");
    else if (done >= total) this.show("Writing the stems", 1, `${total} of ${total} chunks`);
    else this.show("Separating", job.progress, `${done} of ${total} chunks${left(job)}`);
  }

  /** Say that the server wants to be asked later. */
  readonly wait: Waiting = (why, seconds, next, now) => {
    const button = el("button", { type: "button", onclick: now }, "Try now");
    const when = `Trying again in ${seconds} s (retry ${next} of ${RETRIES}).`;
    this.show("Waiting", null);
    this.trouble(why, el("span", { "aria-hidden": "true" }, when), button);
  };

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

/** The time that is left if the rest goes as fast as what is done. */
function left(job: Separation): string {
  if (!job.started_at || job.progress < 0.05) return "";
  const taken = (Date.now() - Date.parse(job.started_at)) / 1000;
  const rest = (taken / job.progress) * (1 - job.progress);
  return rest > 0 && taken > 3 ? `, about ${span(Math.max(1, Math.round(rest)))} left` : "";
}
