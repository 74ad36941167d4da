// Trying again after 429, 503 and a server that is away: as often as it takes, and never silently.

import { ApiError, AwayError } from "./api";

/** What is shown while waiting: why, seconds left, and a way to go on now. */
export type Waiting = (why: unknown, seconds: number, now: () => void) => void;

const LONGEST_S = 30;

/** Do `act`; where the server asks to come back later, wait as long as it says and do it again. */
export async function withRetries<T>(
  act: () => Promise<T>,
  waiting: Waiting,
  signal: AbortSignal,
): Promise<T> {
  for (let done = 0; ; done += 1) {
    try {
      return await act();
    } catch (error) {
      const pause = pauseAfter(error, done);
      if (pause === null) throw error;
      await countDown(pause, (left, now) => waiting(error, left, now), signal);
    }
  }
}

/** Wait, calling `tick` each second with the seconds left and a function that ends the wait. */
export function countDown(
  pause: number,
  tick: (left: number, now: () => void) => void,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let left = pause;
    const end = () => {
      clearInterval(timer);
      signal.removeEventListener("abort", cancelled);
      resolve();
    };
    const cancelled = () => {
      clearInterval(timer);
      reject(new DOMException("cancelled", "AbortError"));
    };
    const timer = setInterval(() => {
      left -= 1;
      if (left <= 0) end();
      else tick(left, end);
    }, 1000);
    signal.addEventListener("abort", cancelled, { once: true });
    if (signal.aborted) cancelled();
    else tick(left, end);
  });
}

function pauseAfter(error: unknown, done: number): number | null {
  if (error instanceof AwayError) return Math.min(LONGEST_S, 2 ** (done + 1));
  const later = error instanceof ApiError && (error.status === 429 || error.status === 503);
  return later ? (error.retryAfter ?? 5) : null;
}
