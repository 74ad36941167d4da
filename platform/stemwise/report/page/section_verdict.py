"""The page's first screen: per stem what to deploy, what it scores and what it costs."""

from __future__ import annotations

from collections.abc import Sequence

from stemwise.core.stems import MIXTURE
from stemwise.report.deployment import UNUSABLE
from stemwise.report.figures.drawing import Sheet
from stemwise.report.figures.palette import Palette
from stemwise.report.leading import listed
from stemwise.report.markup import Child, Html, coded, db, el, join, span_of
from stemwise.report.page.cost_figures import cost_figures
from stemwise.report.page.interval_bar import interval_bar, limits_of
from stemwise.report.page.model_mark import dot
from stemwise.report.run_tables import RunTables, StemKey, label
from stemwise.report.tables import stem_label
from stemwise.report.unknown import made_by
from stemwise.report.verdict import TIED, UNKNOWN, Verdict, verdicts
from stemwise.report.verdict_words import headline, scale_note

_MOST_TIED = 3  # models of a row
_PUBLISHED = (
    "Published scores only: blends, recipes and listening need audio (`stemwise evaluate`)."
)
_DETAILS = "Ties, gains, and what more quality would cost"
_RUN_IT = "stemwise separate --recipe recipes/deployable.yaml SONG"


def verdict_section(run: RunTables, sheet: Sheet, palette: Palette) -> Html:
    """Return the section: a sentence, a table, the figure, and, folded, what is behind them."""
    every = verdicts(run)
    made = [found for found in every if made_by(run, found.key)]
    absent = [label(found.key) for found in every if found not in made]
    gap = (
        el("p", f"No model of this run makes {listed(absent, 9)}.", cls="note") if absent else None
    )
    if not made:
        return join([gap])
    return join(
        [
            el("p", headline(made, run.imported), cls="lead"),
            _table(run, made, palette),
            el("p", scale_note(run, made), cls="note"),
            el("p", coded(_PUBLISHED), cls="note") if run.imported else _how_to_run(run),
            gap,
            _cautions(made),
            cost_figures(run, sheet, palette),
            _details(made, "Ties" if run.imported else _DETAILS),
        ]
    )


def _how_to_run(run: RunTables) -> Html | None:
    if not (run.output / "recipes" / "deployable.yaml").is_file():
        return None
    return el("p", "Use it: ", el("code", _RUN_IT), cls="note")


def _table(run: RunTables, made: Sequence[Verdict], palette: Palette) -> Html:
    scale = limits_of([v.score for v in made if v.usable], [v.low for v in made if v.usable],
                      [v.high for v in made if v.usable])  # fmt: skip
    costs = any(found.cost is not None for found in made)
    first = "Leads" if run.imported else "Deploy"
    names = ["Stem", first, "Score", *(["Cost"] if costs else []), "Why"]
    head = [el("th", name, scope="col", cls=_KIND.get(name)) for name in names]
    rows = [_row(found, palette, scale, costs) for found in made]
    whole = el(
        "table",
        el("caption", "The answer per stem", cls="unseen"),
        el("thead", el("tr", head)),
        el("tbody", rows),
        cls="answers",
    )
    return el("div", whole, cls="panel scroll", tabindex=0, role="group", aria_label="The answer")


_KIND = {"Score": "score", "Cost": "n"}


def _row(found: Verdict, palette: Palette, scale: tuple[float, float], costs: bool) -> Html:
    sub = found.key[0] != MIXTURE
    stem = el("th", stem_label(found.key[2]), scope="row", cls="sub" if sub else None)
    if not found.usable:
        return el("tr", stem, *_useless(found, costs), cls="useless")
    why = el("td", found.why, cls="why")
    cost = el("td", _cost(found.cost), cls="n") if costs else None
    return el(
        "tr", stem, el("td", _names(found, palette)), _score(found, palette, scale), cost, why
    )


def _useless(found: Verdict, costs: bool) -> list[Html | None]:
    if found.kind == UNKNOWN:
        return [el("td", "–"), el("td", "–", cls="n"), el("td", "–", cls="n") if costs else None,
                el("td", coded(found.why), cls="why")]  # fmt: skip
    tried = el("small", f"best tried: {' + '.join(found.models)}") if found.models else None
    return [
        el("td", el("b", UNUSABLE.capitalize()), " ", tried),
        el("td", f"{db(found.score, 1)} dB", cls="score"),
        el("td", "–", cls="n") if costs else None,
        el("td", found.why, cls="why"),
    ]


def _names(found: Verdict, palette: Palette) -> Html:
    names: list[Child] = [dot(palette, model) for model in found.models[:_MOST_TIED]]
    if found.weights:
        shares = zip(found.weights, found.models, strict=True)
        names = [
            el("span", el("small", db(w)), " ", dot(palette, m), cls="part") for w, m in shares
        ]
    elif len(found.models) > _MOST_TIED:
        names.append(el("span", f"and {len(found.models) - _MOST_TIED} more"))
    if found.kind == TIED:
        names.append(el("small", "tie"))
    return el("span", names, cls="names")


def _score(found: Verdict, palette: Palette, scale: tuple[float, float]) -> Html:
    colour = palette.variable(found.models[0] if found.models else "")
    interval = span_of(found.low, found.high, 1)
    bar = interval_bar(found.score, found.low, found.high, scale, colour)
    sure = el("small", interval) if interval != "–" else None
    number = el("span", el("b", f"{db(found.score, 1)} dB"), sure, cls="measured")
    return el("td", number, bar, cls="score")


def _cost(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    return f"{db(seconds, 0 if seconds >= 10 else 1)} s"


def _cautions(made: Sequence[Verdict]) -> Html | None:
    """Return what to read before relying on an answer, each sentence once, with the stems it is of."""
    by_text: dict[str, list[str]] = {}
    for found in made:
        for text in found.cautions:
            by_text.setdefault(text, []).append(_short(found.key))
    lines = [
        el("li", text if len(stems) == len(made) else [el("b", f"{listed(stems, 5)}: "), text])
        for text, stems in by_text.items()
    ]
    return el("ul", lines, cls="cautions") if lines else None


def _details(made: Sequence[Verdict], title: str) -> Html | None:
    """Return ties, gains and what more would cost, a line per stem, folded."""
    lines = [
        el("div", el("dt", _short(found.key)), el("dd", " ".join(found.details)))
        for found in made
        if found.details
    ]
    if not lines:
        return None
    return el("details", el("summary", title), el("dl", lines, cls="words"))


def _short(key: StemKey) -> str:
    return stem_label(key[2])
