// Loudness of a mix, ITU-R BS.1770-5: K-weighted, gated. Stereo at any sample rate.

/** A stem's audio and its gain. */
export type Part = readonly [AudioBuffer, number];

const BLOCK_S = 0.4;
const HOP_S = 0.1;
const OFFSET = -0.691;
const ABSOLUTE = -70;
const RELATIVE = -10;
/** More than this of a song is not looked at; the middle stands for all of it. */
const MOST_S = 180;

/** Return the integrated loudness of Σ gain · part in LUFS; −∞ where all of it is below −70. */
export async function loudness(parts: readonly Part[]): Promise<number> {
  const first = parts[0]?.[0];
  if (!first) return -Infinity;
  const { sampleRate: rate, duration } = first;
  const length = Math.min(duration, MOST_S);
  const context = new OfflineAudioContext(2, Math.max(1, Math.floor(length * rate)), rate);
  const [shelf, pass] = weighting(context);
  shelf.connect(pass).connect(context.destination);
  for (const [buffer, level] of parts) {
    const source = new AudioBufferSourceNode(context, { buffer });
    source.connect(new GainNode(context, { gain: level })).connect(shelf);
    source.start(0, (duration - length) / 2);
  }
  return gated(await context.startRendering());
}

/** The two filters of BS.1770 (its tables are for 48 kHz), for the context's sample rate. */
function weighting(context: BaseAudioContext): [IIRFilterNode, IIRFilterNode] {
  const k1 = Math.tan((Math.PI * 1681.974450955533) / context.sampleRate);
  const q1 = 0.7071752369554196;
  const high = 10 ** (3.999843853973347 / 20);
  const band = high ** 0.4996667741545416;
  const n1 = 1 + k1 / q1 + k1 * k1;
  const shelf = context.createIIRFilter(
    [(high + (band * k1) / q1 + k1 * k1) / n1, (2 * (k1 * k1 - high)) / n1, (high - (band * k1) / q1 + k1 * k1) / n1],
    [1, (2 * (k1 * k1 - 1)) / n1, (1 - k1 / q1 + k1 * k1) / n1],
  );
  const k2 = Math.tan((Math.PI * 38.13547087602444) / context.sampleRate);
  const q2 = 0.5003270373238773;
  const n2 = 1 + k2 / q2 + k2 * k2;
  const pass = context.createIIRFilter(
    [1, -2, 1],
    [1, (2 * (k2 * k2 - 1)) / n2, (1 - k2 / q2 + k2 * k2) / n2],
  );
  return [shelf, pass];
}

/** Gated loudness of K-weighted audio; audio shorter than a block is one block. */
function gated(audio: AudioBuffer): number {
  const hop = Math.max(1, Math.round(HOP_S * audio.sampleRate));
  const hops = powers(audio, hop);
  const size = Math.min(hops.length, Math.round(BLOCK_S / HOP_S));
  const blocks: number[] = [];
  for (let at = 0; at + size <= hops.length; at += 1) {
    blocks.push(mean(hops.slice(at, at + size)));
  }
  const loud = blocks.filter((power) => level(power) > ABSOLUTE);
  const gate = level(mean(loud)) + RELATIVE;
  return level(mean(loud.filter((power) => level(power) > gate)));
}

/** Power of each stretch of `hop` samples, summed over the channels. */
function powers(audio: AudioBuffer, hop: number): number[] {
  const found = new Array<number>(Math.ceil(audio.length / hop)).fill(0);
  for (let channel = 0; channel < audio.numberOfChannels; channel += 1) {
    const samples = audio.getChannelData(channel);
    for (let part = 0; part < found.length; part += 1) {
      let sum = 0;
      const end = Math.min(samples.length, (part + 1) * hop);
      for (let at = part * hop; at < end; at += 1) sum += (samples[at] as number) ** 2;
      found[part] = (found[part] as number) + sum / (end - part * hop);
    }
  }
  return found;
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function level(power: number): number {
  return power > 0 ? OFFSET + 10 * Math.log10(power) : -Infinity;
}
