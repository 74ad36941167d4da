// The stem tree as the page shows it: labels, colours, who is whose part.

const HUES: Record<string, number> = {
  vocals: 0,
  drums: 1,
  bass: 2,
  guitar: 3,
  piano: 4,
  other: 7,
  instrumental: 5,
};
const OF: Record<string, string> = {
  lead_vocals: "vocals",
  backing_vocals: "vocals",
  kick: "drums",
  snare: "drums",
  toms: "drums",
  hihat: "drums",
  cymbals: "drums",
};

/** A stem's name for people: `lead_vocals` is "Lead vocals". */
export function label(stem: string): string {
  const words = stem.replaceAll("_", " ").replaceAll("+", " + ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** The CSS variable of a stem's colour: a part has its parent's. */
export function colour(stem: string, parent?: string): string {
  const top = OF[stem] ?? (parent && parent !== "mixture" ? parent : stem);
  return `--m${HUES[top] ?? (stem.includes("+") ? 7 : 6)}`;
}

/** Whether another of `stems` holds what `stem` is made of, so that both would sound twice. */
export function overlaps(stem: string, stems: readonly string[]): boolean {
  const others = stems.filter((other) => other !== stem);
  if (stem === "instrumental") return others.some((other) => (OF[other] ?? other) !== "vocals");
  return stem.includes("+") && stem.split("+").some((part) => others.includes(part));
}
