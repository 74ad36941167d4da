// A stem's spectrogram in its own colour: from the page's ground to the full colour, over 66 dB.

import { spectrum } from "./spectrum";

const ROWS = 64;
const COLUMNS = 900;
const QUIETEST_DB = -78;
const LOUDEST_DB = -12;

/** Draw `audio` into `canvas`; `ink` and `ground` are colours as #rrggbb. */
export function drawSpectrogram(
  canvas: HTMLCanvasElement,
  audio: AudioBuffer,
  ink: string,
  ground: string,
): void {
  const columns = Math.min(COLUMNS, Math.max(1, Math.floor(audio.duration * 100)));
  canvas.width = columns;
  canvas.height = ROWS;
  const levels = spectrum(audio, columns, ROWS);
  const [full, none] = [channels(ink), channels(ground)];
  const picture = new ImageData(columns, ROWS);
  for (let column = 0; column < columns; column += 1) {
    for (let row = 0; row < ROWS; row += 1) {
      const level = levels[column * ROWS + row] as number;
      const share = Math.min(1, Math.max(0, (level - QUIETEST_DB) / (LOUDEST_DB - QUIETEST_DB)));
      const at = 4 * ((ROWS - 1 - row) * columns + column);
      for (let one = 0; one < 3; one += 1) {
        const [from, to] = [none[one] as number, full[one] as number];
        picture.data[at + one] = from + (to - from) * share;
      }
      picture.data[at + 3] = 255;
    }
  }
  canvas.getContext("2d")?.putImageData(picture, 0, 0);
}

function channels(colour: string): number[] {
  return [1, 3, 5].map((at) => Number.parseInt(colour.slice(at, at + 2), 16));
}
