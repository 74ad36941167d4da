// The page: what is shown for which address. `#` is the form, `#id` a job.

import { getJson, sentence } from "./api";
import { alertIn, byId } from "./dom";
import { Form } from "./form";
import { followHealth } from "./health";
import { showJob } from "./job";
import { showForget } from "./key";
import { Recent } from "./recent";
import type { Health, Limits, Recipe, RecipeList } from "./types";

let known: (recipes: Recipe[]) => void = () => undefined;
const recipes = new Promise<Recipe[]>((resolve) => {
  known = resolve;
});
let leave = new AbortController();

const recent = new Recent();
const form = new Form(
  (job) => {
    location.hash = job.id;
    void recent.refresh();
  },
  () => void recent.refresh(),
);

/** Show what the address asks for. */
function route(): void {
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

/** Fetch what the form needs, once the service is ready. */
async function ready(health: Health): Promise<void> {
  try {
    const list = await getJson<RecipeList>("v1/recipes");
    const limits: Limits = { ...health.limits, ...list.limits };
    form.setRecipes(list.recipes, limits);
    known(list.recipes);
  } catch (error) {
    alertIn(byId("form-alert"), `The server's recipes could not be read: ${sentence(error)}`);
  }
  void recent.refresh();
}

addEventListener("hashchange", route);
byId("skip").addEventListener("click", (event) => {
  event.preventDefault(); // the address is for jobs
  byId("main").focus();
});
showForget();
followHealth((health) => void ready(health));
route();
