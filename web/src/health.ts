// Whether the service is ready: a banner while models load or the server is away.

import { send } from "./api";
import { byId, el, fill } from "./dom";
import type { Health } from "./types";

const SOON_MS = 2000;
const LATER_MS = 30_000;

/** Ask for the service's health for ever; `ready` is called each time it comes to be ready. */
export function followHealth(ready: (health: Health) => void): void {
  let wasReady = false;
  const look = async () => {
    const health = await fetchHealth();
    const ok = health?.status === "ok";
    show(health);
    if (ok && !wasReady) ready(health);
    wasReady = ok;
    setTimeout(() => void look(), ok ? LATER_MS : SOON_MS);
  };
  void look();
}

/** The service's health, or null where it does not answer as this service does. */
async function fetchHealth(): Promise<Health | null> {
  try {
    const content = (await (await send("healthz")).json()) as Partial<Health>;
    return { status: content.status ?? "", models: content.models ?? {} , limits: content.limits ?? null };
  } catch {
    return null; // away, or a proxy's page: shown as away, and asked again
  }
}

function show(health: Health | null): void {
  const state = byId("state");
  const banner = byId("banner");
  const models = Object.entries(health?.models ?? {});
  const loaded = models.filter(([, ready]) => ready).length;
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
  const list = models.map(([name, ready]) =>
    el("li", { class: ready ? "ready" : "" }, `${name}: ${ready ? "loaded" : "loading"}`),
  );
  const text = `${loaded} of ${models.length} models are loaded. You can choose songs now.`;
  fill(banner, el("b", {}, "The server is starting."), ` ${text}`, el("ul", {}, ...list));
}
