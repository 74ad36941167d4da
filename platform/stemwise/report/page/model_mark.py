"""A model's name on the page, with its colour beside it."""

from __future__ import annotations

from stemwise.report.figures.palette import Palette
from stemwise.report.markup import Html, el


def dot(palette: Palette, model: str, flagged: bool = False) -> Html:
    """Return a model's name with its colour beside it, and a † where it was trained here."""
    swatch = el(
        "span", cls="dot", style=f"background:{palette.variable(model)}", aria_hidden="true"
    )
    flag = el("abbr", "†", title="trained on this dataset", cls="flag") if flagged else None
    return el("span", swatch, el("span", model, cls="model"), flag, cls="who")
