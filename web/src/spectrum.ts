// The spectrum of a stem over time, on a scale of pitch: what the spectrogram shows.

const SIZE = 4096;
const LOWEST_HZ = 40;
const HIGHEST_HZ = 16_000;

/** Levels in dB, `rows` of pitch (low to high) for each of `columns` of time; column by column. */
export function spectrum(audio: AudioBuffer, columns: number, rows: number): Float32Array {
  const levels = new Float32Array(columns * rows);
  const edges = pitches(rows, audio.sampleRate);
  const left = audio.getChannelData(0);
  const right = audio.getChannelData(audio.numberOfChannels - 1);
  const [re, im] = [new Float64Array(SIZE), new Float64Array(SIZE)];
  for (let column = 0; column < columns; column += 1) {
    const begin = Math.round(((column + 0.5) / columns) * audio.length - SIZE / 2);
    for (let at = 0; at < SIZE; at += 1) {
      const sample = ((left[begin + at] ?? 0) + (right[begin + at] ?? 0)) / 2;
      re[at] = sample * (0.5 - 0.5 * Math.cos((2 * Math.PI * at) / SIZE));
    }
    im.fill(0);
    transform(re, im);
    for (let row = 0; row < rows; row += 1) {
      levels[column * rows + row] = strongest(re, im, edges[row] as number, edges[row + 1] as number);
    }
  }
  return levels;
}

/** The bins between which each row lies, equally far apart in pitch. */
function pitches(rows: number, rate: number): number[] {
  const top = Math.min(HIGHEST_HZ, rate / 2);
  const step = (top / LOWEST_HZ) ** (1 / rows);
  return Array.from({ length: rows + 1 }, (_, row) => (LOWEST_HZ * step ** row * SIZE) / rate);
}

/** The level of the strongest bin of a row; a sine of full scale is 0 dB. */
function strongest(re: Float64Array, im: Float64Array, low: number, high: number): number {
  let most = 0;
  for (let bin = Math.round(low); bin <= Math.max(Math.round(low), Math.ceil(high) - 1); bin += 1) {
    most = Math.max(most, (re[bin] as number) ** 2 + (im[bin] as number) ** 2);
  }
  return 10 * Math.log10(most + 1e-20) - 20 * Math.log10(SIZE / 4);
}

/** The discrete Fourier transform in place (Cooley and Tukey 1965, radix 2). */
function transform(re: Float64Array, im: Float64Array): void {
  const size = re.length;
  for (let at = 1, mirror = 0; at < size; at += 1) {
    let bit = size >> 1;
    for (; mirror & bit; bit >>= 1) mirror ^= bit;
    mirror ^= bit;
    if (at < mirror) {
      [re[at], re[mirror]] = [re[mirror] as number, re[at] as number];
      [im[at], im[mirror]] = [im[mirror] as number, im[at] as number];
    }
  }
  for (let span = 2; span <= size; span <<= 1) {
    for (let turn = 0; turn < span / 2; turn += 1) {
      const angle = (-2 * Math.PI * turn) / span;
      const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
      for (let even = turn; even < size; even += span) {
        const odd = even + span / 2;
        const [a, b] = [re[odd] as number, im[odd] as number];
        const [x, y] = [a * cos - b * sin, a * sin + b * cos];
        const [c, d] = [re[even] as number, im[even] as number];
        re[odd] = c - x;
        im[odd] = d - y;
        re[even] = c + x;
        im[even] = d + y;
      }
    }
  }
}
