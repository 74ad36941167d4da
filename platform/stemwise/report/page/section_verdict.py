"""Section 1: a card per stem that says what to deploy, or who leads, and how surely."""

from __future__ import annotations

from stemwise.report.figures.palette import Palette
from stemwise.report.markup import Child, Html, coded, db, el, join
from stemwise.report.page.model_mark import dot
from stemwise.report.run_tables import RunTables, label
from stemwise.report.verdict import UNUSABLE, Verdict, made_by, verdict

_NOTHING_DEPLOYED = (
    "Published scores deploy nothing: what a blend would gain, the regret ledger, quality against cost, "
    "recipes and listening need measured audio (`stemwise evaluate`)."
)
_MOST_TIED = 4  # models of a headline


def verdicts(run: RunTables, palette: Palette) -> Html:
    """Return a card per level-1 stem, and a line per sub-stem."""
    made = [key for key in run.level1 if made_by(run, key)]
    cards = [_card(verdict(run, key), palette) for key in made]
    absent = ", ".join(label(key) for key in run.level1 if key not in made)
    gap = el("p", f"No model of this run makes {absent}.", cls="note") if absent else None
    below = [verdict(run, key) for key in run.stems if key not in run.level1]
    lines = [el("li", found.sentence, [" " + text for text in found.cautions]) for found in below]
    level2 = el(
        "details", el("summary", f"Level 2 ({len(lines)} stems)"), el("ul", lines, cls="plain")
    )
    note = el("p", coded(_NOTHING_DEPLOYED)) if run.imported else None
    return join([note, el("div", cards, cls="cards"), gap, level2 if lines else None])


def _card(found: Verdict, palette: Palette) -> Html:
    # the headline says already that nothing is usable
    sentence = found.sentence.removeprefix(f"{label(found.key)}: ").removeprefix(f"{UNUSABLE}; ")
    edge = f"--edge:{palette.variable(found.models[0])}" if found.models else None
    return el(
        "article",
        el("h3", label(found.key)),
        _headline(found, palette),
        el("p", sentence[:1].upper() + sentence[1:] if _is_words(found) else sentence),
        el("p", found.cost, cls="cost") if found.cost else None,
        el("p", found.blend, cls="blend") if found.blend else None,
        [el("p", text, cls="caution") for text in found.cautions],
        cls="card",
        style=edge,
    )


def _is_words(found: Verdict) -> bool:
    """Tell a sentence from one that begins with a model's name, whose letters are its own."""
    return found.kind != "leads"


def _headline(found: Verdict, palette: Palette) -> Html | None:
    """Return what to deploy, or who leads, with its score; of a tie, how many tie."""
    if found.kind == "nothing":
        return el("p", "Nothing usable", cls="best")
    if not found.models:
        return None
    names: list[Child] = [dot(palette, model) for model in found.models]
    if found.weights:
        names = [
            el("span", el("small", db(weight)), " ", name, cls="part")
            for weight, name in zip(found.weights, names, strict=True)
        ]
    elif len(names) > _MOST_TIED:
        names = [
            *names[: _MOST_TIED - 1],
            el("span", f"and {len(names) - _MOST_TIED + 1} more tie"),
        ]
    elif len(names) > 1:
        names.append(el("span", "tie"))
    score = el("b", f"{db(found.score, 1)} dB")
    several = " several" if len(found.models) > 1 else ""
    return el("p", el("span", names, cls="names"), score, cls=f"best{several}")
