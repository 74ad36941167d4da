// Following a job: its stream of events while that holds, then asking every two seconds.

import { ApiError, ask, getJson, jobPath, sentence } from "./api";
import { countDown } from "./retry";
import { type Separation, final } from "./types";

const SILENCE_MS = 30_000;
const POLL_S = 2;

/**
 * Call `changed` with each state of a job until it is final.
 *
 * `trouble` hears a sentence while the server is away, and null once it is back. Throws the ApiError
 * of a job that does not exist, and an AbortError once `signal` is aborted.
 */
export async function watch(
  id: string,
  changed: (job: Separation) => void,
  trouble: (text: string | null) => void,
  signal: AbortSignal,
): Promise<void> {
  if (await follow(id, changed, signal)) return;
  for (;;) {
    const job = await patiently(id, trouble, signal);
    changed(job);
    if (final(job)) return;
    await countDown(POLL_S, () => undefined, signal);
  }
}

/** Return a job's state, asking again while the server is away or busy. */
export async function patiently(
  id: string,
  trouble: (text: string | null) => void,
  signal: AbortSignal,
): Promise<Separation> {
  for (;;) {
    try {
      const job = await getJson<Separation>(jobPath(id), signal);
      trouble(null);
      return job;
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof ApiError && error.status < 500 && error.status !== 429) throw error;
      trouble(`${sentence(error)} This page keeps trying; the separation goes on meanwhile.`);
    }
    await countDown(POLL_S, () => undefined, signal);
  }
}

/** Follow the stream of events; return whether it told a final state. */
async function follow(
  id: string,
  changed: (job: Separation) => void,
  signal: AbortSignal,
): Promise<boolean> {
  const quiet = new AbortController();
  const stop = () => quiet.abort();
  let timer = setTimeout(stop, SILENCE_MS);
  signal.addEventListener("abort", stop, { once: true });
  try {
    const headers = { Accept: "text/event-stream" };
    const answer = await ask(jobPath(id, "events"), { headers, signal: quiet.signal });
    if (!answer.body) return false;
    for await (const event of events(answer.body)) {
      clearTimeout(timer);
      timer = setTimeout(stop, SILENCE_MS);
      if (event.name === "") continue;
      const job = JSON.parse(event.data) as Separation;
      changed(job);
      if (final(job)) return true;
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof ApiError && error.status === 404) throw error;
    // a stream that breaks is no failure of the job: the caller goes on by asking
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
    quiet.abort();
  }
  return false;
}

/** Read server-sent events; a comment comes as an event without a name. */
export async function* events(
  body: ReadableStream<Uint8Array>,
): AsyncGenerator<{ name: string; data: string }> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    text += decoder.decode(value, { stream: true }).replaceAll("\r", "");
    const blocks = text.split("\n\n");
    text = blocks.pop() ?? "";
    for (const block of blocks) yield parse(block);
  }
}

function parse(block: string): { name: string; data: string } {
  let name = "";
  const data: string[] = [];
  for (const line of block.split("\n")) {
    const at = line.indexOf(":");
    const value = line.slice(at + 1).replace(/^ /, "");
    if (line.startsWith("event:")) name = value;
    if (line.startsWith("data:")) data.push(value);
  }
  return { name: data.length ? name || "message" : "", data: data.join("\n") };
}
