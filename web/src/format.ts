// Numbers and times as people read them. A number that is not known is a dash.

const UNKNOWN = "–";
const MINUS = "−";

/** Seconds as m:ss or h:mm:ss, with tenths where asked for. */
export function clock(seconds: number, tenths = false): string {
  const unit = tenths ? 10 : 1;
  const whole = Math.floor(Math.max(0, seconds) * unit + 1e-6) / unit;
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  const rest = (whole % 60).toFixed(tenths ? 1 : 0).padStart(tenths ? 4 : 2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

/** A length of time in words, for example "3 min 20 s". */
export function span(seconds: number): string {
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 10 && !Number.isInteger(seconds)) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.floor(Math.round(seconds) / 60);
  const rest = Math.round(seconds) % 60;
  if (minutes >= 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return rest ? `${minutes} min ${rest} s` : `${minutes} min`;
}

/** A number with a true minus sign. */
export function number(value: number | null | undefined, digits = 1): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return UNKNOWN;
  const text = Math.abs(value).toFixed(digits);
  return value < 0 && Number(text) !== 0 ? MINUS + text : text;
}

/** A level in dB; −∞ for silence. */
export function decibel(value: number, digits = 1): string {
  return `${value === -Infinity ? `${MINUS}∞` : number(value, digits)} dB`;
}

/** A size in decimal units. */
export function bytes(count: number): string {
  const units = ["bytes", "kB", "MB", "GB"];
  let at = 0;
  while (count >= 1000 && at < units.length - 1) {
    count /= 1000;
    at += 1;
  }
  return `${at === 0 || count >= 100 ? Math.round(count) : count.toFixed(1)} ${units[at]}`;
}

/** Words as a sentence has them: "a, b or c". */
export function list(words: readonly string[], joint: string): string {
  if (words.length < 2) return words.join("");
  return `${words.slice(0, -1).join(", ")} ${joint} ${words.at(-1)}`;
}

export function percent(share: number): string {
  return `${Math.floor(share * 100 + 1e-9)} %`;
}

/** How long ago, or the date where that is more than a day. */
export function ago(when: string | null, now = Date.now()): string {
  if (!when) return UNKNOWN;
  const seconds = Math.max(0, (now - Date.parse(when)) / 1000);
  if (seconds < 45) return "just now";
  if (seconds < 3600) return `${Math.max(1, Math.round(seconds / 60))} min ago`;
  if (seconds < 86_400) return `${Math.round(seconds / 3600)} h ago`;
  return moment(when);
}

/** A date and time of day. */
export function moment(when: string): string {
  return new Date(when).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}

/**
 * Models with their weights; a single model of weight one is only named, negative weights are a remainder.
 * In other kinds of ensembles models have no weights: "median of a, b, c".
 */
export function blend(models: Record<string, number | null>, kind: string | null = null): string {
  if (kind) return `${kind} of ${Object.keys(models).join(", ")}`;
  const parts = Object.entries(models).map(([model, weight]) => [model, weight ?? NaN] as const);
  if (!parts.length) return "";
  if (parts.every(([, weight]) => weight < 0)) {
    return `remainder after ${parts.map(([model]) => model).join(", ")}`;
  }
  if (parts.length === 1 && parts[0]?.[1] === 1) return parts[0][0];
  const heaviest = parts.sort((a, b) => b[1] - a[1]);
  return heaviest.map(([model, weight]) => `${model} × ${number(weight, 2)}`).join(" + ");
}
