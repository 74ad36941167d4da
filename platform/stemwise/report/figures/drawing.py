"""From a function that draws on axes to PNG, SVG and an inline SVG that follows the page's theme."""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stemwise.core.errors import OutputError
from stemwise.report.figures.palette import NEUTRAL, themed
from stemwise.report.markup import Html, el, text

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# 360 points: on a phone a figure is as wide as the page, and its letters keep their size.
WIDTH_IN = 5.0
_DPI = 160
_COLUMNS = 3  # of panels
_INK, _MUTED, _GRID, _SURFACE = (NEUTRAL[n][0] for n in ("ink", "muted", "grid", "surface"))
_SETTINGS: dict[str, Any] = {
    "svg.fonttype": "none",  # letters stay text: small files, and the page's own font
    "text.parse_math": False,  # a dollar sign in a title is no formula
    "font.size": 10,
    "axes.edgecolor": _GRID,
    "axes.labelcolor": _MUTED,
    "axes.facecolor": _SURFACE,
    "figure.facecolor": _SURFACE,
    "savefig.facecolor": _SURFACE,
    "text.color": _INK,
    "xtick.color": _MUTED,
    "ytick.color": _INK,
    "grid.color": _GRID,
    "legend.frameon": False,
    "legend.fontsize": 9,
}


@dataclass(frozen=True)
class Sheet:
    """Where figures go.

    Attributes:
        folder: for PNG and SVG files.
        link: the folder as the page names it.
    """

    folder: Path
    link: str = "figures"

    def figure(
        self, name: str, title: str, alt: str, height: float, draw: Callable[[Axes], None]
    ) -> Html:
        """Draw a figure, write its files and return it as HTML.

        Args:
            name: of the files.
            title: the caption.
            alt: what is seen, for those who do not see it.
            height: in inches.
            draw: what puts the data on the axes.

        Raises:
            OutputError: the folder cannot be written.
        """
        svg = self._written(
            name, (WIDTH_IN, height), lambda figure: draw(_plain(figure.add_subplot()))
        )
        inline = _inline(svg, name, alt)
        files = [
            el("a", kind.upper(), href=f"{self.link}/{name}.{kind}", download=True)
            for kind in ("svg", "png")
        ]
        saved = el("span", files[0], " ", files[1], cls="files")
        return el("figure", el("figcaption", el("span", title), saved), inline, cls="figure")

    def panels(
        self, name: str, drawn: Sequence[tuple[str, Callable[[Axes], None]]], height: float
    ) -> None:
        """Write several axes as the files of one figure, side by side, for papers and slides.

        Args:
            name: of the files.
            drawn: the title of each panel, and what puts the data on its axes.
            height: of a panel in inches.

        Raises:
            OutputError: the folder cannot be written.
        """
        columns = min(len(drawn), _COLUMNS)
        lines = -(-len(drawn) // columns)

        def draw(figure: Figure) -> None:
            for place, (title, put) in enumerate(drawn, start=1):
                axes = _plain(figure.add_subplot(lines, columns, place))
                axes.set_title(title, loc="left", fontweight="bold", fontsize=11)
                put(axes)

        self._written(name, (WIDTH_IN * columns, height * lines), draw)

    def _written(self, name: str, size: tuple[float, float], draw: Callable[[Figure], None]) -> str:
        import matplotlib
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        # typed by the names of all settings in some releases of matplotlib and not in others
        settings: Any = {**_SETTINGS, "svg.hashsalt": name}
        with matplotlib.rc_context(settings), warnings.catch_warnings():
            # a letter that the font lacks is a box in the PNG, and right on the page
            warnings.filterwarnings("ignore", r"Glyph .* missing from")
            figure = Figure(figsize=size, layout="constrained")
            FigureCanvasAgg(figure)
            draw(figure)
            return _rendered(figure, self.folder, name)


def _rendered(figure: Figure, folder: Path, name: str) -> str:
    """Write a figure as SVG and PNG and return the SVG."""
    made = io.StringIO()
    try:
        figure.savefig(made, format="svg", metadata={"Date": None})
        figure.set_layout_engine("none")  # keep it: laying out takes most of the time
        (folder / f"{name}.svg").write_text(made.getvalue(), encoding="utf-8")
        figure.savefig(folder / f"{name}.png", dpi=_DPI, metadata={"Software": None})
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be written ({error.strerror or error}): make room."
        ) from error
    return made.getvalue()


def _plain(axes: Axes) -> Axes:
    """Take off everything that is neither data nor needed to read it."""
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(length=0)
    axes.set_axisbelow(True)
    axes.grid(axis="x", linewidth=0.8)
    return axes


def _inline(svg: str, name: str, alt: str) -> Html:
    """Return an SVG for a page: without metadata and namespaces, ids its own, colours the theme's."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<defs>\s*</defs>", "", svg, flags=re.DOTALL)
    svg = re.sub(r' xmlns(:\w+)?="[^"]*"', "", svg).replace("xlink:href", "href")
    svg = re.sub(r'(<g) id="[^"]*"', r"\1", svg)
    svg = re.sub(r'( id="|url\(#|href="#)', rf"\1{name}-", svg)
    box = re.search(r'viewBox="[^"]*"', svg)
    start = f'<svg {box.group(0) if box else ""} role="img" aria-label="{text(alt)}">'
    return Html(re.sub(r"<svg[^>]*>", lambda _: start, themed(svg), count=1))
