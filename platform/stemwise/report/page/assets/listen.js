// The blind test: A and B are two models' estimates of one stem and track, X is one of them.
(() => {
  const form = document.getElementById("blind");
  if (!form) return;
  const [stem, one, other, seed, start, trial, state, result, verdict, text, copied] =
    ["stem", "one", "other", "seed", "start", "trial", "state", "result", "verdict", "text", "copied"]
      .map((name) => document.getElementById(`blind-${name}`));
  const rows = data.rows.filter((row) => row[FOLDER] >= 0 && row[LEVEL] !== null);
  let test = null; // models, seed, trials, and what the current trial plays

  // mulberry32: a small generator with a seed, so that a test can be repeated
  const generator = (value) => () => {
    value = (value + 0x6d2b79f5) | 0;
    let mixed = Math.imul(value ^ (value >>> 15), 1 | value);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };

  // the probability of so many right answers or more by guessing
  const binomial = (right, count) => {
    let term = 0.5 ** count;
    let sum = 0;
    for (let k = 0; k <= count; k += 1) {
      if (k >= right) sum += term;
      term *= (count - k) / (k + 1);
    }
    return Math.min(1, sum);
  };

  // the models of a stem, best first; oracles, which are no models, last
  const modelsOf = (index) => {
    const sums = new Map();
    for (const row of rows.filter((r) => r[STEM] === index)) {
      const [sum, count] = sums.get(row[MODEL]) || [0, 0];
      const known = Number.isFinite(row[SCORE]);
      sums.set(row[MODEL], [sum + (known ? row[SCORE] : 0), count + known]);
    }
    const isOracle = (model) => data.models[model].startsWith("oracle");
    const mean = ([model, [sum, count]]) => (isOracle(model) || !count ? -999 : sum / count);
    return [...sums].sort((a, b) => mean(b) - mean(a)).map(([model]) => model);
  };
  const pairsOf = (index, a, b) => {
    const found = (model) =>
      new Map(rows.filter((r) => r[STEM] === index && r[MODEL] === model).map((r) => [r[TRACK], r]));
    const [left, right] = [found(a), found(b)];
    return [...left.keys()].filter((track) => right.has(track))
      .map((track) => [left.get(track), right.get(track)]);
  };

  const fill = (list, indices, names, chosen) => {
    list.replaceChildren(...indices.map((index) => make("option", names[index], { value: index })));
    if (chosen !== undefined) list.value = chosen;
  };
  const offer = () => {
    const models = modelsOf(Number(stem.value));
    fill(one, models, data.models, models[0]);
    fill(other, models, data.models, models[1]);
    check();
  };
  const check = () => {
    start.disabled = one.value === other.value ||
      !pairsOf(Number(stem.value), Number(one.value), Number(other.value)).length;
  };

  const playing = () => Object.values(test.sounds).find((sound) => !sound.paused);
  const stop = () => {
    if (test && test.sounds) for (const sound of Object.values(test.sounds)) sound.pause();
  };
  const press = (name) => {
    for (const button of form.querySelectorAll("[data-play]")) {
      button.setAttribute("aria-pressed", String(button.dataset.play === name));
    }
  };
  const begin = (audio) => audio.play().catch((error) => {
    // switching on before a file has loaded aborts its start, which is no failure
    if (error.name !== "AbortError") state.textContent = "This estimate cannot be played.";
  });
  const play = (name) => {
    const sound = test.sounds[name];
    const before = playing();
    if (before) test.place = before.currentTime;
    stop();
    for (const foreign of document.querySelectorAll("audio")) foreign.pause();
    if (test.place !== null) sound.currentTime = test.place;
    test.heard.add(name);
    begin(sound);
    press(name);
  };

  // a stretch from the middle of the song, repeated
  const sound = (row, level) => {
    const audio = new Audio(linkOf(row));
    audio.preload = "auto";
    audio.volume = Math.min(1, 10 ** ((level - row[LEVEL]) / 20));
    const length = data.tracks[row[TRACK]][4] || 0;
    const from = Math.max(0, (length - CLIP) / 2);
    audio.addEventListener("loadedmetadata", () => {
      if (test.place === null) test.place = from;
      audio.currentTime = test.place;
    });
    audio.addEventListener("timeupdate", () => {
      if (audio.currentTime > from + CLIP) audio.currentTime = from;
    });
    audio.addEventListener("ended", () => { audio.currentTime = from; begin(audio); });
    return audio;
  };

  const next = () => {
    stop();
    const number = test.trials.length;
    const random = generator((test.seed * 7919 + number) | 0);
    const pair = test.pairs[Math.floor(random() * test.pairs.length)];
    const [a, b] = random() < 0.5 ? pair : [pair[1], pair[0]];
    const x = random() < 0.5 ? "A" : "B";
    const quietest = Math.min(a[LEVEL], b[LEVEL]);
    test.place = null;
    test.heard = new Set();
    test.now = { a, b, x };
    const files = { A: a, B: b, X: x === "A" ? a : b };
    test.sounds = Object.fromEntries(
      Object.entries(files).map(([name, row]) => [name, sound(row, quietest)]));
    state.textContent = `Trial ${number + 1}: ${titles[a[TRACK]]}`;
    press(null);
  };

  const answer = (name) => {
    if (!test.heard.has("X")) { state.textContent = "Listen to X first."; return; }
    const { a, b, x } = test.now;
    test.trials.push({
      trial: test.trials.length + 1, track: data.tracks[a[TRACK]][0],
      a: data.models[a[MODEL]], b: data.models[b[MODEL]], x, answer: name, correct: name === x,
    });
    next();
  };

  const summary = () => {
    const right = test.trials.filter((t) => t.correct).length;
    return { stem: data.stems[test.stem], models: test.models.map((m) => data.models[m]), seed: test.seed,
      trials: test.trials.length, correct: right, p_value: binomial(right, test.trials.length) };
  };
  const written = (kind) => {
    if (kind === "json") return JSON.stringify({ ...summary(), answers: test.trials }, null, 1);
    const quoted = (value) => /[",\n]/.test(value) ? `"${String(value).replaceAll('"', '""')}"` : value;
    const head = ["trial", "track", "a", "b", "x", "answer", "correct"];
    return [head, ...test.trials.map((t) => head.map((key) => quoted(String(t[key]))))]
      .map((line) => line.join(",")).join("\n");
  };

  const finish = () => {
    stop();
    const found = summary();
    const p = found.p_value < 0.001 ? "< 0.001" : `= ${found.p_value.toFixed(3)}`;
    const heard = found.p_value < 0.05 ? "You can hear a difference" : "No audible difference shown";
    verdict.textContent = found.trials
      ? `${found.correct} of ${found.trials} correct, p ${p}. ${heard} between ` +
        `${found.models.join(" and ")} on ${found.stem}.`
      : "No trial was answered.";
    text.value = written("json");
    trial.hidden = true;
    result.hidden = false;
  };

  const copy = async (kind) => {
    text.value = written(kind);
    text.select();
    // a page from disk may have no clipboard of its own
    try { await navigator.clipboard.writeText(text.value); } catch { document.execCommand("copy"); }
    copied.textContent = `${kind.toUpperCase()} copied.`;
  };

  start.addEventListener("click", () => {
    stop();
    const chosen = [stem, one, other].map((list) => Number(list.value));
    test = { stem: chosen[0], models: chosen.slice(1), seed: Number(seed.value) || 0, trials: [],
      pairs: pairsOf(...chosen), sounds: null, place: null, heard: new Set() };
    trial.hidden = false;
    result.hidden = true;
    copied.textContent = "";
    next();
    trial.querySelector("button").focus();
  });
  form.addEventListener("click", ({ target }) => {
    const { play: name, answer: given, copy: kind } = target.dataset;
    if (name) play(name);
    if (given) answer(given);
    if (kind) copy(kind);
  });
  document.getElementById("blind-finish").addEventListener("click", finish);
  document.addEventListener("keydown", (event) => {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    if (trial.hidden || typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.toUpperCase();
    if ("ABX".includes(key)) play(key);
    else if (key === "1" || key === "2") answer(key === "1" ? "A" : "B");
    else if (key === " " && event.target.tagName !== "BUTTON") stop();
    else return;
    event.preventDefault();
  });
  stem.addEventListener("change", offer);
  for (const list of [one, other]) list.addEventListener("change", check);
  fill(stem, data.stems.map((_, index) => index).filter((index) => modelsOf(index).length > 1), data.stems);
  offer();
})();
