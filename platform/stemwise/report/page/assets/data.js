const data = JSON.parse(document.getElementById("data").textContent);
// the places of a row's values, in the order of explorer.py
const [TRACK, STEM, MODEL, SNR, SDR, SCORE, LAG, GAIN, STATUS, FOLDER, FILE, ERROR, PICTURE, LEVEL] =
  Array(14).keys();
const titles = data.tracks.map((t) => t[1] || t[0]);
const CLIP = 30; // seconds of the clips of mixtures and true stems, from the middle

const make = (name, text, attributes = {}) => {
  const element = document.createElement(name);
  if (text !== null && text !== undefined) element.textContent = text;
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
};

const linkOf = (row) => `${data.folders[row[FOLDER]]}/${data.files[row[FILE]]}`;
