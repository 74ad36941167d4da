// The view of one job: progress, then its player; or why there is none.

import { aborted, ask, jobPath, sentence } from "./api";
import { type Child, alertIn, confirmed, el, fill, icon } from "./dom";
import { FORMATS, saveAll, saveMix } from "./download";
import { facts, summary } from "./facts";
import { ago, clock, moment } from "./format";
import { Player } from "./player";
import { Progress } from "./progress";
import { type Recipe, STATUS, type Separation, final } from "./types";
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
    alertIn(alert, `This was not cancelled: ${sentence(error)}`);
  }
}

function finish(job: Separation, body: HTMLElement, alert: HTMLElement, view: JobView): void {
  const why = job.error?.detail ?? "The separation failed, and the server does not say why.";
  alertIn(alert, job.status === "failed" ? why : null);
  document.title = `${job.title} · stemwise`;
  // a job that failed in part still has the stems that were made
  if (job.results.length) return show(job, body, alert, view);
  const words: Record<string, string> = {
    cancelled: "This separation was cancelled.",
    expired: "The stems of this song have been deleted.",
  };
  const text = words[job.status];
  const again = el("p", {}, el("a", { href: "#", class: "button" }, "Separate another song"));
  fill(body, heading(job), alert, text ? el("p", { class: "panel end" }, text) : null, again);
}

function show(job: Separation, body: HTMLElement, alert: HTMLElement, view: JobView): void {
  const below = el("div", { hidden: true });
  const format = el("select", { "aria-label": "Format of downloads" });
  fill(format, ...FORMATS.map(([value, text]) => el("option", { value }, text)));
  format.value = job.format;
  const detailed = (on: boolean) => {
    below.hidden = !on;
  };
  const player = new Player(job, () => format.value, view.signal, detailed);
  format.addEventListener("change", () => player.nameFormat());
  const head = heading(job, actions(job, player, format, alert, view));
  fill(body, head, alert, player.element, summary(job), below);
  player.begin();
  catchFocus(body);
  const tell = (recipes: Recipe[]) => {
    const recipe = recipes.find((one) => one.name === job.recipe) ?? null;
    fill(below, facts(job, recipe));
    player.source(recipe);
  };
  void view.recipes.then(tell);
}

function actions(
  job: Separation,
  player: Player,
  format: HTMLSelectElement,
  alert: HTMLElement,
  view: JobView,
): HTMLElement {
  const failing = (what: string, act: () => Promise<unknown>) => async () => {
    alertIn(alert, null);
    try {
      await act();
    } catch (error) {
      alertIn(alert, `${what}: ${sentence(error)}`);
    }
  };
  const zip = download("zip", "All stems", "All stems in one zip file", () =>
    failing("The stems were not downloaded", () => saveAll(job, format.value, zip))(),
  );
  const mix = download("mix", "My mix", "The mix as you hear it: solo, mute and volumes included", () =>
    failing("The mix was not downloaded", async () => {
      const gains = player.gains();
      if (!gains.size) throw new Error("all stems are silent.");
      await saveMix(job, gains, format.value, mix);
    })(),
  );
  const remove = failing("The song was not deleted", async () => {
    const answer = await ask(jobPath(job.id), { method: "DELETE" });
    location.hash = "";
    view.changed((await answer.json()) as Separation);
  });
  const name = job.title;
  return el("div", { class: "actions" }, format, zip, mix, confirmed("Delete", "Really delete?", name, () => void remove()));
}

/** A button that is busy as long as its download takes to come. */
function download(name: string, text: string, title: string, act: () => Promise<void>) {
  const pressed = async () => {
    button.disabled = true;
    await act();
    button.disabled = false;
    button.style.removeProperty("--done");
  };
  const props = { type: "button", class: `save ${name}`, title, onclick: () => void pressed() };
  const button = el("button", props, icon("download"), text);
  return button;
}

/** Where the control that had the focus is gone, go on from the heading. */
function catchFocus(body: HTMLElement): void {
  if (document.activeElement !== document.body) return;
  body.querySelector<HTMLElement>("h1")?.focus({ preventScroll: true });
}

function heading(job: Separation, ...more: Child[]): HTMLElement {
  const about = [clock(job.duration_s)];
  const state = job.status === "succeeded" ? "separated" : STATUS[job.status];
  about.push(job.finished_at ? `${state} ${ago(job.finished_at)}` : `sent ${ago(job.created_at)}`);
  if (job.status === "succeeded" && job.expires_at) about.push(`kept until ${moment(job.expires_at)}`);
  const line = el("p", { class: "facts" }, ...about.map((text) => el("span", {}, text)));
  const title = el("h1", { tabindex: -1 }, job.title);
  return el("div", { class: "job-head" }, el("div", {}, title, line), ...more);
}
