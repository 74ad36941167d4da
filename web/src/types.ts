// What the HTTP API answers with (platform/stemwise/serving/schemas.py).

export type Status = "queued" | "running" | "succeeded" | "failed" | "cancelled" | "expired";

/** Held-out SNR in dB: mean and the ends of its 95 % interval. */
export type Quality = (number | null)[];

export interface StemResult {
  stem: string;
  parent: string;
  /** Of an ensemble that is no weighted sum; absent in older jobs. */
  kind?: string | null;
  bytes: number;
  peak: number | null;
  rms_dbfs: number | null;
  models: Record<string, number | null>;
  quality_db: Quality | null;
}

/** What is probably a stem's SNR in dB, with its 90 % interval. */
export interface Prediction {
  snr: number;
  low: number;
  high: number;
}

export interface Conservation {
  parent: string;
  stems: string[];
  difference_dbfs: number | null;
  exact: boolean;
}

export interface Separation {
  id: string;
  status: Status;
  progress: number;
  chunks_done: number;
  chunks_total: number | null;
  title: string;
  recipe: string;
  format: string;
  stems: string[];
  duration_s: number;
  attempts: number;
  created_at: string;
  started_at: string | null;
  finished_at: string | null;
  expires_at: string | null;
  error: { reason: string; detail: string } | null;
  results: StemResult[];
  conservation: Conservation[];
  /** Stem → its predicted SNR; only where the recipe predicts it of such a song. */
  quality?: Record<string, Prediction>;
  gain: number | null;
  /** Whose stems these are, of a recipe with tiers; while the job runs, the best so far. */
  tier?: string | null;
  note?: string | null;
  timing: Record<string, number>;
  /** Where to find the original, for comparison; older jobs do not have it. */
  links: { mixture?: string | null };
}

export interface Recipe {
  name: string;
  default: boolean;
  stems: string[];
  children: Record<string, string[]>;
  models: string[];
  weights: Record<string, Record<string, number | null>>;
  kinds?: Record<string, string>;
  quality_db: Record<string, Quality>;
  provenance: Record<string, unknown>;
}

/** Limits of the server, where it says them (beside the recipes or in its health). */
export interface Limits {
  max_bytes?: number;
  max_duration_s?: number;
  /** What it reads, with how such files' names end. */
  formats?: { name: string; suffixes: string[] }[];
}

export interface RecipeList {
  recipes: Recipe[];
  limits?: Limits | null;
}

export interface Health {
  status: string;
  models: Record<string, boolean>;
  limits?: Limits | null;
}

export interface Peaks {
  stem: string;
  samples_per_peak: number;
  peaks: number[];
}

/** A job's state in a word. */
export const STATUS: Record<Status, string> = {
  queued: "waiting",
  running: "separating",
  succeeded: "ready",
  failed: "failed",
  cancelled: "cancelled",
  expired: "deleted",
};

/** Whether nothing more will be done for a job. */
export function final(job: Separation): boolean {
  return job.status !== "queued" && job.status !== "running";
}
