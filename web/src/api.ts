// Requests to the service. Errors become one sentence; a 401 asks for the key and tries again.

import { askKey, keyHeaders } from "./key";

/** The service answered, and refused. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly reason: string,
    readonly retryAfter: number | null,
  ) {
    super(message);
  }
}

/** The service did not answer. */
export class AwayError extends Error {
  constructor() {
    super("The server does not answer.");
  }
}

/** The address of a path of the API, also where the page lives below a prefix. */
export function address(path: string): string {
  return new URL(path, document.baseURI).href;
}

/** The path of a job, or of something below it. */
export function jobPath(id: string, ...below: string[]): string {
  return ["v1/separations", id, ...below].map((part, at) => (at ? encodeURIComponent(part) : part)).join("/");
}

/** Send a request and return its answer, whatever its status but 401. */
export async function send(path: string, init: RequestInit = {}): Promise<Response> {
  for (;;) {
    let answer: Response;
    const key = keyHeaders();
    try {
      const headers = { ...(init.headers as Record<string, string>), ...key };
      answer = await fetch(address(path), { ...init, headers });
    } catch (error) {
      if (init.signal?.aborted) throw error;
      throw new AwayError();
    }
    if (answer.status !== 401) return answer;
    await askKey(problem(401, await answer.text(), null).message, key.Authorization);
  }
}

/** Send a request and return its answer; a refusal is thrown as an ApiError. */
export async function ask(path: string, init: RequestInit = {}): Promise<Response> {
  const answer = await send(path, init);
  if (answer.ok) return answer;
  throw problem(answer.status, await answer.text(), answer.headers.get("Retry-After"));
}

export async function getJson<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await ask(path, signal ? { signal } : {})).json() as Promise<T>;
}

/** Make the error of an answer: problem+json's sentence, or at least its status. */
export function problem(status: number, body: string, retryAfter: string | null): ApiError {
  let detail = `The server answered with status ${status}.`;
  let reason = "";
  try {
    const content = JSON.parse(body) as { detail?: unknown; reason?: unknown };
    if (typeof content.detail === "string" && content.detail) detail = content.detail;
    if (typeof content.reason === "string") reason = content.reason;
  } catch {
    // not JSON: a proxy's page, of which the status is all that is worth showing
  }
  return new ApiError(status, detail, reason, seconds(retryAfter));
}

/** One sentence for people about anything thrown. */
export function sentence(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

export function aborted(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}

function seconds(retryAfter: string | null): number | null {
  if (retryAfter === null) return null;
  const count = Number(retryAfter);
  const until = Number.isFinite(count) ? count : (Date.parse(retryAfter) - Date.now()) / 1000;
  return Number.isFinite(until) ? Math.max(1, Math.ceil(until)) : null;
}
