// The list of this page's songs: each one's state, its place in the line, its progress, a way out.

import { byId, el, fill, icon } from "./dom";
import { bytes, percent, span } from "./format";
import { left } from "./progress";
import { type Entry, type Queue, over } from "./queue";

export class Songs {
  private readonly list = byId("songs");
  private readonly clear = byId<HTMLButtonElement>("clear");
  private readonly rows = new Map<Entry, Row>();
  private spoken = new Map<Entry, string>();

  constructor(private readonly queue: Queue) {
    this.clear.addEventListener("click", () => queue.clear());
  }

  /** Show the songs as they are. */
  update(): void {
    const { entries } = this.queue;
    for (const entry of this.rows.keys()) {
      if (!entries.includes(entry)) this.remove(entry);
    }
    for (const entry of entries) {
      let row = this.rows.get(entry);
      if (!row) {
        row = new Row(entry, this.queue);
        this.rows.set(entry, row);
        this.list.append(row.element);
      }
      row.update();
      this.speak(entry);
    }
    this.list.hidden = entries.length === 0;
    this.clear.hidden = entries.filter(over).length < 2;
  }

  private remove(entry: Entry): void {
    const row = this.rows.get(entry)?.element;
    const focused = row?.contains(document.activeElement);
    row?.remove();
    this.rows.delete(entry);
    if (focused) byId("browse").focus();
  }

  /** Tell screen readers of ends, not of every per cent. */
  private speak(entry: Entry): void {
    const words = over(entry) ? `${entry.file.name}: ${describe(entry, 0)}` : "";
    if (words && this.spoken.get(entry) !== words) byId("live").textContent = words;
    this.spoken.set(entry, words);
  }
}

class Row {
  readonly element: HTMLElement;
  private readonly title = el("span", { class: "song-name" });
  private readonly words = el("span", { class: "song-state" });
  private readonly bar = el("progress", { max: 1, hidden: true });
  private readonly more = el("span", { class: "song-more" });
  private readonly out: HTMLButtonElement;
  private shown = "";

  constructor(
    private readonly entry: Entry,
    private readonly queue: Queue,
  ) {
    const { name } = entry.file;
    const act = () => void queue.cancel(entry);
    this.out = el("button", { type: "button", class: "quiet out", onclick: act }, icon("close"));
    this.bar.setAttribute("aria-label", `Progress of ${name}`);
    fill(this.title, name);
    this.title.title = name;
    this.element = el("li", {}, this.title, this.words, this.more, this.out, this.bar);
  }

  update(): void {
    const { entry, queue } = this;
    const { stage, job } = entry;
    const words = describe(entry, queue.ahead(entry));
    const state = JSON.stringify([stage, words, job?.id]);
    if (state === this.shown) return;
    this.shown = state;
    this.element.dataset.stage = job?.status === "running" ? "running" : stage;
    this.words.textContent = words;
    this.words.title = stage === "held" ? entry.said : "";
    const share = stage === "sending" ? entry.share : job?.status === "running" ? job.progress : null;
    this.bar.hidden = share === null;
    if (share !== null) this.bar.value = share;
    const action = over(entry) || stage === "picked" ? "Remove" : "Cancel";
    this.out.title = action;
    this.out.setAttribute("aria-label", `${action} ${entry.file.name}`);
    this.offer();
  }

  /** Offer what can be done next: open the stems, try again. */
  private offer(): void {
    const { entry, queue } = this;
    const { name } = entry.file;
    const button = (text: string, act: () => void) =>
      el("button", { type: "button", onclick: act, "aria-label": `${text}: ${name}` }, text);
    if (entry.stage === "succeeded" && entry.job) {
      const link = { class: "button", href: `#${entry.job.id}`, "aria-label": `Open ${name}` };
      fill(this.more, el("a", link, "Open"));
    } else if (entry.stage === "held") fill(this.more, button("Try now", () => queue.now()));
    else if (entry.stage === "failed" && entry.order) {
      fill(this.more, button("Try again", () => queue.again(entry)));
    } else fill(this.more);
  }
}

/** A song's state in words; `ahead` counts our songs before it. */
function describe(entry: Entry, ahead: number): string {
  const { stage, job } = entry;
  const line = ahead ? `Waiting, ${ahead} ${ahead === 1 ? "song" : "songs"} ahead` : "Waiting, next";
  if (stage === "picked") return bytes(entry.file.size);
  if (stage === "waiting") return line;
  if (stage === "sending") return entry.share < 1 ? `Sending ${percent(entry.share)}` : "Checking the file";
  if (stage === "held") return `${entry.why} Trying again in ${entry.seconds} s.`;
  if (stage === "failed") return entry.why;
  if (stage === "cancelled") return "Cancelled";
  if (stage === "succeeded") return `Ready${took(entry)}`;
  if (entry.why) return entry.why;
  if (job?.status === "running") return `Separating ${percent(job.progress)}${left(job)}`;
  return line;
}

function took({ job }: Entry): string {
  if (!job?.started_at || !job.finished_at) return "";
  const seconds = (Date.parse(job.finished_at) - Date.parse(job.started_at)) / 1000;
  return `, took ${span(seconds)}`;
}
