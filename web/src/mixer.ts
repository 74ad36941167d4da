// Who sounds how loud. No audio and no page in here, only the rules.

import type { StemResult } from "./types";
import { overlaps } from "./stems";

/** The lowest position of a fader, which is silence. */
export const FLOOR_DB = -48;
export const TOP_DB = 6;

/** One row of the player. `open` says whether its parts sound in its place. */
export interface Track {
  result: StemResult;
  above: Track | null;
  parts: Track[];
  open: boolean;
  solo: boolean;
  mute: boolean;
  db: number;
}

/** Arrange a job's stems as a tree, in the server's order. */
export function arrange(results: readonly StemResult[]): Track[] {
  const names = results.map((result) => result.stem);
  const all = new Map(results.map((result) => [result.stem, track(result, names)]));
  const top: Track[] = [];
  for (const row of all.values()) {
    row.above = all.get(row.result.parent) ?? null;
    (row.above ? row.above.parts : top).push(row);
  }
  return top;
}

/** All rows, each before its parts. */
export function flat(tracks: readonly Track[]): Track[] {
  return tracks.flatMap((row) => [row, ...flat(row.parts)]);
}

/**
 * Whether a row is heard. A parent whose parts are open is their group: they sound in its place,
 * and its solo, mute and fader act on all of them. Where any row is soloed, only those are heard.
 */
export function heard(row: Track, tracks: readonly Track[]): boolean {
  if (row.open || (row.above && !row.above.open)) return false;
  const chain = row.above ? [row, row.above] : [row];
  const soloing = flat(tracks).some((other) => other.solo && shown(other));
  if (soloing) return chain.some((one) => one.solo);
  return !chain.some((one) => one.mute);
}

/** The gain of a row's own audio: 0 where it is not heard. */
export function gainOf(row: Track, tracks: readonly Track[]): number {
  if (!heard(row, tracks)) return 0;
  return linear(row.db) * (row.above ? linear(row.above.db) : 1);
}

/** Whether a row can be seen: parts only while their parent is open. */
export function shown(row: Track): boolean {
  return !row.above || row.above.open;
}

export function linear(db: number): number {
  return db <= FLOOR_DB ? 0 : 10 ** (db / 20);
}

function track(result: StemResult, names: readonly string[]): Track {
  // what others hold already starts muted, so that nothing sounds twice
  const mute = overlaps(result.stem, names);
  return { result, above: null, parts: [], open: false, solo: false, mute, db: 0 };
}
