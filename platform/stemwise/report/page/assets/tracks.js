(() => {
  const COLUMN = { track: TRACK, stem: STEM, model: MODEL, snr: SNR, sdr: SDR, score: SCORE,
    lag: LAG, gain: GAIN, status: STATUS };
  const NAMES = { [STEM]: data.stems, [MODEL]: data.models, [STATUS]: data.statuses };
  const PAGE = 25;
  const table = document.getElementById("scores");
  const body = table.tBodies[0];
  const find = document.getElementById("find");
  const stem = document.getElementById("stem");
  const model = document.getElementById("model");
  const previous = document.getElementById("previous");
  const next = document.getElementById("next");
  const shown = document.getElementById("shown");
  const haystacks = data.tracks.map((t) => t.slice(0, 4).filter(Boolean).join(" ").toLowerCase());
  let rows = data.rows;
  let sorted = { column: TRACK, down: false };
  let page = 0;
  let last = null; // the clip that played last: the next one goes on from its place

  const number = (value) =>
    value === "inf" ? Infinity : value === "-inf" ? -Infinity : value;

  const shownNumber = (value, digits = 2) => {
    const known = number(value);
    if (known === null) return "–";
    if (!Number.isFinite(known)) return known > 0 ? "∞" : "−∞";
    return known.toFixed(digits).replace("-", "−");
  };

  const inOrder = (a, b) =>
    titles[a[TRACK]].localeCompare(titles[b[TRACK]]) || a[TRACK] - b[TRACK] ||
    a[STEM] - b[STEM] || a[MODEL] - b[MODEL];

  const along = (a, b, column) => {
    if (column === TRACK) return titles[a[TRACK]].localeCompare(titles[b[TRACK]]);
    return a[column] - b[column];
  };

  const compare = (a, b) => {
    const { column, down } = sorted;
    const turn = down ? -1 : 1;
    if (column === TRACK || column in NAMES) return along(a, b, column) * turn || inOrder(a, b);
    const [left, right] = [number(a[column]), number(b[column])];
    if (left === null || right === null) { // unknown numbers stand last, whatever the direction
      return (left === null) - (right === null) || inOrder(a, b);
    }
    return left === right ? inOrder(a, b) : (left < right ? -1 : 1) * turn;
  };

  const choose = () => {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    const [wantedStem, wantedModel] = [stem.value, model.value];
    rows = data.rows.filter((row) =>
      (wantedStem === "" || row[STEM] === Number(wantedStem)) &&
      (wantedModel === "" || row[MODEL] === Number(wantedModel)) &&
      words.every((word) => haystacks[row[TRACK]].includes(word)));
    rows.sort(compare);
    page = 0;
    draw();
  };

  const named = (index) => {
    const cell = make("span", null, { class: "who" });
    const dot = make("span", null, { class: "dot", "aria-hidden": "true" });
    dot.style.background = data.colours[index];
    cell.append(dot, make("span", data.models[index], { class: "model" }));
    return cell;
  };

  const line = (row, index) => {
    const element = make("tr");
    const head = make("th", null, { scope: "row" });
    const button = make("button", titles[row[TRACK]], { type: "button", "aria-expanded": "false" });
    button.addEventListener("click", () => toggle(element, row, button, index));
    const status = data.statuses[row[STATUS]];
    // on a phone, what the columns that have no room there say
    const under = make("div", `${data.stems[row[STEM]]} `, { class: "under" });
    under.append(named(row[MODEL]), status === "ok" ? "" : ` ${status}`);
    head.append(button, under);
    const modelCell = make("td", null, { class: "wide" });
    modelCell.append(named(row[MODEL]));
    element.append(head, make("td", data.stems[row[STEM]], { class: "wide" }), modelCell);
    for (const column of [SNR, SDR, SCORE]) {
      element.append(make("td", shownNumber(row[column]), { class: "n" }));
    }
    element.append(
      make("td", shownNumber(row[LAG], 0), { class: "n wide" }),
      make("td", shownNumber(row[GAIN]), { class: "n wide" }),
      make("td", status, { class: status === "ok" ? "wide" : "wide bad" }));
    return element;
  };

  const draw = () => {
    const start = page * PAGE;
    body.replaceChildren(...rows.slice(start, start + PAGE).map(line));
    const end = Math.min(start + PAGE, rows.length);
    shown.textContent = rows.length
      ? `${start + 1}–${end} of ${rows.length}` : "No rows match.";
    previous.disabled = page === 0;
    next.disabled = end >= rows.length;
  };

  const player = (name, link, picture, what, start) => { // start: second of the song at its 0
    const box = make("div", null, { class: "player" });
    box.append(name);
    const audio = make("audio", null, { controls: "", preload: "none", src: link, "aria-label": what });
    audio.addEventListener("play", () => {
      for (const other of document.querySelectorAll("audio")) if (other !== audio) other.pause();
      if (last && last.audio !== audio && last.audio.isConnected) {
        const place = last.audio.currentTime + last.start - start;
        if (place > 0 && (start === 0 || place < CLIP)) audio.currentTime = place;
      }
      last = { audio, start };
    });
    box.append(audio);
    if (picture) {
      box.append(make("img", null, { src: `spectrograms/${picture}.png`, width: 320, height: 96,
        alt: `Spectrogram of ${what}`, loading: "lazy" }));
    }
    return box;
  };

  const details = (row) => {
    const inner = make("div", null, { class: "inner" });
    const [id, name, artist, genre, seconds] = data.tracks[row[TRACK]];
    const facts = [name || id, artist, genre, seconds ? `${Math.round(seconds)} s` : null, id,
      `lag ${shownNumber(row[LAG], 0)} samples`, `gain ${shownNumber(row[GAIN])} dB`];
    inner.append(make("div", facts.filter(Boolean).join(" · ")));
    if (row[ERROR] >= 0) inner.append(make("div", data.errors[row[ERROR]], { class: "bad" }));
    const players = make("div", null, { class: "players" });
    const label = data.stems[row[STEM]];
    const heard = data.heard[row[TRACK]] || {};
    const offset = Math.max(0, (seconds - CLIP) / 2);
    const truth = label.split(" from ")[0];
    for (const [key, text] of [["mixture", "mixture (clip)"], [truth, `true ${truth} (clip)`]]) {
      if (!heard[key]) continue;
      players.append(player(make("div", text), heard[key][0], heard[key][1], text, offset));
    }
    const same = data.rows.filter((other) =>
      other[TRACK] === row[TRACK] && other[STEM] === row[STEM] && other[FOLDER] >= 0);
    same.sort((a, b) => (b === row) - (a === row));
    for (const other of same) {
      const caption = named(other[MODEL]);
      caption.append(`${shownNumber(other[SCORE])} dB`);
      const what = `${label} by ${data.models[other[MODEL]]}`;
      players.append(player(caption, linkOf(other), other[PICTURE], what, 0));
    }
    if (!players.children.length) {
      players.append(make("div", "No audio of this stem beside the report."));
    }
    inner.append(players);
    return inner;
  };

  const toggle = (element, row, button, index) => {
    const open = button.getAttribute("aria-expanded") === "true";
    button.setAttribute("aria-expanded", String(!open));
    if (open) {
      element.nextElementSibling.remove();
      button.removeAttribute("aria-controls");
      return;
    }
    const detail = make("tr", null, { class: "detail", id: `detail-${index}` });
    const cell = make("td", null, { colspan: element.cells.length });
    cell.append(details(row));
    detail.append(cell);
    element.after(detail);
    button.setAttribute("aria-controls", detail.id);
  };

  for (const button of table.tHead.querySelectorAll("button")) {
    button.addEventListener("click", () => {
      const column = COLUMN[button.dataset.key];
      const numeric = column >= SNR && column <= GAIN;
      sorted = { column, down: sorted.column === column ? !sorted.down : numeric };
      for (const head of table.tHead.rows[0].cells) head.setAttribute("aria-sort", "none");
      button.parentElement.setAttribute("aria-sort", sorted.down ? "descending" : "ascending");
      choose();
    });
  }
  for (const [list, names] of [[stem, data.stems], [model, data.models]]) {
    list.append(make("option", "all", { value: "" }));
    names.forEach((name, index) => list.append(make("option", name, { value: index })));
    list.addEventListener("change", choose);
  }
  find.addEventListener("input", choose);
  previous.addEventListener("click", () => { page -= 1; draw(); });
  next.addEventListener("click", () => { page += 1; draw(); });
  table.tHead.rows[0].cells[0].setAttribute("aria-sort", "ascending");
  choose();
})();
