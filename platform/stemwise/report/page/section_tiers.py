"""Cascades on the page: score against cost, what it is worth to choose songs, and the rows."""

from __future__ import annotations

from collections.abc import Sequence

from stemwise.report.figures.drawing import Sheet
from stemwise.report.figures.tiers import Curves, Spot, tiers_figure
from stemwise.report.markup import Html, db, el, folded, join, of_text
from stemwise.report.run_tables import Row, RunTables, finite
from stemwise.report.tiers import TITLE, tiers_table

_HIGH_IN = 3.0
_WORDS = (
    "Each song begins with the cheapest tier and goes on where the next one promises enough. Squares: "
    "tiers run for all songs, with 95 % intervals. Dashed: tiers run at random; a cascade is worth "
    "something as far as it lies above, and at most what the oracle gains. Ringed: the recipe."
)


def tiers_section(run: RunTables, sheet: Sheet) -> Html | None:
    """Return what `stemwise fit tiers=` has found; None where nobody asked."""
    rows = sorted(run.rows("tiers"), key=lambda row: int(row["step"]))
    if not rows:
        return None
    shown = folded(
        "The curve in numbers", of_text(tiers_table(run["tiers"]), 1, titled=False), rows
    )
    return join([el("p", _verdict(rows)), el("p", _WORDS, cls="note"), _figure(rows, sheet), shown])


def _verdict(rows: Sequence[Row]) -> str:
    """Say what the recipe comes to."""
    first = rows[0]
    recipe = next((row for row in rows if row["policy"] == "recipe"), None)
    if recipe is None:
        return f"No tier beats {first['tier']}: there is nothing to go on to."
    text = (
        f"The recipe {recipe['recipe']} goes on for {100 * recipe['share']:.0f} % of "
        f"{recipe['tracks']} songs and gains {db(recipe['gain'], sign=True)} dB over {first['tier']}"
    )
    if recipe["seconds_per_minute"] is not None and first["seconds_per_minute"]:
        times = recipe["seconds_per_minute"] / first["seconds_per_minute"]
        text += f" at {times:.1f} times its cost"
    if not 0 < recipe["share"] < 1:
        return f"{text}: it treats all songs alike."
    better = recipe["over_mix_low"] is not None and recipe["over_mix_low"] > 0
    word = "more than" if better else "not established to be more than"
    return (
        f"{text}, {word} a random mix of tiers at that cost ({db(recipe['over_mix'], 3, True)} dB)."
    )


def _figure(rows: Sequence[Row], sheet: Sheet) -> Html | None:
    drawn = finite(finite(rows), "seconds_per_minute")
    tiers = [_spot(row) for row in drawn if row["policy"] == "tier"]
    if not tiers:
        return None
    curves = {
        policy: sorted((_spot(r) for r in drawn if r["policy"] == policy), key=lambda s: s.cost)
        for policy in ("cascade", "oracle", "recipe")
    }
    recipe = next(iter(curves["recipe"]), None)
    alt = "; ".join(f"{t.name}: {db(t.score)} dB at {db(t.cost, 1)} s" for t in tiers)
    found = Curves(tiers, curves["cascade"], curves["oracle"], recipe)
    return sheet.figure("tiers", TITLE, alt, _HIGH_IN, lambda axes: tiers_figure(axes, found))


def _spot(row: Row) -> Spot:
    name = row["tier"] or row["policy"]
    ends = (row["low"], row["high"]) if row["policy"] == "tier" else (None, None)
    return Spot(name, row["seconds_per_minute"], row["mean_score"], *ends)
