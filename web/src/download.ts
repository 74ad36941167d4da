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

/** What downloads can be, and what people call it. */
export const FORMATS = [
  ["flac", "FLAC, lossless"],
  ["mp3", "MP3, 320 kbit/s"],
  ["wav", "WAV, 32-bit float"],
] as const;

/** Save one stem; the button tells how far it is. */
export async function saveStem(
  job: Separation,
  stem: string,
  format: string,
  button: HTMLElement,
): Promise<void> {
  const answer = await ask(`${jobPath(job.id, "stems", stem)}${query(job, { format })}`);
  hand(await read(answer, button), fileName(job, stem, format));
}

/** Save a mix of stems at these gains, as the server makes it. */
export async function saveMix(
  job: Separation,
  gains: ReadonlyMap<string, number>,
  format: string,
  button: HTMLElement,
): Promise<void> {
  const stems = [...gains].map(([stem, gain]) => `${stem}:${level(gain)}`).join(",");
  const answer = await ask(`${jobPath(job.id, "mix")}${query(job, { stems, format })}`);
  hand(await read(answer, button), fileName(job, "mix", format));
}

/** Save all stems as a zip: streamed to disk by the browser where no key is needed. */
export async function saveAll(job: Separation, format: string, button: HTMLElement): Promise<void> {
  const name = fileName(job, "stems", "zip");
  const path = `${jobPath(job.id, "archive")}${query(job, { format })}`;
  if (hasKey()) hand(await read(await ask(path), button), name);
  else follow(address(path), name);
}

/** A query without the format that the job has anyway, which needs no encoding. */
function query(job: Separation, wanted: Record<string, string>): string {
  const asked = Object.entries(wanted).filter(([name, value]) => name !== "format" || value !== job.format);
  return asked.length ? `?${new URLSearchParams(asked)}` : "";
}

/** A gain in dB as the server reads it, within its bounds. */
function level(gain: number): string {
  return Math.min(12, Math.max(-60, 20 * Math.log10(gain))).toFixed(2);
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
