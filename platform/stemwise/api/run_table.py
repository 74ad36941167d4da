"""A run's small table, as plain text and as HTML for notebooks."""

from __future__ import annotations

from stemwise.report.markup import el
from stemwise.report.tables import TextTable

_MOST = 5  # columns


def as_text(title: str, table: TextTable) -> str:
    """Return a title and a table of aligned text."""
    lines = [table.columns[:_MOST], *(row[:_MOST] for row in table.rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    aligned = ["  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)) for line in lines]
    return "\n".join([title, *(f"  {line.rstrip()}" for line in aligned)])


def as_html(title: str, table: TextTable) -> str:
    """Return a title and a table as HTML; escaped."""
    head = el("tr", *(el("th", name) for name in table.columns[:_MOST]))
    rows = [el("tr", *(el("td", cell) for cell in row[:_MOST])) for row in table.rows]
    return f"{el('p', title)}{el('table', head, *rows)}"
