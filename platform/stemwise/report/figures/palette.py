"""One colour and one mark per model, used in every figure and table of a report.

The colours are Okabe and Ito's, which people with any kind of colour vision tell apart, darkened where
they would be too faint on white; black and yellow are replaced. On the page each is a CSS variable, so
that a dark page can have lighter ones.
"""

from __future__ import annotations

from collections.abc import Sequence

from stemwise.report.run_tables import RECIPE

LIGHT = ("#0072b2", "#d55e00", "#009470", "#b8568f", "#b47d00", "#3d97d3", "#7a2b4b", "#5b6675")
DARK = ("#58aef0", "#ff8b4a", "#2fc79b", "#e796c3", "#efb73e", "#96d2ff", "#d4809f", "#a6b1c2")
MARKS = "osD^vPX*"
# Lines that are no models, and everything that is not data: name → (light, dark).
NEUTRAL = {
    "ink": ("#1b212b", "#e8ebf0"),
    "muted": ("#5a6473", "#a3acba"),
    "grid": ("#e1e5ea", "#313845"),
    "surface": ("#fffffe", "#171b22"),
    "floor": ("#8b94a1", "#7c8695"),
    "oracle": ("#343d4b", "#cdd4de"),
    "recipe": ("#6857c9", "#a99cff"),
}
_LINES = {"mixture": "floor", "oracle_irm": "floor", "oracle": "oracle"}


class Palette:
    """Looks of the models of a run.

    Args:
        models: in the order of the run; the ninth has the first colour again, with another mark.
    """

    def __init__(self, models: Sequence[str]) -> None:
        self._index = {model: index for index, model in enumerate(models)}

    def colour(self, model: str) -> str:
        """Return the colour on a light ground."""
        if (line := _line(model)) is not None:
            return NEUTRAL[line][0]
        return LIGHT[self._index.get(model, 0) % len(LIGHT)]

    def variable(self, model: str) -> str:
        """Return the colour as the page's CSS variable."""
        return f"var(--{_line(model) or f'm{self._index.get(model, 0) % len(LIGHT)}'})"

    def mark(self, model: str) -> str:
        """Return the shape of the model's dots."""
        index = self._index.get(model, 0)
        return MARKS[(index + index // len(LIGHT)) % len(MARKS)]


def _line(model: str) -> str | None:
    return "recipe" if model.startswith(RECIPE) else _LINES.get(model)


def variables(dark: bool) -> str:
    """Return the CSS variables of all colours."""
    colours = {f"m{i}": pair for i, pair in enumerate(zip(LIGHT, DARK, strict=True))} | NEUTRAL
    return "".join(f"--{name}:{pair[int(dark)]};" for name, pair in colours.items())


def themed(svg: str) -> str:
    """Return an SVG whose light colours are the page's variables."""
    for index, colour in enumerate(LIGHT):
        svg = svg.replace(colour, f"var(--m{index})")
    for name, (light, _) in NEUTRAL.items():
        svg = svg.replace(light, f"var(--{name})")
    return svg
