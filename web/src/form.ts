// A new separation: the song, the recipe, the stems, the format; and sending them.

import { ApiError, AwayError, aborted, sentence } from "./api";
import { alertIn, byId, el, fill } from "./dom";
import { bytes, span } from "./format";
import { Progress } from "./progress";
import { withRetries } from "./retry";
import { StemTable } from "./stem_table";
import type { Limits, Recipe, Separation } from "./types";
import { type Order, newKey, upload } from "./upload";

export class Form {
  private readonly file = byId<HTMLInputElement>("file");
  private readonly zone = byId("zone");
  private readonly picked = byId("picked");
  private readonly recipe = byId<HTMLSelectElement>("recipe");
  private readonly submit = byId<HTMLButtonElement>("separate");
  private readonly missing = byId("missing");
  private readonly alert = byId("form-alert");
  private readonly sending = byId("sending");
  private readonly table: StemTable;
  private song: File | null = null;
  private recipes: Recipe[] = [];
  private limits: Limits = {};
  private key: { order: string; value: string } | null = null;
  private stop: AbortController | null = null;

  /** `accepted` is called with the job of each song that was sent. */
  constructor(private readonly accepted: (job: Separation) => void) {
    this.table = new StemTable(byId("stems"), () => this.update());
    this.file.addEventListener("change", () => this.take(this.file.files?.[0]));
    this.recipe.addEventListener("change", () => this.choose());
    byId("browse").addEventListener("click", () => this.file.click());
    byId("all-stems").addEventListener("click", () => this.table.check(true));
    byId("no-stems").addEventListener("click", () => this.table.check(false));
    byId<HTMLFormElement>("form").addEventListener("submit", (event) => {
      event.preventDefault();
      void this.send();
    });
    this.drops();
    this.update();
  }

  /** Take the recipes that the server has. */
  setRecipes(recipes: Recipe[], limits: Limits): void {
    const chosen = this.recipe.value;
    byId("no-recipes").hidden = recipes.length > 0;
    this.recipes = recipes;
    this.limits = limits;
    const options = recipes.map((one) => el("option", { value: one.name }, title(one)));
    fill(this.recipe, ...options);
    const kept = recipes.find((one) => one.name === chosen) ?? recipes.find((one) => one.default);
    this.recipe.value = (kept ?? recipes[0])?.name ?? "";
    this.choose();
    const said = [
      limits.max_bytes && `up to ${bytes(limits.max_bytes)}`,
      limits.max_duration_s && `up to ${span(limits.max_duration_s)}`,
    ].filter(Boolean);
    byId("limits").textContent = said.length ? `This server takes songs ${said.join(" and ")}.` : "";
  }

  /** Take a song; a wrong one is refused by the server, which knows what it can decode. */
  take(song: File | null | undefined): void {
    if (!song) return;
    this.song = song;
    const name = el("b", {}, song.name);
    fill(this.picked, name, el("span", { class: "note" }, ` ${bytes(song.size)}`));
    const max = this.limits.max_bytes;
    const large = max !== undefined && song.size > max;
    const text = `${song.name} has ${bytes(song.size)}, and this server takes ${bytes(max ?? 0)}.`;
    alertIn(this.alert, large ? text : null);
    this.update();
  }

  private choose(): void {
    const recipe = this.recipes.find((one) => one.name === this.recipe.value);
    if (recipe) this.table.show(recipe);
    this.update();
  }

  private update(): void {
    const wants: string[] = [];
    if (!this.song) wants.push("choose a song");
    if (!this.recipes.length) wants.push("wait for the server's recipes");
    else if (!this.table.some()) wants.push("choose at least one stem");
    this.submit.disabled = wants.length > 0 || this.stop !== null;
    this.missing.textContent = wants.length ? `To begin, ${wants.join(" and ")}.` : "";
    this.zone.classList.toggle("full", this.song !== null);
  }

  private order(): Order {
    const format = document.querySelector<HTMLInputElement>("input[name=format]:checked");
    const song = this.song as File;
    const order = {
      file: song,
      recipe: this.recipe.value,
      stems: this.table.wanted(),
      format: format?.value ?? "flac",
    };
    // the same order keeps its key until it was accepted, so that no retry makes a second job
    const same = JSON.stringify([song.name, song.size, song.lastModified, order]);
    if (this.key?.order !== same) this.key = { order: same, value: newKey() };
    return { ...order, key: this.key.value };
  }

  private async send(): Promise<void> {
    if (!this.song || this.submit.disabled) return;
    const stop = new AbortController();
    const progress = new Progress("Sending", () => stop.abort());
    const order = this.order();
    this.stop = stop;
    this.begin(progress);
    const sent = (share: number) => {
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

  private begin(progress: Progress): void {
    alertIn(this.alert, null);
    this.submit.hidden = true;
    fill(this.sending, progress.element);
    progress.show("Sending", 0);
    this.update();
    progress.element.querySelector<HTMLElement>("button")?.focus();
  }

  private refused(error: unknown): void {
    const unsure = error instanceof AwayError || (error instanceof ApiError && error.status >= 500);
    if (!unsure) this.key = null;
    if (!aborted(error)) alertIn(this.alert, sentence(error));
    this.submit.focus();
  }

  private drops(): void {
    let depth = 0;
    const over = (change: number) => {
      depth = Math.max(0, depth + change);
      document.body.classList.toggle("dragging", depth > 0);
    };
    const files = (event: DragEvent) => event.dataTransfer?.types.includes("Files");
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

  private dropped(song: File | undefined): void {
    if (!song) return;
    location.hash = "";
    this.take(song);
    if (!this.submit.disabled) this.submit.focus();
  }
}

function title(recipe: Recipe): string {
  const count = recipe.stems.length;
  const below = Object.values(recipe.children).flat().length;
  const parts = below ? `, ${below} sub-stems` : "";
  return `${recipe.name} (${count} stems${parts})${recipe.default ? " – default" : ""}`;
}
