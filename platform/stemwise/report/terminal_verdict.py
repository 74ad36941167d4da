"""The run's answer in the terminal: per stem what to deploy, what it scores, what it costs, and why."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from stemwise.core.stems import MIXTURE
from stemwise.report.deployment import UNUSABLE, set_of
from stemwise.report.markup import db, span_of
from stemwise.report.run_tables import RunTables
from stemwise.report.tables import stem_label
from stemwise.report.unknown import made_by
from stemwise.report.verdict import TIED, UNKNOWN, Verdict, verdicts
from stemwise.report.verdict_words import headline, scale_note

_COLUMNS = (("stem", "left"), ("deploy", "left"), ("score dB", "right"), ("95 %", "right"),
            ("s/min", "right"), ("why", "left"))  # fmt: skip
_MOST_TIED = 3


def show_verdict(console: Console, run: RunTables) -> None:
    """Print the answer per stem; nothing where no model of the run makes a stem."""
    made = [found for found in verdicts(run) if made_by(run, found.key)]
    if not made:
        return
    grid = Table(box=SIMPLE_HEAD, pad_edge=False)
    costs = any(found.cost is not None for found in made)
    shown = [place for place, (name, _) in enumerate(_COLUMNS) if costs or name != "s/min"]
    for name, side in (_COLUMNS[place] for place in shown):
        title = "leads" if name == "deploy" and run.imported else name
        # numbers stay whole; names and reasons go on in the next line
        grid.add_column(title, justify=side, no_wrap=name not in ("deploy", "why"))  # type: ignore[arg-type]
    for found in made:
        cells = _cells(found)
        grid.add_row(*(cells[place] for place in shown), style=None if found.usable else "yellow")
    console.print(Text(headline(made, run.imported), style="bold"))
    console.print(grid)
    console.print(Text(scale_note(run, made), style="dim"))
    for line in _cautions(made):
        console.print(Text(line, style="yellow"))
    console.print()


def _cells(found: Verdict) -> list[Text]:
    indent = "  " if found.key[0] != MIXTURE else ""
    score = db(found.score, 1) if found.score is not None else "–"
    interval = span_of(found.low, found.high, 1) if found.usable else "–"
    cost = db(found.cost, 1) if found.usable else "–"
    cells = (indent + stem_label(found.key[2]), _what(found), score, interval, cost, found.why)
    return [Text(cell) for cell in cells]  # finished text, in which square brackets are no markup


def _what(found: Verdict) -> str:
    if found.kind == UNKNOWN:
        return "–"
    if not found.usable:
        return UNUSABLE
    if found.kind == TIED:
        more = len(found.models) - _MOST_TIED
        return ", ".join(found.models[:_MOST_TIED]) + (f" and {more} more" if more > 0 else "")
    return set_of(found.models, found.weights)


def _cautions(made: Sequence[Verdict]) -> list[str]:
    """Return each caution once, with the stems it is of unless those are all."""
    by_text: dict[str, list[str]] = {}
    for found in made:
        for text in found.cautions:
            by_text.setdefault(text, []).append(stem_label(found.key[2]))
    return [
        text if len(stems) == len(made) else f"{', '.join(stems)}: {text}"
        for text, stems in by_text.items()
    ]
