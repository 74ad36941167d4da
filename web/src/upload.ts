// Sending a song. XMLHttpRequest, because only it tells how much has been sent.

import { AwayError, address, problem } from "./api";
import { askKey, keyHeaders } from "./key";
import type { Separation } from "./types";

export interface Order {
  file: File;
  recipe: string;
  stems: string[];
  format: string;
  key: string;
}

/** A new Idempotency-Key; pages that came over plain HTTP from elsewhere have no randomUUID. */
export function newKey(): string {
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
  const random = crypto.getRandomValues(new Uint8Array(16));
  return [...random].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Post an order and return its job. `sent` hears the share of the file that has been sent. */
export async function upload(
  order: Order,
  sent: (share: number) => void,
  signal: AbortSignal,
): Promise<Separation> {
  for (;;) {
    const key = keyHeaders().Authorization;
    const answer = await post(order, sent, signal);
    if (answer.status >= 200 && answer.status < 300) {
      return JSON.parse(answer.responseText) as Separation;
    }
    const retryAfter = answer.getResponseHeader("Retry-After");
    const error = problem(answer.status, answer.responseText, retryAfter);
    if (answer.status !== 401) throw error;
    await askKey(error.message, key);
  }
}

function post(order: Order, sent: (share: number) => void, signal: AbortSignal) {
  return new Promise<XMLHttpRequest>((resolve, reject) => {
    const request = new XMLHttpRequest();
    const stop = () => request.abort();
    request.open("POST", address("v1/separations"));
    request.setRequestHeader("Idempotency-Key", order.key);
    for (const [name, value] of Object.entries(keyHeaders())) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => {
      if (event.lengthComputable && event.total) sent(event.loaded / event.total);
    };
    request.onload = () => resolve(request);
    request.onerror = () => reject(new AwayError());
    request.onabort = () => reject(new DOMException("cancelled", "AbortError"));
    request.onloadend = () => signal.removeEventListener("abort", stop);
    signal.addEventListener("abort", stop, { once: true });
    request.send(content(order));
  });
}

function content(order: Order): FormData {
  // fields before the file, so that a server can refuse them before it has read the song
  const form = new FormData();
  if (order.recipe) form.append("recipe", order.recipe);
  if (order.stems.length) form.append("stems", order.stems.join(","));
  form.append("format", order.format);
  form.append("file", order.file, order.file.name);
  return form;
}
