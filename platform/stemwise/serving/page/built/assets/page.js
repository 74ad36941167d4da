// src/dom.ts
var SVG = "http://www.w3.org/2000/svg";
var ICONS = {
  play: "M7 4.5v15l12-7.5z",
  pause: "M6.5 4.5h4v15h-4zM13.5 4.5h4v15h-4z",
  start: "M5 5h2.5v14H5zM19 5v14l-10-7z",
  download: "M11 4h2v8h3.5L12 16.8 7.5 12H11zM5 18h14v2H5z",
  close: "M6.4 5 12 10.6 17.6 5 19 6.4 13.4 12l5.6 5.6-1.4 1.4-5.6-5.6L6.4 19 5 17.6l5.6-5.6L5 6.4z",
  loop: "M7 7h9V4l5 4.5-5 4.5v-3H8v3H6V8a1 1 0 0 1 1-1zm10 10H8v3l-5-4.5L8 11v3h8v-3h2v5a1 1 0 0 1-1 1z",
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
function list(words, joint) {
  if (words.length < 2) return words.join("");
  return `${words.slice(0, -1).join(", ")} ${joint} ${words.at(-1)}`;
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
function blend(models, kind = null) {
  if (kind) return `${kind} of ${Object.keys(models).join(", ")}`;
  const parts = Object.entries(models).map(([model, weight]) => [model, weight ?? NaN]);
  if (!parts.length) return "";
  if (parts.every(([, weight]) => weight < 0)) {
    return `remainder after ${parts.map(([model]) => model).join(", ")}`;
  }
  if (parts.length === 1 && parts[0]?.[1] === 1) return parts[0][0];
  const heaviest = parts.sort((a, b) => b[1] - a[1]);
  return heaviest.map(([model, weight]) => `${model} × ${number(weight, 2)}`).join(" + ");
}

// src/retry.ts
var LONGEST_S = 30;
async function withRetries(act, waiting, signal) {
  for (let done = 0; ; done += 1) {
    try {
      return await act();
    } catch (error) {
      const pause = pauseAfter(error, done);
      if (pause === null) throw error;
      await countDown(pause, (left2, now) => waiting(error, left2, now), signal);
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
  if (error instanceof AwayError) return Math.min(LONGEST_S, 2 ** (done + 1));
  const later = error instanceof ApiError && (error.status === 429 || error.status === 503);
  return later ? error.retryAfter ?? 5 : null;
}

// src/types.ts
var STATUS = {
  queued: "waiting",
  running: "separating",
  succeeded: "ready",
  failed: "failed",
  cancelled: "cancelled",
  expired: "deleted"
};
function final(job) {
  return job.status !== "queued" && job.status !== "running";
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

// src/queue.ts
var POLL_MS = 2e3;
var LISTED = 100;
var Queue = class {
  /** `changed` hears of every change, `accepted` of each job that the server took or finished. */
  constructor(changed, accepted) {
    this.changed = changed;
    this.accepted = accepted;
  }
  changed;
  accepted;
  entries = [];
  busy = false;
  timer = 0;
  goOn = () => void 0;
  /** Take a song that is not there yet; `why` says what is wrong with it. */
  add(file, why = "") {
    const same = (one) => one.stage === "picked" && one.file.name === file.name && one.file.size === file.size && one.file.lastModified === file.lastModified;
    if (this.entries.some(same)) return;
    this.entries.push({
      file,
      stage: why ? "failed" : "picked",
      order: null,
      share: 0,
      why,
      said: "",
      seconds: 0,
      job: null,
      stop: new AbortController()
    });
    this.changed();
  }
  /** The songs that are still to be sent off. */
  picked() {
    return this.entries.filter((one) => one.stage === "picked");
  }
  /** The songs that are not done yet. */
  unfinished() {
    return this.entries.filter((one) => !over(one) && one.stage !== "picked");
  }
  /** Whether closing the page would lose songs. */
  unsent() {
    return this.unfinished().some((one) => one.stage !== "accepted");
  }
  /** Send all songs that were picked. */
  start(orderOf) {
    for (const entry of this.picked()) {
      entry.order = orderOf(entry.file);
      entry.stage = "waiting";
    }
    this.changed();
    void this.pump();
  }
  /** Send a song that failed once more. Under the same key it cannot become two jobs. */
  again(entry) {
    entry.stage = entry.order ? "waiting" : "picked";
    entry.why = "";
    entry.stop = new AbortController();
    this.changed();
    void this.pump();
  }
  /** Take a song off the list, or cancel it where it is on its way. */
  async cancel(entry) {
    if (over(entry) || entry.stage === "picked") return this.drop(entry);
    if (!entry.job) {
      entry.stop.abort();
      entry.stage = "cancelled";
      this.changed();
      return;
    }
    try {
      const answer = await ask(jobPath(entry.job.id), { method: "DELETE" });
      this.take(entry, await answer.json());
    } catch (error) {
      entry.why = `Not cancelled: ${sentence(error)}`;
    }
    this.changed();
  }
  drop(entry) {
    this.entries.splice(this.entries.indexOf(entry), 1);
    this.changed();
  }
  /** Forget all songs that are done with. */
  clear() {
    for (const entry of this.entries.filter(over)) this.entries.splice(this.entries.indexOf(entry), 1);
    this.changed();
  }
  /** How many of our songs come before this one. */
  ahead(entry) {
    const before = this.entries.slice(0, this.entries.indexOf(entry));
    return before.filter((one) => !over(one) && one.stage !== "picked").length;
  }
  async pump() {
    if (this.busy) return;
    this.busy = true;
    for (; ; ) {
      const next = this.entries.find((one) => one.stage === "waiting");
      if (!next) break;
      await this.send(next);
    }
    this.busy = false;
  }
  async send(entry) {
    const sent = (share) => {
      entry.stage = "sending";
      entry.share = share;
      this.changed();
    };
    const held = (error, seconds2, now) => {
      Object.assign(entry, { stage: "held", why: patience(error), said: sentence(error), seconds: seconds2 });
      this.goOn = now;
      this.changed();
    };
    sent(0);
    try {
      const order = entry.order;
      const job = await withRetries(() => upload(order, sent, entry.stop.signal), held, entry.stop.signal);
      entry.why = "";
      this.take(entry, job);
      this.accepted(entry);
      this.later();
    } catch (error) {
      if (!aborted(error)) Object.assign(entry, { stage: "failed", why: sentence(error) });
    }
    this.goOn = () => void 0;
    this.changed();
  }
  /** Try now what the server wanted to be asked later. */
  now() {
    this.goOn();
  }
  take(entry, job) {
    entry.job = job;
    entry.stage = final(job) ? ended(job) : "accepted";
    if (job.status === "failed") entry.why = job.error?.detail ?? "The server does not say why.";
  }
  later() {
    clearTimeout(this.timer);
    if (this.entries.some((one) => one.stage === "accepted")) {
      this.timer = window.setTimeout(() => void this.poll(), POLL_MS);
    }
  }
  /** Ask how far the songs are; one request tells of all. */
  async poll() {
    try {
      const path = `v1/separations?limit=${LISTED}`;
      const { separations } = await getJson(path);
      const known2 = new Map(separations.map((job) => [job.id, job]));
      for (const entry of this.entries.filter((one) => one.stage === "accepted")) {
        await this.look(entry, known2.get(entry.job?.id ?? ""));
      }
    } catch {
    }
    this.changed();
    this.later();
  }
  async look(entry, listed) {
    const id = entry.job?.id ?? "";
    try {
      this.take(entry, listed ?? await getJson(jobPath(id)));
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 404) throw error;
      Object.assign(entry, { stage: "failed", why: "The server no longer has this song." });
    }
    if (!over(entry)) return;
    this.accepted(entry);
    this.goOn();
  }
};
function patience(error) {
  if (!(error instanceof ApiError)) return sentence(error);
  return error.status === 429 ? "The server takes no more songs from you just now." : "The server is busy.";
}
function over(entry) {
  return entry.stage === "succeeded" || entry.stage === "failed" || entry.stage === "cancelled";
}
function ended(job) {
  if (job.status === "succeeded" || job.status === "failed") return job.status;
  return "cancelled";
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
      const again = job.attempts > 0;
      this.show("Waiting", null, again ? "interrupted; it starts again soon" : "other songs come first");
      return;
    }
    const { chunks_done: done, chunks_total: total } = job;
    if (total === null) this.show("Preparing", null);
    else if (done >= total) this.show("Saving the stems", 1);
    else this.show("Separating", job.progress, left(job).replace(", ", ""));
  }
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

// src/songs.ts
var Songs = class {
  constructor(queue) {
    this.queue = queue;
    this.clear.addEventListener("click", () => queue.clear());
  }
  queue;
  list = byId("songs");
  clear = byId("clear");
  rows = /* @__PURE__ */ new Map();
  spoken = /* @__PURE__ */ new Map();
  /** Show the songs as they are. */
  update() {
    const { entries } = this.queue;
    for (const entry of this.rows.keys()) {
      if (!entries.includes(entry)) this.remove(entry);
    }
    for (const entry of entries) {
      let row = this.rows.get(entry);
      if (!row) {
        row = new Row(entry, this.queue);
        this.rows.set(entry, row);
        this.list.append(row.element);
      }
      row.update();
      this.speak(entry);
    }
    this.list.hidden = entries.length === 0;
    this.clear.hidden = entries.filter(over).length < 2;
  }
  remove(entry) {
    const row = this.rows.get(entry)?.element;
    const focused = row?.contains(document.activeElement);
    row?.remove();
    this.rows.delete(entry);
    if (focused) byId("browse").focus();
  }
  /** Tell screen readers of ends, not of every per cent. */
  speak(entry) {
    const words = over(entry) ? `${entry.file.name}: ${describe(entry, 0)}` : "";
    if (words && this.spoken.get(entry) !== words) byId("live").textContent = words;
    this.spoken.set(entry, words);
  }
};
var Row = class {
  constructor(entry, queue) {
    this.entry = entry;
    this.queue = queue;
    const { name } = entry.file;
    const act = () => void queue.cancel(entry);
    this.out = el("button", { type: "button", class: "quiet out", onclick: act }, icon("close"));
    this.bar.setAttribute("aria-label", `Progress of ${name}`);
    fill(this.title, name);
    this.title.title = name;
    this.element = el("li", {}, this.title, this.words, this.more, this.out, this.bar);
  }
  entry;
  queue;
  element;
  title = el("span", { class: "song-name" });
  words = el("span", { class: "song-state" });
  bar = el("progress", { max: 1, hidden: true });
  more = el("span", { class: "song-more" });
  out;
  shown = "";
  update() {
    const { entry, queue } = this;
    const { stage, job } = entry;
    const words = describe(entry, queue.ahead(entry));
    const state = JSON.stringify([stage, words, job?.id]);
    if (state === this.shown) return;
    this.shown = state;
    this.element.dataset.stage = job?.status === "running" ? "running" : stage;
    this.words.textContent = words;
    this.words.title = stage === "held" ? entry.said : "";
    const share = stage === "sending" ? entry.share : job?.status === "running" ? job.progress : null;
    this.bar.hidden = share === null;
    if (share !== null) this.bar.value = share;
    const action = over(entry) || stage === "picked" ? "Remove" : "Cancel";
    this.out.title = action;
    this.out.setAttribute("aria-label", `${action} ${entry.file.name}`);
    this.offer();
  }
  /** Offer what can be done next: open the stems, try again. */
  offer() {
    const { entry, queue } = this;
    const { name } = entry.file;
    const button = (text, act) => el("button", { type: "button", onclick: act, "aria-label": `${text}: ${name}` }, text);
    if (entry.stage === "succeeded" && entry.job) {
      const link = { class: "button", href: `#${entry.job.id}`, "aria-label": `Open ${name}` };
      fill(this.more, el("a", link, "Open"));
    } else if (entry.stage === "held") fill(this.more, button("Try now", () => queue.now()));
    else if (entry.stage === "failed" && entry.order) {
      fill(this.more, button("Try again", () => queue.again(entry)));
    } else fill(this.more);
  }
};
function describe(entry, ahead) {
  const { stage, job } = entry;
  const line = ahead ? `Waiting, ${ahead} ${ahead === 1 ? "song" : "songs"} ahead` : "Waiting, next";
  if (stage === "picked") return bytes(entry.file.size);
  if (stage === "waiting") return line;
  if (stage === "sending") return entry.share < 1 ? `Sending ${percent(entry.share)}` : "Checking the file";
  if (stage === "held") return `${entry.why} Trying again in ${entry.seconds} s.`;
  if (stage === "failed") return entry.why;
  if (stage === "cancelled") return "Cancelled";
  if (stage === "succeeded") return `Ready${took(entry)}`;
  if (entry.why) return entry.why;
  if (job?.status === "running") return `Separating ${percent(job.progress)}${left(job)}`;
  return line;
}
function took({ job }) {
  if (!job?.started_at || !job.finished_at) return "";
  const seconds2 = (Date.parse(job.finished_at) - Date.parse(job.started_at)) / 1e3;
  return `, took ${span(seconds2)}`;
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
    const made = blend(recipe.weights[stem] ?? {}, recipe.kinds?.[stem]) || "remainder";
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
  const [mean2, low, high] = quality;
  if (mean2 == null) return null;
  const at = (value) => `${(value - range.low) / (range.high - range.low) * 100}%`;
  const ends = low != null && high != null;
  const text = ends ? `${number(mean2)} dB, 95 % interval ${number(low)} to ${number(high)} dB` : "";
  const line = ends && el("i", { style: `left:${at(low)};right:calc(100% - ${at(high)})` });
  const dot = el("b", { style: `left:${at(mean2)}` });
  return el("span", { class: "mark", role: "img", title: text, "aria-label": text }, line, dot);
}
function rangeOf(qualities) {
  const values = qualities.flat().filter((value) => value !== null);
  if (!values.length) return null;
  const low = Math.min(0, ...values);
  return { low, high: Math.max(low + 1, ...values) };
}

// src/form.ts
var Form = class {
  /** `opened` is called with the job of a song that was sent alone, `changed` with that of any. */
  constructor(opened, changed) {
    this.opened = opened;
    this.changed = changed;
    this.table = new StemTable(byId("stems"), () => this.update());
    this.queue = new Queue(
      () => this.update(),
      (entry) => this.accepted(entry)
    );
    this.songs = new Songs(this.queue);
    this.file.addEventListener("change", () => this.take([...this.file.files ?? []]));
    this.recipe.addEventListener("change", () => this.choose());
    byId("browse").addEventListener("click", () => this.file.click());
    byId("all-stems").addEventListener("click", () => this.table.check(true));
    byId("no-stems").addEventListener("click", () => this.table.check(false));
    this.details.addEventListener("click", () => this.toggleDetails());
    byId("form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
    addEventListener("beforeunload", (event) => this.queue.unsent() && event.preventDefault());
    this.drops();
    this.update();
  }
  opened;
  changed;
  file = byId("file");
  recipe = byId("recipe");
  submit = byId("separate");
  missing = byId("missing");
  details = byId("form-details");
  table;
  queue;
  songs;
  recipes = [];
  limits = {};
  alone = false;
  /** Take the recipes that the server has, and what it reads. */
  setRecipes(recipes2, limits) {
    const chosen = this.recipe.value;
    byId("no-recipes").hidden = recipes2.length > 0;
    this.details.hidden = recipes2.length === 0;
    this.recipes = recipes2;
    this.limits = limits;
    const options = recipes2.map((one) => el("option", { value: one.name }, title(one)));
    fill(this.recipe, ...options);
    const kept = recipes2.find((one) => one.name === chosen) ?? recipes2.find((one) => one.default);
    this.recipe.value = (kept ?? recipes2[0])?.name ?? "";
    this.choose();
    this.tellLimits();
  }
  /** Take songs; a wrong one is refused by the server, which knows what it can decode. */
  take(files, folders = []) {
    const max = this.limits.max_bytes;
    for (const file of files) {
      const folder = folders.includes(file.name);
      const large = max !== void 0 && file.size > max;
      const size2 = `This file has ${bytes(file.size)}; the server takes at most ${bytes(max ?? 0)}.`;
      this.queue.add(file, folder ? "This is a folder: drop the songs in it." : large ? size2 : "");
    }
    this.file.value = "";
    this.update();
  }
  tellLimits() {
    const { formats = [], max_bytes: size2, max_duration_s: length } = this.limits;
    const most = [size2 && bytes(size2), length && span(length)].filter(Boolean).join(" and ");
    const kinds = list(formats.map((one) => one.name), "or");
    byId("formats").textContent = kinds ? `${kinds}.` : "";
    byId("limits").textContent = most ? `Up to ${most} each.` : "";
    const endings = formats.flatMap((one) => one.suffixes);
    this.file.accept = ["audio/*", ...endings].join(",");
  }
  toggleDetails() {
    const open = this.details.getAttribute("aria-expanded") !== "true";
    this.details.setAttribute("aria-expanded", String(open));
    byId("choice").classList.toggle("detailed", open);
  }
  choose() {
    const recipe = this.recipes.find((one) => one.name === this.recipe.value);
    if (recipe) this.table.show(recipe);
    this.update();
  }
  update() {
    const wants = [];
    const picked = this.queue.picked().length;
    if (!picked) wants.push("choose a song");
    if (!this.recipes.length) wants.push("wait until the server is ready");
    else if (!this.table.some()) wants.push("choose at least one stem");
    const idle = this.queue.unfinished().length === 0;
    this.submit.disabled = wants.length > 0;
    this.submit.hidden = !idle && !picked;
    this.submit.textContent = picked > 1 ? `Separate ${picked} songs` : "Separate";
    this.missing.textContent = wants.length && idle ? `First, ${wants.join(" and ")}.` : "";
    this.songs.update();
    this.tellTitle();
  }
  /** How far all songs are, where the page's title can be seen. */
  tellTitle() {
    if (location.hash) return;
    const all = this.queue.entries.filter((one) => one.stage !== "picked");
    const done = all.filter(over).length;
    document.title = done < all.length ? `${done} of ${all.length} done · stemwise` : "stemwise";
  }
  send() {
    if (this.submit.disabled) return;
    this.alone = this.queue.picked().length === 1 && this.queue.unfinished().length === 0;
    const stems = this.table.wanted();
    const recipe = this.recipe.value;
    this.queue.start((file) => ({ file, recipe, stems, format: "flac", key: newKey() }));
  }
  /** A song that was sent alone is shown; of several, each is opened from the list. */
  accepted(entry) {
    const { job } = entry;
    this.changed();
    if (!job || !this.alone || location.hash || this.queue.unfinished().length > 1) return;
    this.alone = false;
    this.queue.drop(entry);
    this.opened(job);
  }
  drops() {
    let depth = 0;
    const over2 = (change) => {
      depth = Math.max(0, depth + change);
      document.body.classList.toggle("dragging", depth > 0);
    };
    const files = (event) => event.dataTransfer?.types.includes("Files");
    addEventListener("dragenter", (event) => files(event) && over2(1));
    addEventListener("dragleave", (event) => files(event) && over2(-1));
    addEventListener("dragover", (event) => files(event) && event.preventDefault());
    addEventListener("drop", (event) => {
      if (!files(event)) return;
      event.preventDefault();
      over2(-depth);
      this.dropped(event.dataTransfer);
    });
    addEventListener("paste", (event) => this.dropped(event.clipboardData));
  }
  dropped(carried) {
    const songs = [...carried?.files ?? []];
    if (!songs.length) return;
    const entries = [...carried?.items ?? []].map((item) => item.webkitGetAsEntry?.());
    const folders = entries.filter((entry) => entry?.isDirectory).map((entry) => entry?.name ?? "");
    location.hash = "";
    this.take(songs, folders);
    if (!this.submit.disabled) this.submit.focus();
  }
};
function title(recipe) {
  const below = Object.values(recipe.children).flat().length;
  return `${recipe.name}: ${recipe.stems.length} stems${below ? `, ${below} parts` : ""}`;
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
  state.title = ok ? `${loaded} models loaded` : "";
  state.textContent = ok ? "Ready" : health ? "Starting" : "No answer";
  banner.hidden = ok;
  if (ok) return;
  if (!health) {
    fill(banner, el("b", {}, "The server does not answer."), " This page keeps trying.");
    return;
  }
  const list2 = models.map(
    ([name, ready2]) => el("li", { class: ready2 ? "ready" : "" }, `${name}: ${ready2 ? "loaded" : "loading"}`)
  );
  const text = `${loaded} of ${models.length} models are loaded. You can choose songs now.`;
  fill(banner, el("b", {}, "The server is starting."), ` ${text}`, el("ul", {}, ...list2));
}

// src/download.ts
function fileName(job, part, ending) {
  const song = job.title.replace(/\.[a-z0-9]{1,5}$/i, "").replace(/[\\/:*?"<>|\p{Cc}]+/gu, "_");
  return `${song || "song"} - ${part}.${ending}`;
}
var FORMATS = [
  ["flac", "FLAC, lossless"],
  ["mp3", "MP3, 320 kbit/s"],
  ["wav", "WAV, 32-bit float"]
];
async function saveStem(job, stem, format, button) {
  const answer = await ask(`${jobPath(job.id, "stems", stem)}${query(job, { format })}`);
  hand(await read(answer, button), fileName(job, stem, format));
}
async function saveMix(job, gains, format, button) {
  const stems = [...gains].map(([stem, gain]) => `${stem}:${level(gain)}`).join(",");
  const answer = await ask(`${jobPath(job.id, "mix")}${query(job, { stems, format })}`);
  hand(await read(answer, button), fileName(job, "mix", format));
}
async function saveAll(job, format, button) {
  const name = fileName(job, "stems", "zip");
  const path = `${jobPath(job.id, "archive")}${query(job, { format })}`;
  if (hasKey()) hand(await read(await ask(path), button), name);
  else follow(address(path), name);
}
function query(job, wanted) {
  const asked = Object.entries(wanted).filter(([name, value]) => name !== "format" || value !== job.format);
  return asked.length ? `?${new URLSearchParams(asked)}` : "";
}
function level(gain) {
  return Math.min(12, Math.max(-60, 20 * Math.log10(gain))).toFixed(2);
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
var ROUNDING_DBFS = -90;
function summary(job) {
  const whole = job.conservation.find((one) => one.parent === "mixture");
  const exact = whole && (whole.exact || (whole.difference_dbfs ?? 0) < ROUNDING_DBFS);
  const sum = exact ? "Played together, the stems give back the original. " : "";
  const quieter = job.gain !== null && job.gain < 1 ? number(-20 * Math.log10(job.gain), 1) : "";
  const gain = quieter && `All stems are ${quieter} dB quieter than in the original, so that none clips.`;
  const tier = job.tier ? `These are the stems of the tier ${job.tier}. ` : "";
  const note = job.note ? `${job.note} ` : "";
  return el("p", { class: "note summary" }, tier, note, sum, gain);
}
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
  const content2 = rows.length ? [el("table", {}, head("Sum", "RMS difference"), el("tbody", {}, ...rows))] : ["Not all stems of the song were asked for, so there is nothing to add up."];
  return card("Conservation", "How exactly the stems add up to the original, and parts to their stem.", ...content2);
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
    const took2 = (Date.parse(job.finished_at) - Date.parse(job.started_at)) / 1e3;
    const text = `${span(took2)} for ${span(job.duration_s)} of audio`;
    rows.push(el("tr", {}, el("td", {}, "From start to end"), el("td", { class: "n" }, text)));
  }
  if (job.attempts > 1) {
    const text = String(job.attempts);
    rows.push(el("tr", {}, el("td", {}, "Attempts"), el("td", { class: "n" }, text)));
  }
  const table = el("table", {}, head("Stage", "Time"), el("tbody", {}, ...rows));
  return card("Timing", "How long each stage took.", table);
}
function origin(job, recipe) {
  const all = Object.entries(recipe?.provenance ?? {});
  const entries = all.filter(([name]) => name !== SHOWN);
  const note = recipe ? `Models: ${recipe.models.join(", ")}. Stored as ${job.format.toUpperCase()}.` : "The server no longer has this recipe.";
  const list2 = entries.flatMap(([name, value]) => [
    el("dt", {}, label(name)),
    el("dd", {}, plain(value))
  ]);
  const none = "A single model.";
  return card(`Recipe ${job.recipe}`, note, entries.length ? el("dl", {}, ...list2) : recipe && none);
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

// src/loudness.ts
var BLOCK_S = 0.4;
var HOP_S = 0.1;
var OFFSET = -0.691;
var ABSOLUTE = -70;
var RELATIVE = -10;
var MOST_S = 180;
async function loudness(parts) {
  const first = parts[0]?.[0];
  if (!first) return -Infinity;
  const { sampleRate: rate, duration } = first;
  const length = Math.min(duration, MOST_S);
  const context = new OfflineAudioContext(2, Math.max(1, Math.floor(length * rate)), rate);
  const [shelf, pass] = weighting(context);
  shelf.connect(pass).connect(context.destination);
  for (const [buffer, level3] of parts) {
    const source = new AudioBufferSourceNode(context, { buffer });
    source.connect(new GainNode(context, { gain: level3 })).connect(shelf);
    source.start(0, (duration - length) / 2);
  }
  return gated(await context.startRendering());
}
function weighting(context) {
  const k1 = Math.tan(Math.PI * 1681.974450955533 / context.sampleRate);
  const q1 = 0.7071752369554196;
  const high = 10 ** (3.999843853973347 / 20);
  const band = high ** 0.4996667741545416;
  const n1 = 1 + k1 / q1 + k1 * k1;
  const shelf = context.createIIRFilter(
    [(high + band * k1 / q1 + k1 * k1) / n1, 2 * (k1 * k1 - high) / n1, (high - band * k1 / q1 + k1 * k1) / n1],
    [1, 2 * (k1 * k1 - 1) / n1, (1 - k1 / q1 + k1 * k1) / n1]
  );
  const k2 = Math.tan(Math.PI * 38.13547087602444 / context.sampleRate);
  const q2 = 0.5003270373238773;
  const n2 = 1 + k2 / q2 + k2 * k2;
  const pass = context.createIIRFilter(
    [1, -2, 1],
    [1, 2 * (k2 * k2 - 1) / n2, (1 - k2 / q2 + k2 * k2) / n2]
  );
  return [shelf, pass];
}
function gated(audio) {
  const hop = Math.max(1, Math.round(HOP_S * audio.sampleRate));
  const hops = powers(audio, hop);
  const size2 = Math.min(hops.length, Math.round(BLOCK_S / HOP_S));
  const blocks = [];
  for (let at = 0; at + size2 <= hops.length; at += 1) {
    blocks.push(mean(hops.slice(at, at + size2)));
  }
  const loud = blocks.filter((power) => level2(power) > ABSOLUTE);
  const gate = level2(mean(loud)) + RELATIVE;
  return level2(mean(loud.filter((power) => level2(power) > gate)));
}
function powers(audio, hop) {
  const found = new Array(Math.ceil(audio.length / hop)).fill(0);
  for (let channel = 0; channel < audio.numberOfChannels; channel += 1) {
    const samples = audio.getChannelData(channel);
    for (let part = 0; part < found.length; part += 1) {
      let sum = 0;
      const end = Math.min(samples.length, (part + 1) * hop);
      for (let at = part * hop; at < end; at += 1) sum += samples[at] ** 2;
      found[part] = found[part] + sum / (end - part * hop);
    }
  }
  return found;
}
function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
function level2(power) {
  return power > 0 ? OFFSET + 10 * Math.log10(power) : -Infinity;
}

// src/toggle.ts
function toggle(label2, title2, picture, flip) {
  const props = { type: "button", class: "tool", title: title2, "aria-pressed": "false", onclick: flip };
  return el("button", props, picture, label2);
}

// src/compare.ts
var ORIGINAL = "mixture";
var SETTLED_MS = 120;
var Compare = class {
  /**
   * `audible` are the stems with their gains as they are set; `changed` is called when the gains have to
   * be set anew, `failed` with a sentence.
   */
  constructor(engine, loader, audible, changed, failed) {
    this.engine = engine;
    this.loader = loader;
    this.audible = audible;
    this.changed = changed;
    this.failed = failed;
    const title2 = "Hear the original, as loud as your mix (B)";
    this.button = toggle("Original", title2, null, () => void this.flip());
  }
  engine;
  loader;
  audible;
  changed;
  failed;
  button;
  /** Whether the original is heard. */
  on = false;
  busy = false;
  level = 1;
  timer = 0;
  matched = "";
  own = -Infinity;
  /** The original's gain where it is heard. */
  get gain() {
    return this.on ? this.level : 0;
  }
  /** Hear the other one. */
  async flip() {
    if (this.busy || !this.on && !await this.ready()) return;
    this.on = !this.on;
    this.button.setAttribute("aria-pressed", String(this.on));
    this.changed();
  }
  /** The mix was changed: match the original to it, once it stays so. */
  mixed() {
    if (!this.on) return;
    clearTimeout(this.timer);
    this.timer = window.setTimeout(() => void this.match().then(this.changed), SETTLED_MS);
  }
  async ready() {
    this.busy = true;
    try {
      if (!this.engine.has(ORIGINAL)) {
        fill(this.button, "Loading…");
        this.engine.put(ORIGINAL, await this.loader.load(ORIGINAL));
      }
      await this.match();
      return true;
    } catch (error) {
      if (!aborted(error)) this.failed(`The original cannot be played: ${sentence(error)}`);
      return false;
    } finally {
      this.busy = false;
      fill(this.button, "Original");
    }
  }
  /** Set the original's level so that both are equally loud; a silent mix leaves it as it is. */
  async match() {
    const gains = this.audible();
    const key = JSON.stringify([...gains]);
    if (key === this.matched) return;
    const original = this.engine.buffer(ORIGINAL);
    if (this.own === -Infinity && original) this.own = await loudness([[original, 1]]);
    const parts = [...gains].map(([stem, gain]) => [this.engine.buffer(stem), gain]);
    const here = parts.filter((part) => part[0] !== void 0 && part[1] > 0);
    const mix = await loudness(here);
    const db = mix - this.own;
    this.level = Number.isFinite(db) ? 10 ** (db / 20) : 1;
    this.matched = key;
  }
};

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
  loop = null;
  offset = 0;
  // position in the song, in seconds, at `began`
  began = 0;
  // time of the context at which the sources start
  frame = 0;
  peakOf = new Float32Array(1024);
  get ended() {
    return !this.loop && this.currentTime > this.duration - NEAR;
  }
  /** The position in the song that is heard now. */
  get currentTime() {
    if (this.paused || !this.context) return this.offset;
    const late = this.context.outputLatency || 0;
    const played = Math.max(0, this.context.currentTime - this.began - late);
    return Math.min(this.duration, this.place(this.offset + played));
  }
  set currentTime(seconds2) {
    const playing = !this.paused;
    if (playing) this.stop();
    this.offset = this.nearest(Math.min(this.duration, Math.max(0, seconds2)));
    if (this.loop && this.offset >= this.loop.to) this.offset = this.loop.from;
    if (playing && this.offset < this.duration) this.start();
    this.tell("timeupdate");
    if (playing && this.paused) this.tell("pause");
  }
  /** Play a part over and over, or no longer; a position outside of it goes to its beginning. */
  setLoop(loop) {
    const playing = !this.paused;
    if (playing) this.stop();
    this.loop = loop && { from: this.nearest(loop.from), to: this.nearest(loop.to) };
    if (this.loop && (this.offset < this.loop.from || this.offset >= this.loop.to)) {
      this.offset = this.loop.from;
    }
    if (playing) this.start();
    this.tell("timeupdate");
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
  /** A stem's audio, where it is here. */
  buffer(stem) {
    return this.buffers.get(stem);
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
  setVolume(level3) {
    this.level = level3;
    if (this.master) this.glide(this.master, level3);
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
    this.begin(stem, when, this.place(this.offset + (when - this.began)));
  }
  begin(stem, when, from) {
    const context = this.context;
    const buffer = this.buffers.get(stem);
    if (!buffer || !this.pass || from >= buffer.duration) return;
    const gain = context.createGain();
    gain.gain.value = this.gains.get(stem) ?? 0;
    const source = context.createBufferSource();
    source.buffer = buffer;
    if (this.loop) {
      source.loop = true;
      source.loopStart = this.loop.from;
      source.loopEnd = Math.min(this.loop.to, buffer.duration);
    }
    source.connect(gain).connect(this.pass);
    source.start(when, from);
    this.voices.set(stem, { gain, source });
  }
  stop() {
    const context = this.context;
    const heard2 = this.currentTime;
    this.paused = true;
    cancelAnimationFrame(this.frame);
    this.offset = this.nearest(heard2);
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
  /** Where in the song playback is after so many seconds from its beginning, with what is repeated. */
  place(seconds2) {
    const { loop } = this;
    if (!loop || seconds2 < loop.to) return seconds2;
    return loop.from + (seconds2 - loop.from) % (loop.to - loop.from);
  }
  /** The time of the nearest sample. */
  nearest(seconds2) {
    return Math.round(seconds2 * this.rate) / this.rate;
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

// src/keys.ts
function playerKeys(engine, toggle2, letters, signal) {
  const pressed = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const target = event.target;
    if (takesText(target)) return;
    if (event.key === "ArrowUp" || event.key === "ArrowDown") {
      if (toNeighbour(target, event.key === "ArrowUp" ? -1 : 1)) event.preventDefault();
      return;
    }
    const letter = event.repeat || target.matches("select") ? void 0 : letters[event.key.toLowerCase()];
    const action = letter ?? actionOf(event, target, engine, toggle2);
    if (!action) return;
    event.preventDefault();
    action();
  };
  document.addEventListener("keydown", pressed, { signal });
}
function actionOf(event, target, engine, toggle2) {
  const step = event.shiftKey ? 1 : 5;
  const go = (seconds2) => () => {
    engine.currentTime = seconds2;
  };
  const slides = target.matches("input[type=range]:not(.position)");
  if (event.key === " ") return presses(target) || event.repeat ? null : toggle2;
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
      throw new Error(`This browser cannot play ${stem}; download it instead.`, { cause: error });
    }
  }
  async turn() {
    if (this.running >= AT_ONCE) await new Promise((go) => this.waiting.push(go));
    this.running += 1;
  }
};

// src/loop.ts
var SHORTEST_S = 0.2;
var Loop = class {
  /** `stage` is where the region is drawn, by its variables --from and --to. */
  constructor(engine, stage) {
    this.engine = engine;
    this.stage = stage;
    const title2 = "Play over and over (L). Drag along the time marks to loop a part.";
    this.button = toggle("Loop", title2, icon("loop"), () => this.set(!this.on));
  }
  engine;
  stage;
  button;
  chip = el("span", { class: "chip", hidden: true });
  on = false;
  region = null;
  /** Loop, or no longer. */
  set(on) {
    this.on = on;
    this.update();
  }
  /** Loop a part; null is the whole song. */
  select(region) {
    const whole = region === null || region.to - region.from < SHORTEST_S;
    this.region = whole ? null : region;
    this.set(this.region !== null || this.on);
  }
  /** Begin or end the part at the position that is heard. */
  edge(which) {
    const { currentTime: now, duration } = this.engine;
    const { from, to } = this.region ?? { from: 0, to: duration };
    const next = which === "from" ? { from: now, to } : { from, to: now };
    this.select(next.from < next.to ? next : which === "from" ? { from: now, to: duration } : { from: 0, to: now });
  }
  /** Let a part be dragged out on `ruler`; a click goes there. */
  dragOn(ruler2) {
    const at = (event) => {
      const { left: left2, width } = ruler2.getBoundingClientRect();
      return Math.min(1, Math.max(0, (event.clientX - left2) / width)) * this.engine.duration;
    };
    ruler2.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      event.preventDefault();
      ruler2.setPointerCapture(event.pointerId);
      const begun = at(event);
      const moved = (move) => {
        const now = at(move);
        this.draw({ from: Math.min(begun, now), to: Math.max(begun, now) });
      };
      const ended2 = (end) => {
        ruler2.removeEventListener("pointermove", moved);
        const now = at(end);
        if (Math.abs(now - begun) < SHORTEST_S) this.engine.currentTime = begun;
        else this.select({ from: Math.min(begun, now), to: Math.max(begun, now) });
        this.update();
      };
      ruler2.addEventListener("pointermove", moved);
      ruler2.addEventListener("pointerup", ended2, { once: true });
      ruler2.addEventListener("pointercancel", () => this.update(), { once: true });
    });
  }
  update() {
    const { region, on } = this;
    this.button.setAttribute("aria-pressed", String(on));
    this.engine.setLoop(on ? region ?? { from: 0, to: this.engine.duration } : null);
    this.chip.hidden = region === null;
    this.draw(region);
    if (!region) return;
    const words = `${clock(region.from, true)} – ${clock(region.to, true)}`;
    const clear = el(
      "button",
      { type: "button", class: "quiet", "aria-label": "Loop the whole song", title: "Loop the whole song", onclick: () => this.select(null) },
      icon("close")
    );
    fill(this.chip, words, clear);
  }
  draw(region) {
    const { style, classList } = this.stage();
    classList.toggle("looping", region !== null);
    if (!region) return;
    style.setProperty("--from", `${region.from / this.engine.duration * 100}%`);
    style.setProperty("--to", `${region.to / this.engine.duration * 100}%`);
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

// src/spectrum.ts
var SIZE = 4096;
var LOWEST_HZ = 40;
var HIGHEST_HZ = 16e3;
function spectrum(audio, columns, rows) {
  const levels = new Float32Array(columns * rows);
  const edges = pitches(rows, audio.sampleRate);
  const left2 = audio.getChannelData(0);
  const right = audio.getChannelData(audio.numberOfChannels - 1);
  const [re, im] = [new Float64Array(SIZE), new Float64Array(SIZE)];
  for (let column = 0; column < columns; column += 1) {
    const begin = Math.round((column + 0.5) / columns * audio.length - SIZE / 2);
    for (let at = 0; at < SIZE; at += 1) {
      const sample = ((left2[begin + at] ?? 0) + (right[begin + at] ?? 0)) / 2;
      re[at] = sample * (0.5 - 0.5 * Math.cos(2 * Math.PI * at / SIZE));
    }
    im.fill(0);
    transform(re, im);
    for (let row = 0; row < rows; row += 1) {
      levels[column * rows + row] = strongest(re, im, edges[row], edges[row + 1]);
    }
  }
  return levels;
}
function pitches(rows, rate) {
  const top = Math.min(HIGHEST_HZ, rate / 2);
  const step = (top / LOWEST_HZ) ** (1 / rows);
  return Array.from({ length: rows + 1 }, (_, row) => LOWEST_HZ * step ** row * SIZE / rate);
}
function strongest(re, im, low, high) {
  let most = 0;
  for (let bin = Math.round(low); bin <= Math.max(Math.round(low), Math.ceil(high) - 1); bin += 1) {
    most = Math.max(most, re[bin] ** 2 + im[bin] ** 2);
  }
  return 10 * Math.log10(most + 1e-20) - 20 * Math.log10(SIZE / 4);
}
function transform(re, im) {
  const size2 = re.length;
  for (let at = 1, mirror = 0; at < size2; at += 1) {
    let bit = size2 >> 1;
    for (; mirror & bit; bit >>= 1) mirror ^= bit;
    mirror ^= bit;
    if (at < mirror) {
      [re[at], re[mirror]] = [re[mirror], re[at]];
      [im[at], im[mirror]] = [im[mirror], im[at]];
    }
  }
  for (let span2 = 2; span2 <= size2; span2 <<= 1) {
    for (let turn = 0; turn < span2 / 2; turn += 1) {
      const angle = -2 * Math.PI * turn / span2;
      const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
      for (let even = turn; even < size2; even += span2) {
        const odd = even + span2 / 2;
        const [a, b] = [re[odd], im[odd]];
        const [x, y] = [a * cos - b * sin, a * sin + b * cos];
        const [c, d] = [re[even], im[even]];
        re[odd] = c - x;
        im[odd] = d - y;
        re[even] = c + x;
        im[even] = d + y;
      }
    }
  }
}

// src/spectrogram.ts
var ROWS = 64;
var COLUMNS = 900;
var QUIETEST_DB = -78;
var LOUDEST_DB = -12;
function drawSpectrogram(canvas, audio, ink, ground) {
  const columns = Math.min(COLUMNS, Math.max(1, Math.floor(audio.duration * 100)));
  canvas.width = columns;
  canvas.height = ROWS;
  const levels = spectrum(audio, columns, ROWS);
  const [full, none] = [channels(ink), channels(ground)];
  const picture = new ImageData(columns, ROWS);
  for (let column = 0; column < columns; column += 1) {
    for (let row = 0; row < ROWS; row += 1) {
      const level3 = levels[column * ROWS + row];
      const share = Math.min(1, Math.max(0, (level3 - QUIETEST_DB) / (LOUDEST_DB - QUIETEST_DB)));
      const at = 4 * ((ROWS - 1 - row) * columns + column);
      for (let one = 0; one < 3; one += 1) {
        const [from, to] = [none[one], full[one]];
        picture.data[at + one] = from + (to - from) * share;
      }
      picture.data[at + 3] = 255;
    }
  }
  canvas.getContext("2d")?.putImageData(picture, 0, 0);
}
function channels(colour2) {
  return [1, 3, 5].map((at) => Number.parseInt(colour2.slice(at, at + 2), 16));
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
var Row2 = class {
  constructor(track2, desk) {
    this.track = track2;
    this.desk = desk;
    const { result } = track2;
    this.name = label(result.stem);
    this.hue = colour(result.stem, result.parent);
    this.solo = this.switch("S", "Solo", () => track2.solo = !track2.solo);
    this.mute = this.switch("M", "Mute", () => track2.mute = !track2.mute);
    this.parts = track2.parts.length ? this.partsButton() : null;
    this.save = this.downloadButton();
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
      el("div", { class: "picture" }, this.wave, this.picture, el("i", { class: "region" }), this.note),
      el("div", { class: "about" }, ...this.about()),
      this.save
    );
    this.element.addEventListener("keydown", this.keys);
    this.say("");
    this.nameFormat();
    this.source(null);
  }
  track;
  desk;
  element;
  wave = el("div", { class: "wave", "aria-hidden": "true" });
  hue;
  picture = el("canvas", { class: "spectrogram", "aria-hidden": "true" });
  note = el("p", { class: "wave-note" });
  painted = "";
  told = null;
  solo;
  mute;
  parts;
  save;
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
  /** Paint the spectrogram in the colours of now, once its audio is here. */
  paint(audio) {
    const style = getComputedStyle(document.documentElement);
    const colours2 = [this.hue, "--surface"].map((name) => style.getPropertyValue(name).trim());
    if (this.painted === colours2.join()) return;
    this.painted = colours2.join();
    this.element.classList.add("painted");
    drawSpectrogram(this.picture, audio, colours2[0] ?? "", colours2[1] ?? "");
  }
  /** Name the format on the download button. */
  nameFormat() {
    const kind = this.desk.format();
    const { stem, bytes: size2 } = this.track.result;
    const own = kind === this.desk.job.format;
    const text = own ? bytes(size2) : kind.toUpperCase();
    const name = `Download ${label(stem).toLowerCase()} as ${kind.toUpperCase()}${own ? `, ${bytes(size2)}` : ""}`;
    this.save.title = name;
    this.save.setAttribute("aria-label", name);
    fill(this.save, icon("download"), el("small", {}, text));
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
      title: `${action} (${letter}, in this row)`,
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
      title: `Split ${this.name.toLowerCase()} into ${names}`,
      "aria-expanded": "false",
      onclick: () => {
        track2.open = !track2.open;
        this.desk.changed();
      }
    };
    return el("button", props, icon("open"), `${track2.parts.length} parts`);
  }
  /** What engineers ask: level, quality, where it comes from. */
  about() {
    const { rms_dbfs: level3, quality_db: quality, models, kind } = this.track.result;
    const facts2 = [];
    const loud = level3 === null ? "silent" : `${number(level3)} dBFS`;
    facts2.push(el("span", { title: "RMS level before encoding" }, loud));
    this.told = this.prediction();
    if (this.told) facts2.push(this.told);
    else if (quality && quality[0] != null) {
      const title2 = `Held-out SNR, with its 95 % interval: ${quality.map((v) => number(v ?? null)).join(" / ")} dB`;
      facts2.push(el("span", { title: title2 }, `SNR ${interval(quality)}`));
    }
    const made = blend(models, kind) || "remainder";
    return [
      el("p", { class: "level" }, ...facts2),
      el("p", { class: "made", title: `Made by ${made}` }, made)
    ];
  }
  /** What the recipe predicts of this very song. */
  prediction() {
    const told = this.desk.job.quality?.[this.track.result.stem];
    if (!told) return null;
    const [snr, low, high] = [told.snr, told.low, told.high].map((value) => number(value, 0));
    return el("span", { class: "predicted" }, `about ${snr} dB SNR (${low}…${high})`);
  }
  /** Say from which songs the prediction comes, once the recipe is known. */
  source(recipe) {
    if (!this.told) return;
    const { dataset } = recipe?.provenance ?? {};
    const songs = typeof dataset === "string" ? ` of ${dataset}` : "";
    const mean2 = this.track.result.quality_db;
    const usual = mean2 && mean2[0] != null ? ` Their mean: ${interval(mean2)}.` : "";
    this.told.title = `Predicted for this song, without its true stems, from songs${songs}; 9 of 10 such songs lie within the range.${usual}`;
  }
  downloadButton() {
    const { stem } = this.track.result;
    const { job } = this.desk;
    const save = async () => {
      button.disabled = true;
      try {
        await saveStem(job, stem, this.desk.format(), button);
      } catch (error) {
        this.desk.failed(`${this.name} was not downloaded: ${sentence(error)}`);
      } finally {
        button.disabled = false;
        button.style.removeProperty("--done");
      }
    };
    const button = el("button", { type: "button", class: "save", onclick: () => void save() });
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
  const [mean2, low, high] = quality;
  const ends = low == null || high == null ? "" : ` (${number(low)}…${number(high)})`;
  return `${number(mean2 ?? null)} dB${ends}`;
}

// src/tools.ts
function switchOf(label2, title2, name, stage, flipped = () => void 0) {
  const button = toggle(label2, title2, null, () => {
    const on = stage().classList.toggle(name);
    button.setAttribute("aria-pressed", String(on));
    flipped(on);
  });
  return button;
}
function tools(...buttons) {
  return el("div", { class: "tools", role: "group", "aria-label": "Tools" }, ...buttons);
}

// src/transport.ts
var STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200];
var TICKS = 8;
var Transport = class {
  /** `toggle` plays or pauses; `tools` are further buttons. */
  constructor(engine, toggle2, tools2) {
    this.engine = engine;
    const { duration } = engine;
    this.ruler = ruler(duration);
    const back = () => {
      engine.currentTime = 0;
    };
    this.play = el("button", { type: "button", class: "primary play", onclick: toggle2 });
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
      el("div", { class: "line" }, this.position, this.ruler),
      el(
        "div",
        { class: "master" },
        el("span", { class: "meter", title: "Output level; red where it clips" }, this.needle),
        volume
      ),
      tools2
    );
    this.state("paused");
    this.tick();
  }
  engine;
  element;
  /** The marks of time, on which a part can be dragged out. */
  ruler;
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
  const title2 = "Drag to loop a part";
  const made = el("div", { class: "ruler", "aria-hidden": "true", title: title2 }, el("i", { class: "region" }));
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
var TOO_LONG = "Not playing: this song is too long for all stems at once. Solo this one to hear it.";
var Player = class {
  /** `format` is what downloads are to be, `detailed` is called when details are shown or hidden. */
  constructor(job, format, signal, detailed) {
    this.job = job;
    this.format = format;
    this.signal = signal;
    const rate = previewRate(job.results.length + 1, job.duration_s);
    this.room = roomFor(job.duration_s, rate);
    this.loudest = Math.max(...job.results.map((one) => one.peak ?? 0)) || 1;
    this.tracks = arrange(job.results);
    this.engine = new Engine(job.duration_s, rate);
    this.loader = new Loader(job.id, rate, signal);
    const stage = () => this.element;
    this.loop = new Loop(this.engine, stage);
    const gains = () => this.gains();
    const failed = (text) => this.failed(text);
    this.compare = new Compare(this.engine, this.loader, gains, () => this.setGains(), failed);
    this.spectra = switchOf("Spectrogram", "Show pitch over time (G)", "spectra", stage, () => this.paint());
    const details = switchOf("Details", "Levels, models and timing", "detailed", stage, detailed);
    const original = job.links.mixture ? this.compare.button : null;
    const bar = tools(this.loop.button, this.loop.chip, original, this.spectra, details);
    this.transport = new Transport(this.engine, () => this.toggle(), bar);
    this.rows = flat(this.tracks).map((track2) => new Row2(track2, this));
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
  format;
  signal;
  element;
  tracks;
  engine;
  loader;
  transport;
  loop;
  compare;
  spectra;
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
    this.setGains();
    this.compare.mixed();
    for (const row of this.rows.filter((one) => shown(one.track))) void this.draw(row);
    void this.load();
  }
  /** How loud each stem is as it is set; stems that are silent are not there. */
  gains() {
    const all = flat(this.tracks).map((t) => [t.result.stem, gainOf(t, this.tracks)]);
    return new Map(all.filter(([, gain]) => gain > 0));
  }
  /** Show on each row what its download is. */
  nameFormat() {
    for (const row of this.rows) row.nameFormat();
  }
  /** Say from which songs predictions come, once the recipe is known. */
  source(recipe) {
    for (const row of this.rows) row.source(recipe);
  }
  setGains() {
    const { on, gain } = this.compare;
    this.engine.setGains(on ? /* @__PURE__ */ new Map([[ORIGINAL, gain]]) : this.gains());
    this.element?.classList.toggle("original", on);
  }
  paint() {
    if (!this.element.classList.contains("spectra")) return;
    for (const row of this.rows.filter((one) => shown(one.track))) {
      const audio = this.engine.buffer(row.track.result.stem);
      if (audio) row.paint(audio);
    }
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
    engine.addEventListener("timeupdate", this.tick);
    for (const name of ["play", "pause"]) engine.addEventListener(name, () => this.show());
    this.loop.dragOn(this.transport.ruler);
    const letters = {
      b: () => this.compare.button.isConnected && this.compare.button.click(),
      g: () => this.spectra.click(),
      k: () => this.toggle(),
      l: () => this.loop.button.click(),
      "[": () => this.loop.edge("from"),
      "]": () => this.loop.edge("to")
    };
    playerKeys(engine, () => this.toggle(), letters, signal);
    const dark2 = matchMedia("(prefers-color-scheme: dark)");
    dark2.addEventListener("change", () => this.paint(), { signal });
    const list2 = this.element.querySelector(".rows");
    list2?.addEventListener("pointermove", (event) => hover(list2, event));
    list2?.addEventListener("pointerleave", () => list2.style.removeProperty("--hover"));
    signal.addEventListener("abort", () => engine.close(), { once: true });
  }
  show() {
    const playing = this.waits ? "loading" : "playing";
    this.transport.state(this.engine.paused && !this.waits ? "paused" : playing);
    this.tick();
  }
  tick = () => {
    this.transport.tick();
    const { currentTime, duration } = this.engine;
    this.element.style.setProperty("--head", `${currentTime / duration * 100}%`);
  };
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
      this.paint();
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
    ["S", "solo"],
    ["M", "mute"],
    ["L", "loop"],
    ["[ ]", "loop from, to here"],
    ["B", "original"],
    ["G", "spectrogram"]
  ];
  const words = keys.flatMap(([key, does]) => [el("span", {}, el("kbd", {}, key), ` ${does}`)]);
  const help = el("span", { class: "keys" }, ...words);
  if (rate >= 44100) return [help];
  return [el("span", {}, "This song is long, so it plays at reduced quality; downloads have full quality."), help];
}
function hover(list2, event) {
  const wave = list2.querySelector(".wave");
  if (!wave || event.pointerType === "touch") return;
  const { left: left2, width } = wave.getBoundingClientRect();
  const share = (event.clientX - left2) / width;
  if (share < 0 || share > 1) list2.style.removeProperty("--hover");
  else list2.style.setProperty("--hover", `${share * 100}%`);
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
      trouble(`${sentence(error)} This page keeps trying; the separation goes on meanwhile.`);
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
    alertIn(alert, `This was not cancelled: ${sentence(error)}`);
  }
}
function finish(job, body, alert, view) {
  const why = job.error?.detail ?? "The separation failed, and the server does not say why.";
  alertIn(alert, job.status === "failed" ? why : null);
  document.title = `${job.title} · stemwise`;
  if (job.results.length) return show2(job, body, alert, view);
  const words = {
    cancelled: "This separation was cancelled.",
    expired: "The stems of this song have been deleted."
  };
  const text = words[job.status];
  const again = el("p", {}, el("a", { href: "#", class: "button" }, "Separate another song"));
  fill(body, heading(job), alert, text ? el("p", { class: "panel end" }, text) : null, again);
}
function show2(job, body, alert, view) {
  const below = el("div", { hidden: true });
  const format = el("select", { "aria-label": "Format of downloads" });
  fill(format, ...FORMATS.map(([value, text]) => el("option", { value }, text)));
  format.value = job.format;
  const detailed = (on) => {
    below.hidden = !on;
  };
  const player = new Player(job, () => format.value, view.signal, detailed);
  format.addEventListener("change", () => player.nameFormat());
  const head2 = heading(job, actions(job, player, format, alert, view));
  fill(body, head2, alert, player.element, summary(job), below);
  player.begin();
  catchFocus(body);
  const tell = (recipes2) => {
    const recipe = recipes2.find((one) => one.name === job.recipe) ?? null;
    fill(below, facts(job, recipe));
    player.source(recipe);
  };
  void view.recipes.then(tell);
}
function actions(job, player, format, alert, view) {
  const failing = (what, act) => async () => {
    alertIn(alert, null);
    try {
      await act();
    } catch (error) {
      alertIn(alert, `${what}: ${sentence(error)}`);
    }
  };
  const zip = download(
    "zip",
    "All stems",
    "All stems in one zip file",
    () => failing("The stems were not downloaded", () => saveAll(job, format.value, zip))()
  );
  const mix = download(
    "mix",
    "My mix",
    "The mix as you hear it: solo, mute and volumes included",
    () => failing("The mix was not downloaded", async () => {
      const gains = player.gains();
      if (!gains.size) throw new Error("all stems are silent.");
      await saveMix(job, gains, format.value, mix);
    })()
  );
  const remove = failing("The song was not deleted", async () => {
    const answer = await ask(jobPath(job.id), { method: "DELETE" });
    location.hash = "";
    view.changed(await answer.json());
  });
  const name = job.title;
  return el("div", { class: "actions" }, format, zip, mix, confirmed("Delete", "Really delete?", name, () => void remove()));
}
function download(name, text, title2, act) {
  const pressed = async () => {
    button.disabled = true;
    await act();
    button.disabled = false;
    button.style.removeProperty("--done");
  };
  const props = { type: "button", class: `save ${name}`, title: title2, onclick: () => void pressed() };
  const button = el("button", props, icon("download"), text);
  return button;
}
function catchFocus(body) {
  if (document.activeElement !== document.body) return;
  body.querySelector("h1")?.focus({ preventScroll: true });
}
function heading(job, ...more) {
  const about2 = [clock(job.duration_s)];
  const state = job.status === "succeeded" ? "separated" : STATUS[job.status];
  about2.push(job.finished_at ? `${state} ${ago(job.finished_at)}` : `sent ${ago(job.created_at)}`);
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
      if (!aborted(error)) alertIn(this.alert, `This list is out of date: ${sentence(error)}`);
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
    const over2 = final(job);
    const button = confirmed(
      over2 ? "Delete" : "Cancel",
      over2 ? "Really delete?" : "Really cancel?",
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
  return `${clock(job.duration_s)} · ${ago(job.created_at)}`;
}
function mark2(status, job) {
  status.className = `status ${job.status}`;
  status.textContent = STATUS[job.status] + (job.status === "running" ? ` ${percent(job.progress)}` : "");
  return status;
}

// src/main.ts
var known = () => void 0;
var recipes = new Promise((resolve) => {
  known = resolve;
});
var leave = new AbortController();
var recent = new Recent();
var form = new Form(
  (job) => {
    location.hash = job.id;
    void recent.refresh();
  },
  () => void recent.refresh()
);
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
    const list2 = await getJson("v1/recipes");
    const limits = { ...health.limits, ...list2.limits };
    form.setRecipes(list2.recipes, limits);
    known(list2.recipes);
  } catch (error) {
    alertIn(byId("form-alert"), `The server's recipes could not be read: ${sentence(error)}`);
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
