// The view of one job: progress, then its player; or why there is none.

import { aborted, ask, jobPath, sentence } from "./api";
import { type Child, alertIn, confirmed, el, fill, icon } from "./dom";
import { saveAll } from "./download";
import { facts } from "./facts";
import { ago, clock, moment } from "./format";
import { Player } from "./player";
import { Progress } from "./progress";
import { type Recipe, type Separation, final } from "./types";
import { patiently, watch } from "./watch";

export interface JobView {
  box: HTMLElement;
  recipes: Promise<Recipe[]>;
  /** A job is known to be in another state than the list of recent jobs shows. */
  changed: (job: Separation) => void;
  signal: AbortSignal;
}

/** Show the job until `signal` is aborted. */
export async function showJob(id: string, view: JobView): Promise<void> {
  const alert = el("p", { class: "alert", role: "alert", hidden: true });
  const body = el("div");
  fill(view.box, body, alert);
  try {
    const job = await patiently(id, (text) => alertIn(alert, text), view.signal);
    if (final(job)) return finish(job, body, alert, view);
    const progress = new Progress(job.title, () => void cancel(job, alert));
    fill(body, heading(job), alert, progress.element);
    catchFocus(body);
    let last = job;
    const changed = (state: Separation) => {
      last = state;
      view.changed(state);
      if (!final(state)) progress.job(state);
    };
    changed(job);
    await watch(id, changed, (text) => progress.trouble(text), view.signal);
    finish(last, body, alert, view);
  } catch (error) {
    if (!aborted(error)) alertIn(alert, sentence(error));
  }
}

async function cancel(job: Separation, alert: HTMLElement): Promise<void> {
  try {
    await ask(jobPath(job.id), { method: "DELETE" }); // the stream of events tells the rest
  } catch (error) {
    alertIn(alert, `Not cancelled: ${sentence(error)}`);
  }
}

function finish(job: Separation, body: HTMLElement, alert: HTMLElement, view: JobView): void {
  const why = job.error?.detail ?? "The job failed, and the server does not say why.";
  alertIn(alert, job.status === "failed" ? why : null);
  document.title = `${job.title} · stemwise`;
  // a job that failed in part still has the stems that were made
  if (job.results.length) return show(job, body, alert, view);
  const words: Record<string, string> = {
    cancelled: "This job was cancelled.",
    expired: "The files of this job have been deleted.",
  };
  const text = words[job.status];
  const again = el("p", {}, el("a", { href: "#", class: "button" }, "Separate a song"));
  fill(body, heading(job), alert, text ? el("p", { class: "panel end" }, text) : null, again);
}

function show(job: Separation, body: HTMLElement, alert: HTMLElement, view: JobView): void {
  const player = new Player(job, view.signal);
  const below = el("div");
  fill(body, heading(job, actions(job, alert, view)), alert, player.element, below);
  player.begin();
  catchFocus(body);
  const tell = (recipes: Recipe[]) => {
    fill(below, facts(job, recipes.find((one) => one.name === job.recipe) ?? null));
  };
  void view.recipes.then(tell);
}

function actions(job: Separation, alert: HTMLElement, view: JobView): HTMLElement {
  const failing = (what: string, act: () => Promise<unknown>) => async () => {
    try {
      await act();
    } catch (error) {
      alertIn(alert, `${what}: ${sentence(error)}`);
    }
  };
  const save = failing("Not downloaded", () => saveAll(job, zip));
  const zip = el("button", { type: "button", class: "zip", onclick: () => void save() });
  zip.append(icon("download"), "All stems (zip)");
  const remove = failing("Not deleted", async () => {
    const answer = await ask(jobPath(job.id), { method: "DELETE" });
    location.hash = "";
    view.changed((await answer.json()) as Separation);
  });
  const name = job.title;
  return el("div", { class: "actions" }, zip, confirmed("Delete", "Really delete?", name, () => void remove()));
}

/** Where the control that had the focus is gone, go on from the heading. */
function catchFocus(body: HTMLElement): void {
  if (document.activeElement !== document.body) return;
  body.querySelector<HTMLElement>("h1")?.focus({ preventScroll: true });
}

function heading(job: Separation, ...more: Child[]): HTMLElement {
  const about = [job.recipe, job.format.toUpperCase(), clock(job.duration_s)];
  if (job.finished_at) about.push(`${job.status} ${ago(job.finished_at)}`);
  else about.push(`sent ${ago(job.created_at)}`);
  if (job.status === "succeeded" && job.expires_at) about.push(`kept until ${moment(job.expires_at)}`);
  const line = el("p", { class: "facts" }, ...about.map((text) => el("span", {}, text)));
  const title = el("h1", { tabindex: -1 }, job.title);
  return el("div", { class: "job-head" }, el("div", {}, title, line), ...more);
}
