"""What blending and routing by genre gain, in words: from rows of `regret` and `genre_effects`."""

from __future__ import annotations

from stemwise.report.markup import db, span_of
from stemwise.report.run_tables import Row

_KEEP = "Use the single model."


def blend_sentence(rows: list[Row]) -> str:
    """Return what the deployable recipe gains over the best single model on held-out tracks."""
    by_level = {row["level"]: row for row in rows}
    if not by_level:
        return "Blends of this stem were not evaluated."
    recipe = by_level.get("recipe")
    if recipe is None or recipe["gain"] is None:
        return "Blending could not be tested: holding tracks out takes at least two artists."
    gain, low, high = (recipe[name] for name in ("gain", "gain_low", "gain_high"))
    if gain == low == high == 0:
        return "No further model was worth its cost."
    if low is None or high is None:
        return f"The gain of blending has no confidence interval. {_KEEP}"
    if low > 0:
        return _gained(recipe)
    return f"Blending brings no reliable gain ({db(gain, sign=True)} dB, {span_of(low, high)}). {_KEEP}"


def _gained(recipe: Row) -> str:
    measured = f"{db(recipe['gain'])} dB ({span_of(recipe['gain_low'], recipe['gain_high'])})"
    shrunken = recipe["gain_shrunken"]
    if shrunken is not None and db(shrunken) == "0.00":
        return (
            f"A blend gained {measured} on held-out tracks, but the luckiest of several equally good "
            "blends would too: expect no gain."
        )
    if shrunken is None or db(shrunken) == db(recipe["gain"]):
        return f"Blending gains {measured} on held-out tracks."
    return (
        f"Blending gains about {db(shrunken)} dB on held-out tracks ({measured} before correcting for "
        "having picked the best blend)."
    )


def routing_sentence(row: Row) -> str:
    """Return what routing by genre gains on held-out tracks, from a row of `genre_effects`."""
    gain, low, high = row["routing_gain"], row["low"], row["high"]
    if gain is None:
        return "routing by genre could not be tested"
    shown = f"{db(gain, sign=True)} dB ({span_of(low, high)}) on held-out tracks"
    if low is not None and low > 0:
        return f"routing by genre pays: {shown}"
    if high is not None and high < 0:
        return f"routing by genre costs quality: {shown}"
    return f"routing by genre makes no reliable difference: {shown}"
