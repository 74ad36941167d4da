// The bearer key, where the server has keys. It is kept for this tab only (sessionStorage).

import { byId } from "./dom";

const NAME = "stemwise-key";
let asking: Promise<void> | null = null;

/** Return the headers that carry the key. */
export function keyHeaders(): { Authorization?: string } {
  const key = sessionStorage.getItem(NAME);
  return key ? { Authorization: `Bearer ${key}` } : {};
}

export function hasKey(): boolean {
  return sessionStorage.getItem(NAME) !== null;
}

/** Ask for another key than the one that was `used`, saying why; all who wait get the same answer. */
export function askKey(why: string, used: string | undefined): Promise<void> {
  if (used !== keyHeaders().Authorization) return Promise.resolve(); // there is a newer one
  asking ??= new Promise<void>((resolve) => {
    const form = byId<HTMLFormElement>("key");
    const input = byId<HTMLInputElement>("key-value");
    byId("key-why").textContent = why;
    form.hidden = false;
    input.focus();
    form.onsubmit = (event) => {
      event.preventDefault();
      const value = input.value.trim();
      if (!value) return;
      sessionStorage.setItem(NAME, value);
      input.value = "";
      form.hidden = true;
      showForget();
      asking = null;
      resolve();
    };
  });
  return asking;
}

/** Offer to forget the key while there is one. */
export function showForget(): void {
  const button = byId<HTMLButtonElement>("forget");
  button.hidden = !hasKey();
  button.onclick = () => {
    sessionStorage.removeItem(NAME);
    location.assign(location.pathname);
  };
}
