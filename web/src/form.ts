// A new separation: the songs, the recipe, the stems; and sending them.

import { byId, el, fill } from "./dom";
import { bytes, list, span } from "./format";
import { type Entry, Queue, over } from "./queue";
import { Songs } from "./songs";
import { StemTable } from "./stem_table";
import type { Limits, Recipe, Separation } from "./types";
import { type Order, newKey } from "./upload";

export class Form {
  private readonly file = byId<HTMLInputElement>("file");
  private readonly recipe = byId<HTMLSelectElement>("recipe");
  private readonly submit = byId<HTMLButtonElement>("separate");
  private readonly missing = byId("missing");
  private readonly details = byId<HTMLButtonElement>("form-details");
  private readonly table: StemTable;
  private readonly queue: Queue;
  private readonly songs: Songs;
  private recipes: Recipe[] = [];
  private limits: Limits = {};
  private alone = false;

  /** `opened` is called with the job of a song that was sent alone, `changed` with that of any. */
  constructor(
    private readonly opened: (job: Separation) => void,
    private readonly changed: () => void,
  ) {
    this.table = new StemTable(byId("stems"), () => this.update());
    this.queue = new Queue(
      () => this.update(),
      (entry) => this.accepted(entry),
    );
    this.songs = new Songs(this.queue);
    this.file.addEventListener("change", () => this.take([...(this.file.files ?? [])]));
    this.recipe.addEventListener("change", () => this.choose());
    byId("browse").addEventListener("click", () => this.file.click());
    byId("all-stems").addEventListener("click", () => this.table.check(true));
    byId("no-stems").addEventListener("click", () => this.table.check(false));
    this.details.addEventListener("click", () => this.toggleDetails());
    byId<HTMLFormElement>("form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
    addEventListener("beforeunload", (event) => this.queue.unsent() && event.preventDefault());
    this.drops();
    this.update();
  }

  /** Take the recipes that the server has, and what it reads. */
  setRecipes(recipes: Recipe[], limits: Limits): void {
    const chosen = this.recipe.value;
    byId("no-recipes").hidden = recipes.length > 0;
    this.details.hidden = recipes.length === 0;
    this.recipes = recipes;
    this.limits = limits;
    const options = recipes.map((one) => el("option", { value: one.name }, title(one)));
    fill(this.recipe, ...options);
    const kept = recipes.find((one) => one.name === chosen) ?? recipes.find((one) => one.default);
    this.recipe.value = (kept ?? recipes[0])?.name ?? "";
    this.choose();
    this.tellLimits();
  }

  /** Take songs; a wrong one is refused by the server, which knows what it can decode. */
  take(files: readonly File[], folders: readonly string[] = []): void {
    const max = this.limits.max_bytes;
    for (const file of files) {
      const folder = folders.includes(file.name);
      const large = max !== undefined && file.size > max;
      const size = `This file has ${bytes(file.size)}; the server takes at most ${bytes(max ?? 0)}.`;
      this.queue.add(file, folder ? "This is a folder: drop the songs in it." : large ? size : "");
    }
    this.file.value = ""; // so that the same song can be chosen again
    this.update();
  }

  private tellLimits(): void {
    const { formats = [], max_bytes: size, max_duration_s: length } = this.limits;
    const most = [size && bytes(size), length && span(length)].filter(Boolean).join(" and ");
    const kinds = list(formats.map((one) => one.name), "or");
    byId("formats").textContent = kinds ? `${kinds}.` : "";
    byId("limits").textContent = most ? `Up to ${most} each.` : "";
    const endings = formats.flatMap((one) => one.suffixes);
    this.file.accept = ["audio/*", ...endings].join(",");
  }

  private toggleDetails(): void {
    const open = this.details.getAttribute("aria-expanded") !== "true";
    this.details.setAttribute("aria-expanded", String(open));
    byId("choice").classList.toggle("detailed", open);
  }

  private choose(): void {
    const recipe = this.recipes.find((one) => one.name === this.recipe.value);
    if (recipe) this.table.show(recipe);
    this.update();
  }

  private update(): void {
    const wants: string[] = [];
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
  private tellTitle(): void {
    if (location.hash) return;
    const all = this.queue.entries.filter((one) => one.stage !== "picked");
    const done = all.filter(over).length;
    document.title = done < all.length ? `${done} of ${all.length} done · stemwise` : "stemwise";
  }

  private send(): void {
    if (this.submit.disabled) return;
    this.alone = this.queue.picked().length === 1 && this.queue.unfinished().length === 0;
    const stems = this.table.wanted();
    const recipe = this.recipe.value;
    this.queue.start((file): Order => ({ file, recipe, stems, format: "flac", key: newKey() }));
  }

  /** A song that was sent alone is shown; of several, each is opened from the list. */
  private accepted(entry: Entry): void {
    const { job } = entry;
    this.changed();
    if (!job || !this.alone || location.hash || this.queue.unfinished().length > 1) return;
    this.alone = false;
    this.queue.drop(entry);
    this.opened(job);
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
      this.dropped(event.dataTransfer);
    });
    addEventListener("paste", (event) => this.dropped(event.clipboardData));
  }

  private dropped(carried: DataTransfer | null): void {
    const songs = [...(carried?.files ?? [])];
    if (!songs.length) return;
    const entries = [...(carried?.items ?? [])].map((item) => item.webkitGetAsEntry?.());
    const folders = entries.filter((entry) => entry?.isDirectory).map((entry) => entry?.name ?? "");
    location.hash = "";
    this.take(songs, folders);
    if (!this.submit.disabled) this.submit.focus();
  }
}

function title(recipe: Recipe): string {
  const below = Object.values(recipe.children).flat().length;
  return `${recipe.name}: ${recipe.stems.length} stems${below ? `, ${below} parts` : ""}`;
}
