// The newest jobs, with their state, a way to open them, and one to delete them.

import { aborted, ask, getJson, jobPath, sentence } from "./api";
import { alertIn, byId, confirmed, el, fill } from "./dom";
import { ago, clock, percent } from "./format";
import { type Separation, final } from "./types";

const EVERY_MS = 5000;
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
      const open = separations.some((job) => !final(job));
      if (open && !document.hidden) this.timer = window.setTimeout(() => void this.refresh(), EVERY_MS);
    } catch (error) {
      if (!aborted(error)) alertIn(this.alert, `The list is not up to date: ${sentence(error)}`);
    }
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
    const state = JSON.stringify(jobs);
    this.none.hidden = jobs.length > 0;
    // an unchanged list stays, so that the focus does too
    if (state === this.shown) return;
    this.shown = state;
    const focus = document.activeElement?.closest<HTMLElement>("#jobs li")?.dataset.id;
    fill(this.list, ...jobs.map((job) => this.item(job)));
    this.mark();
    if (focus) this.list.querySelector<HTMLElement>(`li[data-id="${CSS.escape(focus)}"] a`)?.focus();
  }

  private item(job: Separation): HTMLElement {
    const about = `${job.recipe} · ${clock(job.duration_s)} · ${ago(job.created_at)}`;
    const running = job.status === "running" ? ` ${percent(job.progress)}` : "";
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
      el("span", { class: `status ${job.status}` }, job.status + running),
      el("a", { href: `#${job.id}` }, job.title),
      el("span", { class: "about" }, about),
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
