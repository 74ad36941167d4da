// The newest jobs, with their state, a way to open them, and one to delete them.

import { aborted, ask, getJson, jobPath, sentence } from "./api";
import { alertIn, byId, confirmed, el, fill } from "./dom";
import { ago, clock, percent } from "./format";
import { STATUS, type Separation, final } from "./types";

const EVERY_MS = 5000;
const IDLE_MS = 60_000;
const SHOWN = 10;

export class Recent {
  private readonly list = byId("jobs");
  private readonly none = byId("no-jobs");
  private readonly alert = byId("recent-alert");
  private timer = 0;
  private shown = "";

  constructor() {
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) void this.refresh();
    });
  }

  /** Fetch the list; while a job is unfinished, again every few seconds. */
  async refresh(): Promise<void> {
    clearTimeout(this.timer);
    try {
      const path = `v1/separations?limit=${SHOWN}`;
      const { separations } = await getJson<{ separations: Separation[] }>(path);
      alertIn(this.alert, null);
      this.show(separations);
      this.later(separations.some((job) => !final(job)) ? EVERY_MS : IDLE_MS);
    } catch (error) {
      if (!aborted(error)) alertIn(this.alert, `This list is out of date: ${sentence(error)}`);
      this.later(EVERY_MS);
    }
  }

  /** Take a job's state from elsewhere. */
  note(job: Separation): void {
    const item = this.list.querySelector(`li[data-id="${CSS.escape(job.id)}"]`);
    if (!item || final(job)) void this.refresh();
    else this.progress(job);
  }

  private later(ms: number): void {
    clearTimeout(this.timer);
    if (!document.hidden) this.timer = window.setTimeout(() => void this.refresh(), ms);
  }

  /** Mark the job that is open. */
  mark(): void {
    for (const link of this.list.querySelectorAll("a")) {
      const open = link.getAttribute("href") === location.hash;
      if (open) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  }

  private show(jobs: Separation[]): void {
    const state = JSON.stringify(jobs.map((job) => [job.id, job.status, about(job)]));
    this.none.hidden = jobs.length > 0;
    for (const job of jobs) this.progress(job);
    // an unchanged list stays, and one that asks a question, so that the focus does too
    if (state === this.shown || this.list.querySelector(".asks")) return;
    this.shown = state;
    const focus = document.activeElement?.closest<HTMLElement>("#jobs li")?.dataset.id;
    fill(this.list, ...jobs.map((job) => this.item(job)));
    this.mark();
    if (focus) this.list.querySelector<HTMLElement>(`li[data-id="${CSS.escape(focus)}"] a`)?.focus();
  }

  private progress(job: Separation): void {
    const status = this.list.querySelector(`li[data-id="${CSS.escape(job.id)}"] .status`);
    if (status) mark(status, job);
  }

  private item(job: Separation): HTMLElement {
    const over = final(job);
    const button = confirmed(
      over ? "Delete" : "Cancel",
      over ? "Really delete?" : "Really cancel?",
      job.title,
      () => void this.remove(job),
    );
    return el(
      "li",
      { "data-id": job.id },
      mark(el("span"), job),
      el("a", { href: `#${job.id}`, title: job.title }, job.title),
      el("span", { class: "job-facts" }, about(job)),
      job.status === "expired" || job.status === "cancelled" ? el("span") : button,
    );
  }

  private async remove(job: Separation): Promise<void> {
    try {
      await ask(jobPath(job.id), { method: "DELETE" });
      if (location.hash === `#${job.id}` && final(job)) location.hash = "";
    } catch (error) {
      alertIn(this.alert, `${job.title} was not deleted: ${sentence(error)}`);
      return;
    }
    await this.refresh();
  }
}

function about(job: Separation): string {
  return `${clock(job.duration_s)} · ${ago(job.created_at)}`;
}

function mark(status: Element, job: Separation): Element {
  status.className = `status ${job.status}`;
  status.textContent = STATUS[job.status] + (job.status === "running" ? ` ${percent(job.progress)}` : "");
  return status;
}
