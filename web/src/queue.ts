// The songs of this page: picked, sent one after another, followed until they are done.
//
// One song is sent at a time. Where the server has no room, sending waits as long as it says, or until
// one of our own songs is done; a song that fails does not hold up the others.

import { ApiError, aborted, ask, getJson, jobPath, sentence } from "./api";
import { withRetries } from "./retry";
import { type Separation, final } from "./types";
import { type Order, upload } from "./upload";

export type Stage =
  | "picked"
  | "waiting"
  | "sending"
  | "held"
  | "accepted"
  | "succeeded"
  | "failed"
  | "cancelled";

/** One song. `share` is how much of it has been sent, `why` a sentence about what went wrong. */
export interface Entry {
  readonly file: File;
  stage: Stage;
  order: Order | null;
  share: number;
  why: string;
  /** What the server said, word for word, where `why` is plainer. */
  said: string;
  seconds: number;
  job: Separation | null;
  stop: AbortController;
}

const POLL_MS = 2000;
/** As many as the list of jobs may have. */
const LISTED = 100;

export class Queue {
  readonly entries: Entry[] = [];
  private busy = false;
  private timer = 0;
  private goOn: () => void = () => undefined;

  /** `changed` hears of every change, `accepted` of each job that the server took or finished. */
  constructor(
    private readonly changed: () => void,
    private readonly accepted: (entry: Entry) => void,
  ) {}

  /** Take a song that is not there yet; `why` says what is wrong with it. */
  add(file: File, why = ""): void {
    const same = (one: Entry) =>
      one.stage === "picked" &&
      one.file.name === file.name &&
      one.file.size === file.size &&
      one.file.lastModified === file.lastModified;
    if (this.entries.some(same)) return;
    this.entries.push({
      file,
      stage: why ? "failed" : "picked",
      order: null,
      share: 0,
      why,
      said: "",
      seconds: 0,
      job: null,
      stop: new AbortController(),
    });
    this.changed();
  }

  /** The songs that are still to be sent off. */
  picked(): Entry[] {
    return this.entries.filter((one) => one.stage === "picked");
  }

  /** The songs that are not done yet. */
  unfinished(): Entry[] {
    return this.entries.filter((one) => !over(one) && one.stage !== "picked");
  }

  /** Whether closing the page would lose songs. */
  unsent(): boolean {
    return this.unfinished().some((one) => one.stage !== "accepted");
  }

  /** Send all songs that were picked. */
  start(orderOf: (file: File) => Order): void {
    for (const entry of this.picked()) {
      entry.order = orderOf(entry.file);
      entry.stage = "waiting";
    }
    this.changed();
    void this.pump();
  }

  /** Send a song that failed once more. Under the same key it cannot become two jobs. */
  again(entry: Entry): void {
    entry.stage = entry.order ? "waiting" : "picked";
    entry.why = "";
    entry.stop = new AbortController();
    this.changed();
    void this.pump();
  }

  /** Take a song off the list, or cancel it where it is on its way. */
  async cancel(entry: Entry): Promise<void> {
    if (over(entry) || entry.stage === "picked") return this.drop(entry);
    if (!entry.job) {
      entry.stop.abort();
      entry.stage = "cancelled";
      this.changed();
      return;
    }
    try {
      const answer = await ask(jobPath(entry.job.id), { method: "DELETE" });
      this.take(entry, (await answer.json()) as Separation);
    } catch (error) {
      entry.why = `Not cancelled: ${sentence(error)}`;
    }
    this.changed();
  }

  drop(entry: Entry): void {
    this.entries.splice(this.entries.indexOf(entry), 1);
    this.changed();
  }

  /** Forget all songs that are done with. */
  clear(): void {
    for (const entry of this.entries.filter(over)) this.entries.splice(this.entries.indexOf(entry), 1);
    this.changed();
  }

  /** How many of our songs come before this one. */
  ahead(entry: Entry): number {
    const before = this.entries.slice(0, this.entries.indexOf(entry));
    return before.filter((one) => !over(one) && one.stage !== "picked").length;
  }

  private async pump(): Promise<void> {
    if (this.busy) return;
    this.busy = true;
    for (;;) {
      const next = this.entries.find((one) => one.stage === "waiting");
      if (!next) break;
      await this.send(next);
    }
    this.busy = false;
  }

  private async send(entry: Entry): Promise<void> {
    const sent = (share: number) => {
      entry.stage = "sending";
      entry.share = share;
      this.changed();
    };
    const held = (error: unknown, seconds: number, now: () => void) => {
      Object.assign(entry, { stage: "held", why: patience(error), said: sentence(error), seconds });
      this.goOn = now;
      this.changed();
    };
    sent(0);
    try {
      const order = entry.order as Order;
      const job = await withRetries(() => upload(order, sent, entry.stop.signal), held, entry.stop.signal);
      entry.why = "";
      this.take(entry, job);
      this.accepted(entry);
      this.later();
    } catch (error) {
      if (!aborted(error)) Object.assign(entry, { stage: "failed", why: sentence(error) });
    }
    this.goOn = () => undefined;
    this.changed();
  }

  /** Try now what the server wanted to be asked later. */
  now(): void {
    this.goOn();
  }

  private take(entry: Entry, job: Separation): void {
    entry.job = job;
    entry.stage = final(job) ? ended(job) : "accepted";
    if (job.status === "failed") entry.why = job.error?.detail ?? "The server does not say why.";
  }

  private later(): void {
    clearTimeout(this.timer);
    if (this.entries.some((one) => one.stage === "accepted")) {
      this.timer = window.setTimeout(() => void this.poll(), POLL_MS);
    }
  }

  /** Ask how far the songs are; one request tells of all. */
  private async poll(): Promise<void> {
    try {
      const path = `v1/separations?limit=${LISTED}`;
      const { separations } = await getJson<{ separations: Separation[] }>(path);
      const known = new Map(separations.map((job) => [job.id, job]));
      for (const entry of this.entries.filter((one) => one.stage === "accepted")) {
        await this.look(entry, known.get(entry.job?.id ?? ""));
      }
    } catch {
      // away for a moment: the page's banner says so, and the next turn asks again
    }
    this.changed();
    this.later();
  }

  private async look(entry: Entry, listed: Separation | undefined): Promise<void> {
    const id = entry.job?.id ?? "";
    try {
      this.take(entry, listed ?? (await getJson<Separation>(jobPath(id))));
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 404) throw error;
      Object.assign(entry, { stage: "failed", why: "The server no longer has this song." });
    }
    if (!over(entry)) return;
    this.accepted(entry);
    this.goOn(); // there is room for one more now
  }
}

/** Why a song has to wait, for people who know nothing of queues. */
function patience(error: unknown): string {
  if (!(error instanceof ApiError)) return sentence(error);
  return error.status === 429
    ? "The server takes no more songs from you just now."
    : "The server is busy.";
}

/** Whether nothing more will happen to a song by itself. */
export function over(entry: Entry): boolean {
  return entry.stage === "succeeded" || entry.stage === "failed" || entry.stage === "cancelled";
}

function ended(job: Separation): Stage {
  if (job.status === "succeeded" || job.status === "failed") return job.status;
  return "cancelled";
}
