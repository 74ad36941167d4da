// src/dom.ts
var SVG = "http://www.w3.org/2000/svg";
var ICONS = {
  play: "M7 4.5v15l12-7.5z",
  pause: "M6.5 4.5h4v15h-4zM13.5 4.5h4v15h-4z",
  start: "M5 5h2.5v14H5zM19 5v14l-10-7z",
  download: "M11 4h2v8h3.5L12 16.8 7.5 12H11zM5 18h14v2H5z",
  open: "M9 5.5 15.5 12 9 18.5 7.6 17.1 12.7 12 7.6 6.9z"
};
function el(tag, props = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== void 0) {
      made.setAttribute(name, String(value));
    }
  }
  made.append(...solid(children));
  return made;
}
function fill(parent, ...children) {
  parent.replaceChildren(...solid(children));
}
function icon(name) {
  const made = document.createElementNS(SVG, "svg");
  const path = document.createElementNS(SVG, "path");
  made.setAttribute("viewBox", "0 0 24 24");
  made.setAttribute("class", "icon");
  made.setAttribute("aria-hidden", "true");
  path.setAttribute("d", ICONS[name] ?? "");
  made.append(path);
  return made;
}
function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`The page has no element ${id}.`);
  return found;
}
function alertIn(box, text, ...more) {
  box.hidden = text === null;
  fill(box, text !== null && el("span", {}, text), ...text === null ? [] : more);
}
function confirmed(label2, question, name, act) {
  const reset = () => {
    asked = false;
    button.textContent = label2;
    button.classList.remove("asks");
    button.setAttribute("aria-label", `${label2} ${name}`);
  };
  let asked = false;
  const button = el("button", {
    type: "button",
    class: "quiet",
    onblur: reset,
    onclick: () => {
      if (asked) {
        reset();
        act();
        return;
      }
      asked = true;
      button.textContent = question;
      button.classList.add("asks");
      button.setAttribute("aria-label", `${question} ${name}`);
    }
  });
  reset();
  return button;
}
function solid(children) {
  return children.filter((child) => Boolean(child) || child === "");
}

// src/key.ts
var NAME = "stemwise-key";
var asking = null;
function keyHeaders() {
  const key = sessionStorage.getItem(NAME);
  return key ? { Authorization: `Bearer ${key}` } : {};
}
function hasKey() {
  return sessionStorage.getItem(NAME) !== null;
}
function askKey(why, used) {
  if (used !== keyHeaders().Authorization) return Promise.resolve();
  asking ??= new Promise((resolve) => {
    const form2 = byId("key");
    const input = byId("key-value");
    byId("key-why").textContent = why;
    form2.hidden = false;
    input.focus();
    form2.onsubmit = (event) => {
      event.preventDefault();
      const value = input.value.trim();
      if (!value) return;
      sessionStorage.setItem(NAME, value);
      input.value = "";
      form2.hidden = true;
      showForget();
      asking = null;
      resolve();
    };
  });
  return asking;
}
function showForget() {
  const button = byId("forget");
  button.hidden = !hasKey();
  button.onclick = () => {
    sessionStorage.removeItem(NAME);
    location.assign(location.pathname);
  };
}

// src/api.ts
var ApiError = class extends Error {
  constructor(status, message, reason, retryAfter) {
    super(message);
    this.status = status;
    this.reason = reason;
    this.retryAfter = retryAfter;
  }
  status;
  reason;
  retryAfter;
};
var AwayError = class extends Error {
  constructor() {
    super("The server does not answer.");
  }
};
function address(path) {
  return new URL(path, document.baseURI).href;
}
function jobPath(id, ...below) {
  return ["v1/separations", id, ...below].map((part, at) => at ? encodeURIComponent(part) : part).join("/");
}
async function send(path, init = {}) {
  for (; ; ) {
    let answer;
    const key = keyHeaders();
    try {
      const headers = { ...init.headers, ...key };
      answer = await fetch(address(path), { ...init, headers });
    } catch (error) {
      if (init.signal?.aborted) throw error;
      throw new AwayError();
    }
    if (answer.status !== 401) return answer;
    await askKey(problem(401, await answer.text(), null).message, key.Authorization);
  }
}
async function ask(path, init = {}) {
  const answer = await send(path, init);
  if (answer.ok) return answer;
  throw problem(answer.status, await answer.text(), answer.headers.get("Retry-After"));
}
async function getJson(path, signal) {
  return (await ask(path, signal ? { signal } : {})).json();
}
function problem(status, body, retryAfter) {
  let detail = `The server answered with status ${status}.`;
  let reason = "";
  try {
    const content2 = JSON.parse(body);
    if (typeof content2.detail === "string" && content2.detail) detail = content2.detail;
    if (typeof content2.reason === "string") reason = content2.reason;
  } catch {
  }
  return new ApiError(status, detail, reason, seconds(retryAfter));
}
function sentence(error) {
  return error instanceof Error ? error.message : String(error);
}
function aborted(error) {
  return error instanceof DOMException && error.name === "AbortError";
}
function seconds(retryAfter) {
  if (retryAfter === null) return null;
  const count = Number(retryAfter);
  const until = Number.isFinite(count) ? count : (Date.parse(retryAfter) - Date.now()) / 1e3;
  return Number.isFinite(until) ? Math.max(1, Math.ceil(until)) : null;
}

// src/format.ts
var UNKNOWN = "–";
var MINUS = "−";
function clock(seconds2, tenths = false) {
  const unit = tenths ? 10 : 1;
  const whole = Math.floor(Math.max(0, seconds2) * unit + 1e-6) / unit;
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole % 3600 / 60);
  const rest = (whole % 60).toFixed(tenths ? 1 : 0).padStart(tenths ? 4 : 2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}
function span(seconds2) {
  if (seconds2 < 1) return `${Math.round(seconds2 * 1e3)} ms`;
  if (seconds2 < 10 && !Number.isInteger(seconds2)) return `${seconds2.toFixed(1)} s`;
  if (seconds2 < 60) return `${Math.round(seconds2)} s`;
  const minutes = Math.floor(Math.round(seconds2) / 60);
  const rest = Math.round(seconds2) % 60;
  if (minutes >= 60) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return rest ? `${minutes} min ${rest} s` : `${minutes} min`;
}
function number(value, digits = 1) {
  if (value === null || value === void 0 || !Number.isFinite(value)) return UNKNOWN;
  const text = Math.abs(value).toFixed(digits);
  return value < 0 && Number(text) !== 0 ? MINUS + text : text;
}
function decibel(value, digits = 1) {
  return `${value === -Infinity ? `${MINUS}∞` : number(value, digits)} dB`;
}
function bytes(count) {
  const units = ["bytes", "kB", "MB", "GB"];
  let at = 0;
  while (count >= 1e3 && at < units.length - 1) {
    count /= 1e3;
    at += 1;
  }
  return `${at === 0 || count >= 100 ? Math.round(count) : count.toFixed(1)} ${units[at]}`;
}
function percent(share) {
  return `${Math.floor(share * 100 + 1e-9)} %`;
}
function ago(when, now = Date.now()) {
  if (!when) return UNKNOWN;
  const seconds2 = Math.max(0, (now - Date.parse(when)) / 1e3);
  if (seconds2 < 45) return "just now";
  if (seconds2 < 3600) return `${Math.max(1, Math.round(seconds2 / 60))} min ago`;
  if (seconds2 < 86400) return `${Math.round(seconds2 / 3600)} h ago`;
  return moment(when);
}
function moment(when) {
  return new Date(when).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}
function blend(models) {
  const parts = Object.entries(models);
  if (!parts.length) return "";
  if (parts.every(([, weight]) => weight < 0)) {
    return `what ${parts.map(([model]) => model).join(", ")} leave`;
  }
  if (parts.length === 1 && parts[0]?.[1] === 1) return parts[0][0];
  const heaviest = parts.sort((a, b) => b[1] - a[1]);
  return heaviest.map(([model, weight]) => `${model} × ${number(weight, 2)}`).join(" + ");
}

// src/retry.ts
var RETRIES = 3;
async function withRetries(act, waiting, signal) {
  for (let done = 0; ; done += 1) {
    try {
      return await act();
    } catch (error) {
      const pause = pauseAfter(error, done);
      if (pause === null || done >= RETRIES) throw error;
      await countDown(pause, (left2, now) => waiting(sentence(error), left2, done + 1, now), signal);
    }
  }
}
function countDown(pause, tick, signal) {
  return new Promise((resolve, reject) => {
    let left2 = pause;
    const end = () => {
      clearInterval(timer);
      signal.removeEventListener("abort", cancelled);
      resolve();
    };
    const cancelled = () => {
      clearInterval(timer);
      reject(new DOMException("cancelled", "AbortError"));
    };
    const timer = setInterval(() => {
      left2 -= 1;
      if (left2 <= 0) end();
      else tick(left2, end);
    }, 1e3);
    signal.addEventListener("abort", cancelled, { once: true });
    if (signal.aborted) cancelled();
    else tick(left2, end);
  });
}
function pauseAfter(error, done) {
  if (error instanceof AwayError) return 2 ** (done + 1);
  const later = error instanceof ApiError && (error.status === 429 || error.status === 503);
  return later ? error.retryAfter ?? 5 : null;
}

// src/progress.ts
var MILESTONE = 0.1;
var Progress = class {
  element;
  bar = el("progress", { max: 1, "aria-label": "Progress" });
  text = el("p", { class: "progress-text" });
  waiting = el("p", { class: "waiting", role: "alert", hidden: true });
  spoken = "";
  /** `cancel` is what the button does. */
  constructor(title2, cancel2) {
    const button = el("button", { type: "button", class: "cancel", onclick: cancel2 }, "Cancel");
    this.element = el(
      "section",
      { class: "panel progress", "aria-label": title2 },
      el("div", { class: "progress-head" }, this.text, button),
      this.bar,
      this.waiting
    );
  }
  /** Show a share between 0 and 1, or null where it is not known. */
  show(stage, share, more = "") {
    if (share === null) this.bar.removeAttribute("value");
    else this.bar.value = share;
    const amount = share === null ? "" : percent(share);
    const words = [el("b", {}, stage), amount && el("span", { class: "share" }, amount)];
    fill(this.text, ...words, more && el("span", { class: "more" }, more));
    const step = share === null ? "" : percent(Math.floor(share / MILESTONE + 1e-9) * MILESTONE);
    this.speak(`${stage} ${step}`.trim());
    document.title = `${amount ? `${amount} · ` : ""}${stage} · stemwise`;
  }
  /** Show a job that is not final. */
  job(job) {
    if (job.status === "queued") {
      const again = job.attempts > 0 ? "begun before, goes on where a worker is free" : "";
      this.show("Queued", null, again || "waiting for a free worker");
      return;
    }
    const { chunks_done: done, chunks_total: total } = job;
    if (total === null) this.show("Preparing", null, "reading the song");
    else if (done >= total) this.show("Writing the stems", 1, `${total} of ${total} chunks`);
    else this.show("Separating", job.progress, `${done} of ${total} chunks${left(job)}`);
  }
  /** Say that the server wants to be asked later. */
  wait = (why, seconds2, next, now) => {
    const button = el("button", { type: "button", onclick: now }, "Try now");
    const when = `Trying again in ${seconds2} s (retry ${next} of ${RETRIES}).`;
    this.show("Waiting", null);
    this.trouble(why, el("span", { "aria-hidden": "true" }, when), button);
  };
  /** Say that something stands in the way, or that it no longer does. */
  trouble(text, ...more) {
    alertIn(this.waiting, text, ...more);
  }
  speak(words) {
    if (words === this.spoken) return;
    this.spoken = words;
    byId("live").textContent = words;
  }
};
function left(job) {
  if (!job.started_at || job.progress < 0.05) return "";
  const taken = (Date.now() - Date.parse(job.started_at)) / 1e3;
  const rest = taken / job.progress * (1 - job.progress);
  return rest > 0 && taken > 3 ? `, about ${span(Math.max(1, Math.round(rest)))} left` : "";
}

// src/stems.ts
var HUES = {
  vocals: 0,
  drums: 1,
  bass: 2,
  guitar: 3,
  piano: 4,
  other: 7,
  instrumental: 5
};
var OF = {
  lead_vocals: "vocals",
  backing_vocals: "vocals",
  kick: "drums",
  snare: "drums",
  toms: "drums",
  hihat: "drums",
  cymbals: "drums"
};
function label(stem) {
  const words = stem.replaceAll("_", " ").replaceAll("+", " + ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}
function colour(stem, parent) {
  const top = OF[stem] ?? (parent && parent !== "mixture" ? parent : stem);
  return `--m${HUES[top] ?? (stem.includes("+") ? 7 : 6)}`;
}
function overlaps(stem, stems) {
  const others = stems.filter((other) => other !== stem);
  if (stem === "instrumental") return others.some((other) => (OF[other] ?? other) !== "vocals");
  return stem.includes("+") && stem.split("+").some((part) => others.includes(part));
}

// src/stem_table.ts
var StemTable = class {
  constructor(body, changed) {
    this.body = body;
    this.changed = changed;
  }
  body;
  changed;
  boxes = [];
  /** Show a recipe's stems, all of them wanted. */
  show(recipe) {
    const range = rangeOf(Object.values(recipe.quality_db));
    this.boxes = [];
    const rows = recipe.stems.flatMap((stem) => [
      this.row(recipe, stem, null, range),
      ...(recipe.children[stem] ?? []).map((part) => this.row(recipe, part, stem, range))
    ]);
    fill(this.body, ...rows);
    const known2 = Object.keys(recipe.quality_db).length > 0;
    this.body.closest("table")?.classList.toggle("unrated", !known2);
  }
  check(all) {
    for (const box of this.boxes) box.checked = all;
    this.changed();
  }
  some() {
    return this.boxes.some((box) => box.checked);
  }
  /** The names to send; none where all are wanted. */
  wanted() {
    if (this.boxes.every((box) => box.checked)) return [];
    return this.boxes.filter((box) => box.checked).map((box) => box.value);
  }
  row(recipe, stem, parent, range) {
    const hue = `--hue:var(${colour(stem, parent ?? "mixture")})`;
    const box = el("input", { type: "checkbox", value: stem, checked: true, onchange: this.changed });
    this.boxes.push(box);
    const quality = recipe.quality_db[stem];
    const made = blend(recipe.weights[stem] ?? {}) || "what the others leave";
    return el(
      "tr",
      { class: parent ? "part" : "", style: hue },
      el("th", { scope: "row" }, el("label", {}, box, el("i", { class: "dot" }), label(stem))),
      el("td", { class: "n quality" }, quality ? number(quality[0] ?? null) : "–"),
      el("td", { class: "range quality" }, quality && range && mark(quality, range)),
      el("td", { class: "made" }, made)
    );
  }
};
function mark(quality, range) {
  const [mean, low, high] = quality;
  if (mean == null) return null;
  const at = (value) => `${(value - range.low) / (range.high - range.low) * 100}%`;
  const ends = low != null && high != null;
  const text = ends ? `${number(mean)} dB, 95 % interval ${number(low)} to ${number(high)} dB` : "";
  const line = ends && el("i", { style: `left:${at(low)};right:calc(100% - ${at(high)})` });
  const dot = el("b", { style: `left:${at(mean)}` });
  return el("span", { class: "mark", role: "img", title: text, "aria-label": text }, line, dot);
}
function rangeOf(qualities) {
  const values = qualities.flat().filter((value) => value !== null);
  if (!values.length) return null;
  const low = Math.min(0, ...values);
  return { low, high: Math.max(low + 1, ...values) };
}

// src/upload.ts
function newKey() {
  if (typeof crypto.randomUUID === "function") return crypto.randomUUID();
  const random = crypto.getRandomValues(new Uint8Array(16));
  return [...random].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
async function upload(order, sent, signal) {
  for (; ; ) {
    const key = keyHeaders().Authorization;
    const answer = await post(order, sent, signal);
    if (answer.status >= 200 && answer.status < 300) {
      return JSON.parse(answer.responseText);
    }
    const retryAfter = answer.getResponseHeader("Retry-After");
    const error = problem(answer.status, answer.responseText, retryAfter);
    if (answer.status !== 401) throw error;
    await askKey(error.message, key);
  }
}
function post(order, sent, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const stop = () => request.abort();
    request.open("POST", address("v1/separations"));
    request.setRequestHeader("Idempotency-Key", order.key);
    for (const [name, value] of Object.entries(keyHeaders())) request.setRequestHeader(name, value);
    request.upload.onprogress = (event) => {
      if (event.lengthComputable && event.total) sent(event.loaded / event.total);
    };
    request.onload = () => resolve(request);
    request.onerror = () => reject(new AwayError());
    request.onabort = () => reject(new DOMException("cancelled", "AbortError"));
    request.onloadend = () => signal.removeEventListener("abort", stop);
    signal.addEventListener("abort", stop, { once: true });
    request.send(content(order));
  });
}
function content(order) {
  const form2 = new FormData();
  if (order.recipe) form2.append("recipe", order.recipe);
  if (order.stems.length) form2.append("stems", order.stems.join(","));
  form2.append("format", order.format);
  form2.append("file", order.file, order.file.name);
  return form2;
}

// src/form.ts
var Form = class {
  /** `accepted` is called with the job of each song that was sent. */
  constructor(accepted) {
    this.accepted = accepted;
    this.table = new StemTable(byId("stems"), () => this.update());
    this.file.addEventListener("change", () => this.take(this.file.files?.[0]));
    this.recipe.addEventListener("change", () => this.choose());
    byId("browse").addEventListener("click", () => this.file.click());
    byId("all-stems").addEventListener("click", () => this.table.check(true));
    byId("no-stems").addEventListener("click", () => this.table.check(false));
    byId("form").addEventListener("submit", (event) => {
      event.preventDefault();
      void this.send();
    });
    this.drops();
    this.update();
  }
  accepted;
  file = byId("file");
  zone = byId("zone");
  picked = byId("picked");
  recipe = byId("recipe");
  submit = byId("separate");
  missing = byId("missing");
  alert = byId("form-alert");
  sending = byId("sending");
  table;
  song = null;
  recipes = [];
  limits = {};
  key = null;
  stop = null;
  /** Take the recipes that the server has. */
  setRecipes(recipes2, limits) {
    const chosen = this.recipe.value;
    byId("no-recipes").hidden = recipes2.length > 0;
    this.recipes = recipes2;
    this.limits = limits;
    const options = recipes2.map((one) => el("option", { value: one.name }, title(one)));
    fill(this.recipe, ...options);
    const kept = recipes2.find((one) => one.name === chosen) ?? recipes2.find((one) => one.default);
    this.recipe.value = (kept ?? recipes2[0])?.name ?? "";
    this.choose();
    const said = [
      limits.max_bytes && `up to ${bytes(limits.max_bytes)}`,
      limits.max_duration_s && `up to ${span(limits.max_duration_s)}`
    ].filter(Boolean);
    byId("limits").textContent = said.length ? `This server takes songs ${said.join(" and ")}.` : "";
  }
  /** Take a song; a wrong one is refused by the server, which knows what it can decode. */
  take(song) {
    if (!song) return;
    this.song = song;
    const name = el("b", {}, song.name);
    fill(this.picked, name, el("span", { class: "note" }, ` ${bytes(song.size)}`));
    const max = this.limits.max_bytes;
    const large = max !== void 0 && song.size > max;
    const text = `${song.name} has ${bytes(song.size)}, and this server takes ${bytes(max ?? 0)}.`;
    alertIn(this.alert, large ? text : null);
    this.update();
  }
  choose() {
    const recipe = this.recipes.find((one) => one.name === this.recipe.value);
    if (recipe) this.table.show(recipe);
    this.update();
  }
  update() {
    const wants = [];
    if (!this.song) wants.push("choose a song");
    if (!this.recipes.length) wants.push("wait for the server's recipes");
    else if (!this.table.some()) wants.push("choose at least one stem");
    this.submit.disabled = wants.length > 0 || this.stop !== null;
    this.missing.textContent = wants.length ? `To begin, ${wants.join(" and ")}.` : "";
    this.zone.classList.toggle("full", this.song !== null);
  }
  order() {
    const format = document.querySelector("input[name=format]:checked");
    const song = this.song;
    const order = {
      file: song,
      recipe: this.recipe.value,
      stems: this.table.wanted(),
      format: format?.value ?? "flac"
    };
    const same = JSON.stringify([song.name, song.size, song.lastModified, order]);
    if (this.key?.order !== same) this.key = { order: same, value: newKey() };
    return { ...order, key: this.key.value };
  }
  async send() {
    if (!this.song || this.submit.disabled) return;
    const stop = new AbortController();
    const progress = new Progress("Sending", () => stop.abort());
    const order = this.order();
    this.stop = stop;
    this.begin(progress);
    const sent = (share) => {
      progress.trouble(null);
      if (share < 1) progress.show("Sending", share, bytes(order.file.size * share));
      else progress.show("Checking the song", null);
    };
    try {
      const job = await withRetries(() => upload(order, sent, stop.signal), progress.wait, stop.signal);
      this.key = null;
      this.accepted(job);
    } catch (error) {
      this.refused(error);
    } finally {
      this.stop = null;
      fill(this.sending);
      this.submit.hidden = false;
      if (!location.hash) document.title = "stemwise";
      this.update();
    }
  }
  begin(progress) {
    alertIn(this.alert, null);
    this.submit.hidden = true;
    fill(this.sending, progress.element);
    progress.show("Sending", 0);
    this.update();
    progress.element.querySelector("button")?.focus();
  }
  refused(error) {
    const unsure = error instanceof AwayError || error instanceof ApiError && error.status >= 500;
    if (!unsure) this.key = null;
    if (!aborted(error)) alertIn(this.alert, sentence(error));
    this.submit.focus();
  }
  drops() {
    let depth = 0;
    const over = (change) => {
      depth = Math.max(0, depth + change);
      document.body.classList.toggle("dragging", depth > 0);
    };
    const files = (event) => event.dataTransfer?.types.includes("Files");
    addEventListener("dragenter", (event) => files(event) && over(1));
    addEventListener("dragleave", (event) => files(event) && over(-1));
    addEventListener("dragover", (event) => files(event) && event.preventDefault());
    addEventListener("drop", (event) => {
      if (!files(event)) return;
      event.preventDefault();
      over(-depth);
      this.dropped(event.dataTransfer?.files[0]);
    });
    addEventListener("paste", (event) => this.dropped(event.clipboardData?.files[0]));
  }
  dropped(song) {
    if (!song) return;
    location.hash = "";
    this.take(song);
    if (!this.submit.disabled) this.submit.focus();
  }
};
function title(recipe) {
  const count = recipe.stems.length;
  const below = Object.values(recipe.children).flat().length;
  const parts = below ? `, ${below} sub-stems` : "";
  return `${recipe.name} (${count} stems${parts})${recipe.default ? " – default" : ""}`;
}

// src/health.ts
var SOON_MS = 2e3;
var LATER_MS = 3e4;
function followHealth(ready2) {
  let wasReady = false;
  const look = async () => {
    const health = await fetchHealth();
    const ok = health?.status === "ok";
    show(health);
    if (ok && !wasReady) ready2(health);
    wasReady = ok;
    setTimeout(() => void look(), ok ? LATER_MS : SOON_MS);
  };
  void look();
}
async function fetchHealth() {
  try {
    const content2 = await (await send("healthz")).json();
    return { status: content2.status ?? "", models: content2.models ?? {}, limits: content2.limits ?? null };
  } catch {
    return null;
  }
}
function show(health) {
  const state = byId("state");
  const banner = byId("banner");
  const models = Object.entries(health?.models ?? {});
  const loaded = models.filter(([, ready2]) => ready2).length;
  const ok = health?.status === "ok";
  state.dataset.state = ok ? "ok" : health ? "loading" : "away";
  state.textContent = ok ? `${loaded} models ready` : health ? "loading" : "no answer";
  banner.hidden = ok;
  if (ok) return;
  if (!health) {
    fill(banner, el("b", {}, "The server does not answer."), " Asking again every two seconds.");
    return;
  }
  const list = models.map(
    ([name, ready2]) => el("li", { class: ready2 ? "ready" : "" }, `${name}: ${ready2 ? "ready" : "loading"}`)
  );
  const text = `${loaded} of ${models.length} ready; this page goes on by itself.`;
  fill(banner, el("b", {}, "Models are loading."), ` ${text}`, el("ul", {}, ...list));
}

// src/download.ts
function fileName(job, part, ending) {
  const song = job.title.replace(/\.[a-z0-9]{1,5}$/i, "").replace(/[\\/:*?"<>|\p{Cc}]+/gu, "_");
  return `${song || "song"} - ${part}.${ending}`;
}
async function saveStem(job, stem, button) {
  const answer = await ask(jobPath(job.id, "stems", stem));
  hand(await read(answer, button), fileName(job, stem, job.format));
}
async function saveAll(job, button) {
  const name = fileName(job, "stems", "zip");
  if (hasKey()) hand(await read(await ask(jobPath(job.id, "archive")), button), name);
  else follow(address(jobPath(job.id, "archive")), name);
}
async function read(answer, button) {
  const total = Number(answer.headers.get("Content-Length"));
  const type = answer.headers.get("Content-Type") ?? "";
  if (!total || !answer.body) return answer.blob();
  const reader = answer.body.getReader();
  const parts = [];
  for (let have = 0; ; ) {
    const { done, value } = await reader.read();
    if (done) return new Blob(parts, { type });
    parts.push(value);
    have += value.length;
    button.style.setProperty("--done", percent(have / total).replace(" ", ""));
  }
}
function hand(content2, name) {
  const link = URL.createObjectURL(content2);
  follow(link, name);
  setTimeout(() => URL.revokeObjectURL(link), 6e4);
}
function follow(link, name) {
  const anchor = document.createElement("a");
  anchor.href = link;
  anchor.download = name;
  document.body.append(anchor);
  anchor.click();
  anchor.remove();
}

// src/facts.ts
var SPEED = "realtime_factor";
var SHOWN = "held_out_snr";
function facts(job, recipe) {
  const cards = [sums(job), timing(job), origin(job, recipe)];
  return el("div", { class: "facts-grid" }, ...cards);
}
function card(title2, note, ...content2) {
  return el("section", { class: "card" }, el("h2", {}, title2), el("p", { class: "note" }, note), ...content2);
}
function sums(job) {
  const rows = job.conservation.map(
    (one) => el("tr", {}, el("td", {}, equation(one)), el("td", { class: "n" }, difference(one)))
  );
  const content2 = rows.length ? [el("table", {}, head("Sum", "Difference, RMS"), el("tbody", {}, ...rows))] : ["Nothing to add up: not all parts of a whole were asked for."];
  if (job.gain !== null && job.gain < 1) {
    const down = number(20 * Math.log10(job.gain), 2);
    const text = `All stems were turned down by ${down} dB, because FLAC would have clipped.`;
    content2.push(el("p", { class: "caution" }, text));
  }
  return card("Conservation", "How exactly the parts add up to the whole.", ...content2);
}
function equation(one) {
  const names = one.stems.map((stem) => label(stem).toLowerCase());
  return `${names.join(" + ")} = ${label(one.parent).toLowerCase()}`;
}
function difference(one) {
  return one.exact || one.difference_dbfs === null ? "exact" : `${number(one.difference_dbfs)} dBFS`;
}
function timing(job) {
  const rows = Object.entries(job.timing).map(([name, value]) => {
    const speed = name === SPEED;
    const text = speed ? `${number(value, 2)} × real time` : span(value);
    const stage = speed ? "Speed" : label(name.replace(/_s$/, ""));
    return el("tr", {}, el("td", {}, stage), el("td", { class: "n" }, text));
  });
  if (!job.timing.total_s && job.started_at && job.finished_at) {
    const took = (Date.parse(job.finished_at) - Date.parse(job.started_at)) / 1e3;
    const text = `${span(took)} for ${span(job.duration_s)} of audio`;
    rows.push(el("tr", {}, el("td", {}, "From start to end"), el("td", { class: "n" }, text)));
  }
  if (job.attempts > 1) {
    const text = String(job.attempts);
    rows.push(el("tr", {}, el("td", {}, "Attempts"), el("td", { class: "n" }, text)));
  }
  const table = el("table", {}, head("Stage", "Time"), el("tbody", {}, ...rows));
  return card("Timing", "Seconds of work per stage.", table);
}
function origin(job, recipe) {
  const all = Object.entries(recipe?.provenance ?? {});
  const entries = all.filter(([name]) => name !== SHOWN);
  const note = recipe ? `Models: ${recipe.models.join(", ")}.` : "The server no longer has this recipe.";
  const list = entries.flatMap(([name, value]) => [
    el("dt", {}, label(name)),
    el("dd", {}, plain(value))
  ]);
  const none = "The recipe does not say where it comes from: it is a single model.";
  return card(`Recipe ${job.recipe}`, note, entries.length ? el("dl", {}, ...list) : recipe && none);
}
function head(first, second) {
  const cells = [el("th", { scope: "col" }, first), el("th", { scope: "col", class: "n" }, second)];
  return el("thead", {}, el("tr", {}, ...cells));
}
function plain(value) {
  if (value === null || value === void 0) return "–";
  if (typeof value === "number") return Number.isInteger(value) ? String(value) : number(value, 2);
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (Array.isArray(value)) return value.map(plain).join(" / ");
  if (typeof value !== "object") return String(value);
  const parts = Object.entries(value).map(([name, one]) => `${label(name).toLowerCase()} ${plain(one)}`);
  return parts.join(", ");
}

// src/engine.ts
var LEAD = 0.06;
var FADE = 6e-3;
var NEAR = 2e-3;
var GLIDE = 0.012;
var Engine = class extends EventTarget {
  /** `rate` is the sample rate of all buffers and of the context. */
  constructor(duration, rate) {
    super();
    this.duration = duration;
    this.rate = rate;
  }
  duration;
  rate;
  paused = true;
  seeking = false;
  readyState = 4;
  volume = 1;
  muted = false;
  playbackRate = 1;
  src = "";
  context = null;
  master = null;
  meter = null;
  pass = null;
  buffers = /* @__PURE__ */ new Map();
  voices = /* @__PURE__ */ new Map();
  gains = /* @__PURE__ */ new Map();
  level = 1;
  offset = 0;
  // position in the song, in seconds, at `began`
  began = 0;
  // time of the context at which the sources start
  frame = 0;
  peakOf = new Float32Array(1024);
  get ended() {
    return this.currentTime > this.duration - NEAR;
  }
  /** The position in the song that is heard now. */
  get currentTime() {
    if (this.paused || !this.context) return this.offset;
    const late = this.context.outputLatency || 0;
    const played = Math.max(0, this.context.currentTime - this.began - late);
    return Math.min(this.duration, this.offset + played);
  }
  set currentTime(seconds2) {
    const playing = !this.paused;
    if (playing) this.stop();
    this.offset = Math.round(Math.min(this.duration, Math.max(0, seconds2)) * this.rate) / this.rate;
    if (playing && this.offset < this.duration) this.start();
    this.tell("timeupdate");
    if (playing && this.paused) this.tell("pause");
  }
  /** Start, or go on; from the beginning where the end was reached. */
  async play() {
    if (!this.paused) return;
    const context = this.wake();
    if (context.state !== "running") await context.resume();
    if (!this.paused) return;
    if (this.ended) this.offset = 0;
    this.start();
    this.tell("play");
  }
  /** Ask for the audio device; browsers give it only within a user's gesture. */
  prepare() {
    void this.wake().resume();
  }
  pause() {
    if (this.paused) return;
    this.stop();
    this.tell("pause");
    this.tell("timeupdate");
  }
  /** Whether a stem's audio is here. */
  has(stem) {
    return this.buffers.has(stem);
  }
  /** Take a decoded stem; while others play, it joins them in step. */
  put(stem, buffer) {
    this.buffers.set(stem, buffer);
    if (!this.paused) this.join(stem);
  }
  /** Forget a stem's audio, to make room. */
  drop(stem) {
    this.silence(stem, 0);
    this.buffers.delete(stem);
  }
  /** Set how loud each stem is; changes glide, so that nothing clicks. */
  setGains(gains) {
    this.gains = gains;
    for (const [stem, voice] of this.voices) this.glide(voice.gain, gains.get(stem) ?? 0);
  }
  setVolume(level) {
    this.level = level;
    if (this.master) this.glide(this.master, level);
  }
  /** The largest sample that is being heard, 1 = full scale. */
  peak() {
    if (!this.meter || this.paused) return 0;
    this.meter.getFloatTimeDomainData(this.peakOf);
    return this.peakOf.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  }
  /** Give back the audio device and all memory. */
  close() {
    this.pause();
    this.buffers.clear();
    void this.context?.close();
  }
  // what wavesurfer.js may call on a media element, and which means nothing here
  canPlayType() {
    return "";
  }
  wake() {
    if (this.context) return this.context;
    this.context = new AudioContext({ sampleRate: this.rate, latencyHint: "playback" });
    this.master = this.context.createGain();
    this.master.gain.value = this.level;
    this.meter = this.context.createAnalyser();
    this.meter.fftSize = this.peakOf.length;
    this.master.connect(this.meter);
    this.master.connect(this.context.destination);
    return this.context;
  }
  start() {
    const context = this.wake();
    this.began = this.whole(context.currentTime + LEAD);
    this.pass = context.createGain();
    this.pass.connect(this.master);
    this.fade(this.pass.gain, 0, 1, this.began);
    this.paused = false;
    for (const stem of this.buffers.keys()) this.begin(stem, this.began, this.offset);
    this.frame = requestAnimationFrame(this.tick);
  }
  join(stem) {
    const context = this.wake();
    const when = Math.max(this.began, this.whole(context.currentTime + LEAD));
    this.silence(stem, 0);
    this.begin(stem, when, this.offset + (when - this.began));
  }
  begin(stem, when, from) {
    const context = this.context;
    const buffer = this.buffers.get(stem);
    if (!buffer || !this.pass || from >= buffer.duration) return;
    const gain = context.createGain();
    gain.gain.value = this.gains.get(stem) ?? 0;
    const source = context.createBufferSource();
    source.buffer = buffer;
    source.connect(gain).connect(this.pass);
    source.start(when, from);
    this.voices.set(stem, { gain, source });
  }
  stop() {
    const context = this.context;
    const heard2 = this.currentTime;
    this.paused = true;
    cancelAnimationFrame(this.frame);
    this.offset = Math.round(heard2 * this.rate) / this.rate;
    const end = context.currentTime + FADE;
    if (this.pass) this.fade(this.pass.gain, 1, 0, context.currentTime);
    for (const stem of [...this.voices.keys()]) this.silence(stem, end);
  }
  silence(stem, when) {
    const voice = this.voices.get(stem);
    voice?.source?.stop(when);
    this.voices.delete(stem);
  }
  fade(param, from, to, when) {
    param.setValueAtTime(from, when);
    param.linearRampToValueAtTime(to, when + FADE);
  }
  glide(node, value) {
    const now = this.context?.currentTime ?? 0;
    node.gain.cancelScheduledValues(now);
    node.gain.setTargetAtTime(value, now, GLIDE);
  }
  whole(seconds2) {
    return Math.ceil(seconds2 * this.rate) / this.rate;
  }
  tick = () => {
    if (this.paused) return;
    if (this.ended) {
      this.stop();
      this.offset = this.duration;
      this.tell("timeupdate");
      this.tell("pause");
      this.tell("ended");
      return;
    }
    this.tell("timeupdate");
    this.frame = requestAnimationFrame(this.tick);
  };
  tell(name) {
    this.dispatchEvent(new Event(name));
  }
};

// src/loader.ts
var BUDGET = 512e6;
var MOST = 15e8;
var FULL = 44100;
var HALF = 22050;
var AT_ONCE = 2;
function size(duration, rate) {
  return duration * 2 * 4 * rate;
}
function previewRate(stems, duration) {
  return stems * size(duration, FULL) <= BUDGET ? FULL : HALF;
}
function roomFor(duration, rate) {
  const one = size(duration, rate);
  return { kept: Math.floor(BUDGET / one), heard: Math.max(1, Math.floor(MOST / one)) };
}
var Loader = class {
  constructor(id, rate, signal) {
    this.id = id;
    this.signal = signal;
    this.decoder = new OfflineAudioContext(2, 1, rate);
  }
  id;
  signal;
  running = 0;
  waiting = [];
  started = /* @__PURE__ */ new Map();
  decoder;
  /** Return a stem's audio. One that failed is fetched anew the next time. */
  load(stem) {
    const known2 = this.started.get(stem);
    if (known2) return known2;
    const made = this.fetch(stem).finally(() => this.started.delete(stem));
    this.started.set(stem, made);
    return made;
  }
  async fetch(stem) {
    await this.turn();
    try {
      const answer = await ask(jobPath(this.id, "stems", stem), { signal: this.signal });
      return await this.decode(stem, await answer.arrayBuffer());
    } finally {
      this.running -= 1;
      this.waiting.shift()?.();
    }
  }
  async decode(stem, data) {
    try {
      return await this.decoder.decodeAudioData(data);
    } catch (error) {
      throw new Error(`This browser cannot decode ${stem}; download it instead.`, { cause: error });
    }
  }
  async turn() {
    if (this.running >= AT_ONCE) await new Promise((go) => this.waiting.push(go));
    this.running += 1;
  }
};

// src/mixer.ts
var FLOOR_DB = -48;
var TOP_DB = 6;
function arrange(results) {
  const names = results.map((result) => result.stem);
  const all = new Map(results.map((result) => [result.stem, track(result, names)]));
  const top = [];
  for (const row of all.values()) {
    row.above = all.get(row.result.parent) ?? null;
    (row.above ? row.above.parts : top).push(row);
  }
  return top;
}
function flat(tracks) {
  return tracks.flatMap((row) => [row, ...flat(row.parts)]);
}
function heard(row, tracks) {
  if (row.open || row.above && !row.above.open) return false;
  const chain = row.above ? [row, row.above] : [row];
  const soloing = flat(tracks).some((other) => other.solo && shown(other));
  if (soloing) return chain.some((one) => one.solo);
  return !chain.some((one) => one.mute);
}
function gainOf(row, tracks) {
  if (!heard(row, tracks)) return 0;
  return linear(row.db) * (row.above ? linear(row.above.db) : 1);
}
function shown(row) {
  return !row.above || row.above.open;
}
function linear(db) {
  return db <= FLOOR_DB ? 0 : 10 ** (db / 20);
}
function track(result, names) {
  const mute = overlaps(result.stem, names);
  return { result, above: null, parts: [], open: false, solo: false, mute, db: 0 };
}

// src/fader.ts
function fader(name, top, changed) {
  const shown2 = el("output", { "aria-hidden": "true" });
  const input = el("input", {
    type: "range",
    min: FLOOR_DB,
    max: top,
    step: 0.5,
    value: 0,
    "aria-label": `Volume of ${name}`,
    title: "Volume; double click for 0 dB"
  });
  const update = () => {
    const db = Number(input.value);
    const text = decibel(db <= FLOOR_DB ? -Infinity : db);
    shown2.textContent = text;
    input.setAttribute("aria-valuetext", text);
    input.style.setProperty("--at", `${(db - FLOOR_DB) / (top - FLOOR_DB) * 100}%`);
    changed(db);
  };
  input.addEventListener("input", update);
  input.addEventListener("dblclick", () => {
    input.value = "0";
    update();
  });
  update();
  return el("span", { class: "fader" }, input, shown2);
}
var STEM_TOP = TOP_DB;
var MASTER_TOP = 0;

// src/row.ts
var Row = class {
  constructor(track2, desk) {
    this.track = track2;
    this.desk = desk;
    const { result } = track2;
    this.name = label(result.stem);
    this.hue = colour(result.stem, result.parent);
    this.solo = this.switch("S", "Solo", () => track2.solo = !track2.solo);
    this.mute = this.switch("M", "Mute", () => track2.mute = !track2.mute);
    this.parts = track2.parts.length ? this.partsButton() : null;
    const volume = fader(this.name, STEM_TOP, (db) => {
      track2.db = db;
      if (this.element) desk.changed();
    });
    this.element = el(
      "div",
      {
        class: track2.above ? "row part" : "row",
        role: "group",
        "aria-label": this.name,
        "data-stem": result.stem,
        style: `--hue:var(${this.hue})`
      },
      el("div", { class: "who" }, el("i", { class: "dot" }), this.title(), this.parts),
      el("div", { class: "strip" }, this.solo, this.mute, volume),
      el("div", { class: "picture" }, this.wave, this.note),
      el("div", { class: "about" }, ...this.about()),
      this.downloadButton()
    );
    this.element.addEventListener("keydown", this.keys);
    this.say("");
  }
  track;
  desk;
  element;
  wave = el("div", { class: "wave", "aria-hidden": "true" });
  hue;
  note = el("p", { class: "wave-note" });
  solo;
  mute;
  parts;
  name;
  /** Show the track's state. */
  update() {
    const { track: track2, desk } = this;
    this.element.hidden = !shown(track2);
    this.element.classList.toggle("silent", !heard(track2, desk.tracks));
    this.element.classList.toggle("group", track2.open);
    this.solo.setAttribute("aria-pressed", String(track2.solo));
    this.mute.setAttribute("aria-pressed", String(track2.mute));
    this.parts?.setAttribute("aria-expanded", String(track2.open));
  }
  /** Say something over the waveform, for example that the stem is being loaded. */
  say(text, again = false) {
    this.note.hidden = text === "";
    const button = el("button", { type: "button", onclick: () => this.desk.retry() }, "Try again");
    fill(this.note, text, again && button);
  }
  title() {
    const { parent, stem } = this.track.result;
    const orphan = parent !== "mixture" && !this.track.above;
    const name = el("span", { class: "stem", title: stem }, this.name);
    if (orphan) name.append(el("small", {}, ` of ${label(parent).toLowerCase()}`));
    return name;
  }
  switch(letter, action, flip) {
    const props = {
      type: "button",
      class: action.toLowerCase(),
      title: `${action} (${letter})`,
      "aria-label": `${action} ${this.name}`,
      "aria-pressed": "false",
      onclick: () => {
        flip();
        this.desk.changed();
      }
    };
    return el("button", props, letter);
  }
  partsButton() {
    const { track: track2 } = this;
    const names = track2.parts.map((part) => label(part.result.stem).toLowerCase()).join(", ");
    const props = {
      type: "button",
      class: "parts",
      title: `Hear ${this.name.toLowerCase()} as its parts instead: ${names}`,
      "aria-expanded": "false",
      onclick: () => {
        track2.open = !track2.open;
        this.desk.changed();
      }
    };
    return el("button", props, icon("open"), `${track2.parts.length} parts`);
  }
  about() {
    const { rms_dbfs: level, quality_db: quality, models } = this.track.result;
    const facts2 = [];
    const loud = level === null ? "silent" : `${number(level)} dBFS`;
    facts2.push(el("span", { title: "Level: RMS before encoding" }, loud));
    if (quality && quality[0] != null) {
      const title2 = `Held-out SNR, with its 95 % interval: ${quality.map((v) => number(v ?? null)).join(" / ")} dB`;
      facts2.push(el("span", { title: title2 }, `SNR ${interval(quality)}`));
    }
    const made = blend(models) || "what the others leave";
    return [
      el("p", { class: "level" }, ...facts2),
      el("p", { class: "made", title: `Made by ${made}` }, made)
    ];
  }
  downloadButton() {
    const { stem, bytes: size2 } = this.track.result;
    const { job } = this.desk;
    const save = async () => {
      button.disabled = true;
      try {
        await saveStem(job, stem, button);
      } catch (error) {
        this.desk.failed(`${this.name} was not downloaded: ${sentence(error)}`);
      } finally {
        button.disabled = false;
        button.style.removeProperty("--done");
      }
    };
    const name = `Download ${this.name.toLowerCase()} as ${job.format.toUpperCase()}, ${bytes(size2)}`;
    const props = { type: "button", class: "save", title: name, "aria-label": name };
    const button = el("button", { ...props, onclick: () => void save() }, icon("download"));
    button.append(el("small", {}, bytes(size2)));
    return button;
  }
  keys = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const key = event.key.toLowerCase();
    const button = key === "s" ? this.solo : key === "m" ? this.mute : null;
    if (!button) return;
    event.preventDefault();
    button.click();
  };
};
function interval(quality) {
  const [mean, low, high] = quality;
  const ends = low == null || high == null ? "" : ` (${number(low)}…${number(high)})`;
  return `${number(mean ?? null)} dB${ends}`;
}

// src/keys.ts
function playerKeys(engine, toggle, signal) {
  const pressed = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const target = event.target;
    if (takesText(target)) return;
    if (event.key === "ArrowUp" || event.key === "ArrowDown") {
      if (toNeighbour(target, event.key === "ArrowUp" ? -1 : 1)) event.preventDefault();
      return;
    }
    const action = actionOf(event, target, engine, toggle);
    if (!action) return;
    event.preventDefault();
    action();
  };
  document.addEventListener("keydown", pressed, { signal });
}
function actionOf(event, target, engine, toggle) {
  const step = event.shiftKey ? 1 : 5;
  const go = (seconds2) => () => {
    engine.currentTime = seconds2;
  };
  const slides = target.matches("input[type=range]:not(.position)");
  if (event.key.toLowerCase() === "k" && !event.repeat) return toggle;
  if (event.key === " ") return presses(target) || event.repeat ? null : toggle;
  if (slides || target.matches("input[type=radio], select")) return null;
  if (event.key === "ArrowLeft") return go(engine.currentTime - step);
  if (event.key === "ArrowRight") return go(engine.currentTime + step);
  if (event.key === "Home") return go(0);
  if (event.key === "End") return go(engine.duration);
  return null;
}
function toNeighbour(target, step) {
  const row = target.closest(".row");
  if (!row || !target.matches("button")) return false;
  const rows = [...row.parentElement?.querySelectorAll(".row:not([hidden])") ?? []];
  const next = rows[rows.indexOf(row) + step];
  const same = [...target.classList].map((name) => next?.querySelector(`.${name}`));
  const found = same.find(Boolean) ?? next?.querySelector("button");
  found?.focus();
  return Boolean(found);
}
function presses(target) {
  return target.matches("button, a, summary, select, input:not([type=range])");
}
function takesText(target) {
  return target.matches("textarea, input[type=text], input[type=password], [contenteditable]");
}

// src/transport.ts
var STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200];
var TICKS = 8;
var Transport = class {
  /** `toggle` plays or pauses. */
  constructor(engine, toggle) {
    this.engine = engine;
    const { duration } = engine;
    const back = () => {
      engine.currentTime = 0;
    };
    this.play = el("button", { type: "button", class: "primary play", onclick: toggle });
    this.position = el("input", {
      type: "range",
      class: "position",
      min: 0,
      max: duration,
      step: 0.01,
      value: 0,
      "aria-label": "Position",
      oninput: () => {
        engine.currentTime = Number(this.position.value);
      }
    });
    const start = { type: "button", class: "quiet", title: "To the start (Home)", onclick: back };
    const volume = fader("all stems", MASTER_TOP, (db) => engine.setVolume(linear(db)));
    this.element = el(
      "div",
      { class: "head" },
      el(
        "div",
        { class: "transport" },
        el("button", { ...start, "aria-label": "To the start" }, icon("start")),
        this.play,
        el("p", { class: "time" }, this.now, ` / ${clock(duration)}`)
      ),
      el("div", { class: "line" }, this.position, ruler(duration)),
      el(
        "div",
        { class: "master" },
        el("span", { class: "meter", title: "Peak level, −60 to 0 dBFS" }, this.needle),
        volume
      )
    );
    this.state("paused");
    this.tick();
  }
  engine;
  element;
  play;
  position;
  now = el("span", { class: "now" });
  needle = el("i");
  /** Show whether it plays, stands, or waits for stems. */
  state(state) {
    const words = { paused: "Play", playing: "Pause", loading: "Loading…" }[state];
    this.play.title = `${state === "paused" ? "Play" : "Pause"} (space)`;
    this.play.dataset.state = state;
    fill(this.play, icon(state === "paused" ? "play" : "pause"), el("span", {}, words));
  }
  /** Show the position and the level. */
  tick = () => {
    const { currentTime, duration } = this.engine;
    this.now.textContent = clock(currentTime, true);
    this.position.value = String(currentTime);
    this.position.style.setProperty("--at", `${currentTime / duration * 100}%`);
    const words = `${clock(currentTime)} of ${clock(duration)}`;
    this.position.setAttribute("aria-valuetext", words);
    const peak = this.engine.peak();
    const share = peak > 0 ? Math.max(0, 1 + 20 * Math.log10(peak) / 60) : 0;
    this.needle.style.setProperty("--level", String(Math.min(1, share)));
    this.needle.classList.toggle("clips", peak > 1);
  };
};
function ruler(duration) {
  const step = STEPS.find((one) => duration / one <= TICKS) ?? duration / TICKS;
  const made = el("div", { class: "ruler", "aria-hidden": "true" });
  for (let at = 0; at < duration - step * 0.25; at += step) {
    made.append(el("span", { style: `left:${at / duration * 100}%` }, clock(at)));
  }
  return made;
}

// src/wave.ts
import WaveSurfer from "./wavesurfer.js";
var AHEAD = 0.45;
var dark = matchMedia("(prefers-color-scheme: dark)");
function drawWave(box, peaks, loudest, hue, engine, signal) {
  const wave = WaveSurfer.create({
    container: box,
    peaks: [Float32Array.from(peaks.peaks)],
    duration: engine.duration,
    media: engine,
    height: box.clientHeight,
    normalize: true,
    maxPeak: loudest,
    barWidth: 2,
    barGap: 1,
    barRadius: 1,
    barMinHeight: 1,
    cursorWidth: 1,
    dragToSeek: { debounceTime: 0 },
    hideScrollbar: true,
    autoScroll: false,
    ...colours(hue)
  });
  dark.addEventListener("change", () => wave.setOptions(colours(hue)), { signal });
  signal.addEventListener("abort", () => wave.destroy(), { once: true });
}
function colours(hue) {
  const style = getComputedStyle(document.documentElement);
  const read2 = (name) => style.getPropertyValue(name).trim();
  const full = read2(hue);
  return {
    waveColor: mixed(full, read2("--surface"), AHEAD),
    progressColor: full,
    cursorColor: read2("--ink")
  };
}
function mixed(front, back, share) {
  const channel = (colour2, at) => Number.parseInt(colour2.slice(at, at + 2), 16);
  const mix = [1, 3, 5].map((at) => share * channel(front, at) + (1 - share) * channel(back, at));
  return `#${mix.map((value) => Math.round(value).toString(16).padStart(2, "0")).join("")}`;
}

// src/player.ts
var TOO_LONG = "Not played: the song is too long for more stems at once. Solo it to hear it.";
var Player = class {
  constructor(job, signal) {
    this.job = job;
    this.signal = signal;
    const rate = previewRate(job.results.length, job.duration_s);
    this.room = roomFor(job.duration_s, rate);
    this.loudest = Math.max(...job.results.map((one) => one.peak ?? 0)) || 1;
    this.tracks = arrange(job.results);
    this.engine = new Engine(job.duration_s, rate);
    this.loader = new Loader(job.id, rate, signal);
    this.transport = new Transport(this.engine, () => this.toggle());
    this.rows = flat(this.tracks).map((track2) => new Row(track2, this));
    this.element = el(
      "section",
      { class: "player", "aria-label": "Player" },
      this.transport.element,
      el("div", { class: "rows" }, ...this.rows.map((row) => row.element)),
      this.alert,
      el("p", { class: "note" }, ...notes(rate))
    );
    this.listen();
  }
  job;
  signal;
  element;
  tracks;
  engine;
  loader;
  transport;
  rows;
  alert = el("p", { class: "alert", role: "alert", hidden: true });
  drawn = /* @__PURE__ */ new Set();
  broken = /* @__PURE__ */ new Set();
  loudest;
  room;
  waits = false;
  /** Draw and load; call once the element is on the page, since waveforms need its width. */
  begin() {
    this.changed();
  }
  /** A row's state changed: set the gains, draw what came to be seen, load what came to be heard. */
  changed() {
    for (const row of this.rows) row.update();
    const gains = flat(this.tracks).map((t) => [t.result.stem, gainOf(t, this.tracks)]);
    this.engine.setGains(new Map(gains));
    for (const row of this.rows.filter((one) => shown(one.track))) void this.draw(row);
    void this.load();
  }
  failed(text) {
    alertIn(this.alert, text);
  }
  /** Load again what could not be loaded. */
  retry() {
    this.broken.clear();
    alertIn(this.alert, null);
    void this.load();
  }
  /** Play or pause; play waits until all that should be heard is there. */
  toggle() {
    if (this.waits || !this.engine.paused) {
      this.waits = false;
      this.engine.pause();
      this.show();
      return;
    }
    this.engine.prepare();
    this.waits = true;
    this.show();
    void this.load();
  }
  listen() {
    const { engine, signal } = this;
    engine.addEventListener("timeupdate", this.transport.tick);
    for (const name of ["play", "pause"]) engine.addEventListener(name, () => this.show());
    playerKeys(engine, () => this.toggle(), signal);
    const list = this.element.querySelector(".rows");
    list?.addEventListener("pointermove", (event) => hover(list, event));
    list?.addEventListener("pointerleave", () => list.style.removeProperty("--hover"));
    signal.addEventListener("abort", () => engine.close(), { once: true });
  }
  show() {
    const playing = this.waits ? "loading" : "playing";
    this.transport.state(this.engine.paused && !this.waits ? "paused" : playing);
    this.transport.tick();
  }
  async draw(row) {
    if (this.drawn.has(row)) return;
    this.drawn.add(row);
    const { stem } = row.track.result;
    try {
      const peaks = await getJson(jobPath(this.job.id, "stems", stem, "peaks"), this.signal);
      drawWave(row.wave, peaks, this.loudest, row.hue, this.engine, this.signal);
    } catch (error) {
      if (!aborted(error)) this.failed(`No waveform of ${stem}: ${sentence(error)}`);
    }
  }
  async load() {
    const all = this.rows.filter((row) => heard(row.track, this.tracks));
    const wanted = all.slice(0, this.room.heard);
    for (const row of all.slice(this.room.heard)) row.say(TOO_LONG);
    const missing = wanted.filter((row) => this.lacks(row));
    this.makeRoom(missing.length, wanted);
    await Promise.all(missing.map((row) => this.fetch(row)));
    if (this.waits && !wanted.some((row) => this.lacks(row))) {
      this.waits = false;
      await this.engine.play();
      this.show();
    }
  }
  lacks(row) {
    const { stem } = row.track.result;
    return !this.engine.has(stem) && !this.broken.has(stem);
  }
  async fetch(row) {
    const { stem } = row.track.result;
    row.say("Loading…");
    try {
      const buffer = await this.loader.load(stem);
      if (!this.signal.aborted) this.engine.put(stem, buffer);
      row.say("");
    } catch (error) {
      if (aborted(error)) return;
      this.broken.add(stem);
      row.say(sentence(error), true);
    }
  }
  makeRoom(needed, wanted) {
    const kept = new Set(wanted.map((row) => row.track.result.stem));
    const here = this.rows.map((row) => row.track.result.stem).filter((s) => this.engine.has(s));
    const spare = here.filter((stem) => !kept.has(stem));
    const excess = here.length + needed - Math.max(this.room.kept, wanted.length);
    for (const stem of spare.slice(0, Math.max(0, excess))) this.engine.drop(stem);
  }
};
function notes(rate) {
  const keys = [
    ["Space", "play"],
    ["← →", "5 s"],
    ["Shift ← →", "1 s"],
    ["S", "solo row"],
    ["M", "mute row"]
  ];
  const words = keys.flatMap(([key, does]) => [el("kbd", {}, key), ` ${does}  `]);
  const help = el("span", { class: "keys" }, ...words);
  const scale = "All waveforms have one scale. ";
  if (rate >= 44100) return [scale, help];
  const half = "Preview at 22 kHz, because the song is long; downloads are full quality. ";
  return [el("b", {}, half), scale, help];
}
function hover(list, event) {
  const wave = list.querySelector(".wave");
  if (!wave || event.pointerType === "touch") return;
  const { left: left2, width } = wave.getBoundingClientRect();
  const share = (event.clientX - left2) / width;
  if (share < 0 || share > 1) list.style.removeProperty("--hover");
  else list.style.setProperty("--hover", `${share * 100}%`);
}

// src/types.ts
function final(job) {
  return job.status !== "queued" && job.status !== "running";
}

// src/watch.ts
var SILENCE_MS = 3e4;
var POLL_S = 2;
async function watch(id, changed, trouble, signal) {
  if (await follow2(id, changed, signal)) return;
  for (; ; ) {
    const job = await patiently(id, trouble, signal);
    changed(job);
    if (final(job)) return;
    await countDown(POLL_S, () => void 0, signal);
  }
}
async function patiently(id, trouble, signal) {
  for (; ; ) {
    try {
      const job = await getJson(jobPath(id), signal);
      trouble(null);
      return job;
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof ApiError && error.status < 500 && error.status !== 429) throw error;
      trouble(`${sentence(error)} Asking again every two seconds; the job goes on there.`);
    }
    await countDown(POLL_S, () => void 0, signal);
  }
}
async function follow2(id, changed, signal) {
  const quiet = new AbortController();
  const stop = () => quiet.abort();
  let timer = setTimeout(stop, SILENCE_MS);
  signal.addEventListener("abort", stop, { once: true });
  try {
    const headers = { Accept: "text/event-stream" };
    const answer = await ask(jobPath(id, "events"), { headers, signal: quiet.signal });
    if (!answer.body) return false;
    for await (const event of events(answer.body)) {
      clearTimeout(timer);
      timer = setTimeout(stop, SILENCE_MS);
      if (event.name === "") continue;
      const job = JSON.parse(event.data);
      changed(job);
      if (final(job)) return true;
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof ApiError && error.status === 404) throw error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
    quiet.abort();
  }
  return false;
}
async function* events(body) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  for (; ; ) {
    const { done, value } = await reader.read();
    if (done) return;
    text += decoder.decode(value, { stream: true }).replaceAll("\r", "");
    const blocks = text.split("\n\n");
    text = blocks.pop() ?? "";
    for (const block of blocks) yield parse(block);
  }
}
function parse(block) {
  let name = "";
  const data = [];
  for (const line of block.split("\n")) {
    const at = line.indexOf(":");
    const value = line.slice(at + 1).replace(/^ /, "");
    if (line.startsWith("event:")) name = value;
    if (line.startsWith("data:")) data.push(value);
  }
  return { name: data.length ? name || "message" : "", data: data.join("\n") };
}

// src/job.ts
async function showJob(id, view) {
  const alert = el("p", { class: "alert", role: "alert", hidden: true });
  const body = el("div");
  fill(view.box, body, alert);
  try {
    const job = await patiently(id, (text) => alertIn(alert, text), view.signal);
    if (final(job)) return finish(job, body, alert, view);
    const progress = new Progress(job.title, () => void cancel(job, alert));
    fill(body, heading(job), alert, progress.element);
    catchFocus(body);
    let last = job;
    const changed = (state) => {
      last = state;
      view.changed(state);
      if (!final(state)) progress.job(state);
    };
    changed(job);
    await watch(id, changed, (text) => progress.trouble(text), view.signal);
    finish(last, body, alert, view);
  } catch (error) {
    if (!aborted(error)) alertIn(alert, sentence(error));
  }
}
async function cancel(job, alert) {
  try {
    await ask(jobPath(job.id), { method: "DELETE" });
  } catch (error) {
    alertIn(alert, `Not cancelled: ${sentence(error)}`);
  }
}
function finish(job, body, alert, view) {
  const why = job.error?.detail ?? "The job failed, and the server does not say why.";
  alertIn(alert, job.status === "failed" ? why : null);
  document.title = `${job.title} · stemwise`;
  if (job.results.length) return show2(job, body, alert, view);
  const words = {
    cancelled: "This job was cancelled.",
    expired: "The files of this job have been deleted."
  };
  const text = words[job.status];
  const again = el("p", {}, el("a", { href: "#", class: "button" }, "Separate a song"));
  fill(body, heading(job), alert, text ? el("p", { class: "panel end" }, text) : null, again);
}
function show2(job, body, alert, view) {
  const player = new Player(job, view.signal);
  const below = el("div");
  fill(body, heading(job, actions(job, alert, view)), alert, player.element, below);
  player.begin();
  catchFocus(body);
  const tell = (recipes2) => {
    fill(below, facts(job, recipes2.find((one) => one.name === job.recipe) ?? null));
  };
  void view.recipes.then(tell);
}
function actions(job, alert, view) {
  const failing = (what, act) => async () => {
    try {
      await act();
    } catch (error) {
      alertIn(alert, `${what}: ${sentence(error)}`);
    }
  };
  const save = failing("Not downloaded", () => saveAll(job, zip));
  const zip = el("button", { type: "button", class: "zip", onclick: () => void save() });
  zip.append(icon("download"), "All stems (zip)");
  const remove = failing("Not deleted", async () => {
    const answer = await ask(jobPath(job.id), { method: "DELETE" });
    location.hash = "";
    view.changed(await answer.json());
  });
  const name = job.title;
  return el("div", { class: "actions" }, zip, confirmed("Delete", "Really delete?", name, () => void remove()));
}
function catchFocus(body) {
  if (document.activeElement !== document.body) return;
  body.querySelector("h1")?.focus({ preventScroll: true });
}
function heading(job, ...more) {
  const about2 = [job.recipe, job.format.toUpperCase(), clock(job.duration_s)];
  if (job.finished_at) about2.push(`${job.status} ${ago(job.finished_at)}`);
  else about2.push(`sent ${ago(job.created_at)}`);
  if (job.status === "succeeded" && job.expires_at) about2.push(`kept until ${moment(job.expires_at)}`);
  const line = el("p", { class: "facts" }, ...about2.map((text) => el("span", {}, text)));
  const title2 = el("h1", { tabindex: -1 }, job.title);
  return el("div", { class: "job-head" }, el("div", {}, title2, line), ...more);
}

// src/recent.ts
var EVERY_MS = 5e3;
var IDLE_MS = 6e4;
var SHOWN2 = 10;
var Recent = class {
  list = byId("jobs");
  none = byId("no-jobs");
  alert = byId("recent-alert");
  timer = 0;
  shown = "";
  constructor() {
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) void this.refresh();
    });
  }
  /** Fetch the list; while a job is unfinished, again every few seconds. */
  async refresh() {
    clearTimeout(this.timer);
    try {
      const path = `v1/separations?limit=${SHOWN2}`;
      const { separations } = await getJson(path);
      alertIn(this.alert, null);
      this.show(separations);
      this.later(separations.some((job) => !final(job)) ? EVERY_MS : IDLE_MS);
    } catch (error) {
      if (!aborted(error)) alertIn(this.alert, `The list is not up to date: ${sentence(error)}`);
      this.later(EVERY_MS);
    }
  }
  /** Take a job's state from elsewhere. */
  note(job) {
    const item = this.list.querySelector(`li[data-id="${CSS.escape(job.id)}"]`);
    if (!item || final(job)) void this.refresh();
    else this.progress(job);
  }
  later(ms) {
    clearTimeout(this.timer);
    if (!document.hidden) this.timer = window.setTimeout(() => void this.refresh(), ms);
  }
  /** Mark the job that is open. */
  mark() {
    for (const link of this.list.querySelectorAll("a")) {
      const open = link.getAttribute("href") === location.hash;
      if (open) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  }
  show(jobs) {
    const state = JSON.stringify(jobs.map((job) => [job.id, job.status, about(job)]));
    this.none.hidden = jobs.length > 0;
    for (const job of jobs) this.progress(job);
    if (state === this.shown || this.list.querySelector(".asks")) return;
    this.shown = state;
    const focus = document.activeElement?.closest("#jobs li")?.dataset.id;
    fill(this.list, ...jobs.map((job) => this.item(job)));
    this.mark();
    if (focus) this.list.querySelector(`li[data-id="${CSS.escape(focus)}"] a`)?.focus();
  }
  progress(job) {
    const status = this.list.querySelector(`li[data-id="${CSS.escape(job.id)}"] .status`);
    if (status) mark2(status, job);
  }
  item(job) {
    const over = final(job);
    const button = confirmed(
      over ? "Delete" : "Cancel",
      over ? "Really delete?" : "Really cancel?",
      job.title,
      () => void this.remove(job)
    );
    return el(
      "li",
      { "data-id": job.id },
      mark2(el("span"), job),
      el("a", { href: `#${job.id}`, title: job.title }, job.title),
      el("span", { class: "job-facts" }, about(job)),
      job.status === "expired" || job.status === "cancelled" ? el("span") : button
    );
  }
  async remove(job) {
    try {
      await ask(jobPath(job.id), { method: "DELETE" });
      if (location.hash === `#${job.id}` && final(job)) location.hash = "";
    } catch (error) {
      alertIn(this.alert, `${job.title} was not deleted: ${sentence(error)}`);
      return;
    }
    await this.refresh();
  }
};
function about(job) {
  return `${job.recipe} · ${clock(job.duration_s)} · ${ago(job.created_at)}`;
}
function mark2(status, job) {
  status.className = `status ${job.status}`;
  status.textContent = job.status + (job.status === "running" ? ` ${percent(job.progress)}` : "");
  return status;
}

// src/main.ts
var known = () => void 0;
var recipes = new Promise((resolve) => {
  known = resolve;
});
var leave = new AbortController();
var recent = new Recent();
var form = new Form((job) => {
  location.hash = job.id;
  void recent.refresh();
});
function route() {
  leave.abort();
  leave = new AbortController();
  const id = location.hash.slice(1);
  const box = byId("job");
  byId("start").hidden = id !== "";
  byId("new").hidden = id === "";
  box.hidden = id === "";
  box.replaceChildren();
  document.title = "stemwise";
  recent.mark();
  if (!id) return;
  void showJob(id, { box, recipes, changed: (job) => recent.note(job), signal: leave.signal });
}
async function ready(health) {
  try {
    const list = await getJson("v1/recipes");
    const limits = { ...health.limits, ...list.limits };
    form.setRecipes(list.recipes, limits);
    known(list.recipes);
  } catch (error) {
    alertIn(byId("form-alert"), `The recipes could not be read: ${sentence(error)}`);
  }
  void recent.refresh();
}
addEventListener("hashchange", route);
byId("skip").addEventListener("click", (event) => {
  event.preventDefault();
  byId("main").focus();
});
showForget();
followHealth((health) => void ready(health));
route();
