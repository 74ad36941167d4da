// Saving files. Fetched by the page, so that the key's header goes along and errors are shown.

import { address, ask, jobPath } from "./api";
import { percent } from "./format";
import { hasKey } from "./key";
import type { Separation } from "./types";

/** The name of a downloaded file: the song's, without its ending, and the stem's. */
export function fileName(job: Separation, part: string, ending: string): string {
  const song = job.title.replace(/\.[a-z0-9]{1,5}$/i, "").replace(/[\\/:*?"<>|\p{Cc}]+/gu, "_");
  return `${song || "song"} - ${part}.${ending}`;
}

/** Save one stem; the button tells how far it is. */
export async function saveStem(job: Separation, stem: string, button: HTMLElement): Promise<void> {
  const answer = await ask(jobPath(job.id, "stems", stem));
  hand(await read(answer, button), fileName(job, stem, job.format));
}

/** Save all stems as a zip: streamed to disk by the browser where no key is needed. */
export async function saveAll(job: Separation, button: HTMLElement): Promise<void> {
  const name = fileName(job, "stems", "zip");
  if (hasKey()) hand(await read(await ask(jobPath(job.id, "archive")), button), name);
  else follow(address(jobPath(job.id, "archive")), name);
}

async function read(answer: Response, button: HTMLElement): Promise<Blob> {
  const total = Number(answer.headers.get("Content-Length"));
  const type = answer.headers.get("Content-Type") ?? "";
  if (!total || !answer.body) return answer.blob();
  const reader = answer.body.getReader();
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for (let have = 0; ; ) {
    const { done, value } = await reader.read();
    if (done) return new Blob(parts, { type });
    parts.push(value);
    have += value.length;
    button.style.setProperty("--done", percent(have / total).replace(" ", ""));
  }
}

function hand(content: Blob, name: string): void {
  const link = URL.createObjectURL(content);
  follow(link, name);
  setTimeout(() => URL.revokeObjectURL(link), 60_000);
}

function follow(link: string, name: string): void {
  const anchor = document.createElement("a");
  anchor.href = link;
  anchor.download = name;
  document.body.append(anchor);
  anchor.click();
  anchor.remove();
}
