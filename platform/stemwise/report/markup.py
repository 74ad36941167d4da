"""HTML that escapes by itself: text becomes safe unless it was made here."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from itertools import groupby

from stemwise.report.tables import TextTable, number

_PUBLISHED = ("SNR paper", "SDR paper", "paper SNR", "paper SDR", "paper %", "chosen in paper")
_VOID = {"meta", "br", "img", "input", "link"}
MINUS = "−"
FOLDED_FROM = 14  # rows of a table, of which the first ten are seen (page.css)


class Html(str):
    """A string that is HTML already; any other string is text, and is escaped."""

    __slots__ = ()


Child = str | int | Iterable["Child"] | None


def text(value: object) -> Html:
    """Return any value as escaped text; HTML stays as it is."""
    return value if isinstance(value, Html) else Html(html.escape(str(value), quote=True))


def el(tag: str, /, *children: Child, **attributes: str | int | bool | None) -> Html:
    """Return an element; `cls` is its class, `data_x` is data-x; None and False are left out."""
    written = "".join(
        f" {_attribute(key)}" + ("" if value is True else f'="{html.escape(str(value))}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if tag in _VOID:
        return Html(f"<{tag}{written}>")
    return Html(f"<{tag}{written}>{join(children)}</{tag}>")


def join(children: Child) -> Html:
    """Return children one after the other."""
    if children is None:
        return Html("")
    if isinstance(children, (str, int)):
        return text(children)
    return Html("".join(join(child) for child in children))


def _attribute(key: str) -> str:
    return "class" if key == "cls" else key.rstrip("_").replace("_", "-")


def table(
    columns: Sequence[Child],
    rows: Iterable[Sequence[Child]],
    caption: Child = None,
    cls: str = "",
    texts: int = 1,
    titled: bool = True,
) -> Html:
    """Return a table in a box that scrolls sideways; the first column of each row is its header.

    Equal headers of rows that follow each other are written once, for all of them.

    Args:
        columns: column headers.
        rows: cells.
        caption: what the table is.
        cls: further classes.
        texts: how many columns from the left hold text; the others hold numbers.
        titled: whether the caption is seen; it is always read.
    """
    kinds = [_kind(i, texts, column) for i, column in enumerate(columns)]
    head = [el("th", c, scope="col", cls=k) for c, k in zip(columns, kinds, strict=True)]
    groups = [list(group) for _, group in groupby(rows, key=lambda row: row[0])]
    body = [
        el("tr", _first(row[0], len(group)) if number == 0 else None, _rest(row, kinds))
        for group in groups
        for number, row in enumerate(group)
    ]
    parts = [
        el("caption", caption, cls=None if titled else "unseen") if caption else None,
        el("thead", el("tr", head)),
        el("tbody", body),
    ]
    merged = any(len(group) > 1 for group in groups)
    grid = el("table", parts, cls=f"{cls} {'merged' if merged else ''}".strip() or None)
    # a box that scrolls must be reachable by keyboard
    box = el("div", grid, cls="scroll", tabindex=0, role="group", aria_label=_plain(caption))
    count = sum(map(len, groups))
    return box if count <= FOLDED_FROM else el("div", box, _more(count), cls="long")


def folded(title: str, body: Child, rows: Sequence[object] = (None,)) -> Html | None:
    """Return something that opens by its title; None where it has no rows."""
    return el("details", el("summary", title), body) if body and rows else None


def _more(rows: int) -> Html:
    """Return what opens a long table: page.css hides its later rows while this is closed."""
    texts = (
        el("span", f"Show all {rows} rows", cls="closed"),
        el("span", "Show fewer", cls="opened"),
    )
    return el("details", el("summary", *texts), cls="more")


def _kind(index: int, texts: int, column: Child) -> str | None:
    """Return the class of a column: numbers, and those of the paper, which are not this run's."""
    if column in ("in the paper", "tracks here"):
        return "theirs wide" if index < texts else "n wide"
    number = "" if index < texts else "n"
    # a recipe may be called "paper", and is this run's
    published = column in _PUBLISHED
    return f"{number}{' theirs' if published else ''}".strip() or None


def _first(cell: Child, rows: int) -> Html:
    if rows == 1:
        return el("th", cell, scope="row")
    return el("th", cell, scope="rowgroup", rowspan=rows)


def _rest(row: Sequence[Child], kinds: Sequence[str | None]) -> list[Html]:
    return [el("td", cell, cls=kinds[i]) for i, cell in enumerate(row) if i]


def _plain(caption: Child) -> str:
    return caption if isinstance(caption, str) and not isinstance(caption, Html) else "table"


def of_text(made: TextTable, texts: int = 1, titled: bool = True) -> Html:
    """Return a finished table of text with its title (unless a heading has it) and note."""
    rows = [[_signed(cell) for cell in row] for row in made.rows]
    return join(
        [
            table(made.columns, rows, made.title, texts=texts, titled=titled),
            el("p", coded(made.note), cls="note"),
        ]
    )


def coded(note: str) -> Html:
    """Return a note whose `names` are shown as such."""
    return join([el("code", part) if i % 2 else part for i, part in enumerate(note.split("`"))])


def _signed(cell: str) -> str:
    """Return a cell with a true minus if it is a number, and none if that is zero."""
    if not cell.startswith("-") or not cell[1:2].isdigit():
        return cell
    return cell[1:] if not cell.strip("-0.") else cell.replace("-", MINUS, 1)


def db(value: float | None, digits: int = 2, sign: bool = False) -> str:
    """Return a number for people: a true minus, ∞ for infinity, – for unknown."""
    if value is None or math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    shown = number(value, digits)
    if float(shown) == 0:
        return shown.lstrip("-")
    return shown.replace("-", MINUS) if value < 0 or not sign else f"+{shown}"


def span_of(low: float | None, high: float | None, digits: int = 2) -> str:
    """Return an interval, or – where there is none."""
    if low is None or high is None:
        return "–"
    return f"{db(low, digits)} … {db(high, digits)}"
