"""What a person sees while a run goes on and when it ends."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from stemwise.report.songs_display import duration
from stemwise.report.tables import TextTable

_QUIET_S = 10.0  # between lines where the output is a file
_LONGEST = 40  # rows of a table in the terminal; files hold all
_LONGEST_LIST = 12
_WIDEST = 32  # characters of a cell


class RunState(Protocol):
    """The part of a run's progress that is shown."""

    done: int
    failures: int
    stages: dict[str, str]
    speeds: dict[str, tuple[float, float]]


class RunDisplay:
    """Shows tracks done, what is in work, time left and each model's speed.

    On a terminal it is a live panel; elsewhere a line now and then.
    """

    def __init__(self, console: Console, total: int, already: int) -> None:
        self.console, self.total, self.already = console, total, already
        self._bar = Progress(
            TextColumn("[bold]tracks"),
            BarColumn(bar_width=32),
            MofNCompleteColumn(),
            TextColumn("·"),
            TimeElapsedColumn(),
            TextColumn("· left"),
            TimeRemainingColumn(),
            console=console,
        )
        self._task = self._bar.add_task("tracks", total=total, completed=already)
        self._live: Live | None = None
        self._said = (0.0, -1)
        self._began = time.monotonic()

    def update(self, state: RunState) -> None:
        """Show a new state."""
        self._bar.update(self._task, completed=self.already + state.done)
        if self._live is not None:
            self._live.update(Group(self._bar, *_details(state)))
            return
        now, done = time.monotonic(), self.already + state.done
        if done != self._said[1] and (now - self._said[0] > _QUIET_S or done == self.total):
            self._said = (now, done)
            told = [f"tracks {done}/{self.total}", f"failures {state.failures}"]
            told += _slowest(state) + self._left(state.done, now)
            self.console.print(", ".join(told), style="dim", soft_wrap=True)

    def _left(self, done: int, now: float) -> list[str]:
        """Say how long the rest will take, if it goes on like that."""
        rest = self.total - self.already - done
        if not rest or not done:
            return []
        return [f"about {duration((now - self._began) * rest / done)} left"]

    @contextmanager
    def showing(self) -> Iterator[RunDisplay]:
        """Keep the live panel on screen while the block runs."""
        if not self.console.is_terminal:
            yield self
            return
        with Live(self._bar, console=self.console, refresh_per_second=4, transient=False) as live:
            self._live = live
            try:
                yield self
            finally:
                self._live = None


def _slowest(state: RunState) -> list[str]:
    """Say which model takes longest for a second of music."""
    speeds = {name: audio / work for name, (audio, work) in state.speeds.items() if work}
    if not speeds:
        return []
    name = min(speeds, key=lambda name: speeds[name])
    return [f"slowest model {name} ({speeds[name]:.1f}× real time)"]


def _details(state: RunState) -> list[Text]:
    lines = []
    if state.stages:
        active = [f"{track} [after {stage}]" for track, stage in sorted(state.stages.items())]
        lines.append(Text("in work: " + ", ".join(active[:4]) + (" …" if len(active) > 4 else "")))
    if state.speeds:
        speeds = [
            f"{name} {audio / work:.1f}×" for name, (audio, work) in state.speeds.items() if work
        ]
        lines.append(Text("speed (× real time): " + ", ".join(speeds), style="dim"))
    if state.failures:
        lines.append(Text(f"failures so far: {state.failures}", style="red"))
    return lines


def show_table(console: Console, table: TextTable, whole: bool = False) -> None:
    """Print a table, in several parts below each other where it is wider than the terminal.

    Of a long one the first rows are printed, unless it is wanted `whole`.
    """
    columns, rows = _merge_groups(table)
    most = len(rows) if whole else _LONGEST
    shown = [tuple(_shorten(cell) for cell in row) for row in rows[:most]]
    widths = [
        max(len(part) for part in (*heading.split("\n"), *(row[index] for row in shown)))
        for index, heading in enumerate(columns)
    ]
    for number, part in enumerate(_fit(widths, console.width)):
        grid = Table(title=table.title if number == 0 else None, title_justify="left")
        grid.add_column(Text(columns[0]), no_wrap=True)
        for index in part:
            grid.add_column(Text(columns[index]), justify="right", no_wrap=True)
        for row in shown:
            # finished text, in which square brackets are no markup
            grid.add_row(Text(row[0]), *(Text(row[index]) for index in part))
        console.print(grid)
    if len(shown) < len(rows):
        console.print(f"… and {len(rows) - len(shown)} more rows in the report's files.")
    console.print(Text(table.note, style="dim"))
    console.print()


def _merge_groups(table: TextTable) -> tuple[list[str], list[list[str]]]:
    """Write the columns of a group (SNR and SDR of a stem) as one: "10.87 / 10.65"."""
    columns, rows = [table.columns[0]], [[row[0]] for row in table.rows]
    start = 1
    for size in table.groups or (1,) * (len(table.columns) - 1):
        names = table.columns[start : start + size]
        stem = names[0].rpartition(" ")[0]
        heading = f"{stem}\n{' / '.join(name.rpartition(' ')[2] for name in names)}"
        columns.append(heading if size > 1 else names[0])
        for merged, row in zip(rows, table.rows, strict=True):
            cells = [cell for cell in row[start : start + size] if cell]
            merged.append("–" if set(cells) == {"–"} else " / ".join(cells))
        start += size
    return columns, rows


def _shorten(cell: str) -> str:
    return cell if len(cell) <= _WIDEST else cell[: _WIDEST - 1] + "…"


def _fit(widths: Sequence[int], room: int) -> list[list[int]]:
    """Return column numbers per part of the table; the first column stands in each."""
    parts: list[list[int]] = [[]]
    free = room - widths[0] - 4
    used = 0
    for index, width in enumerate(widths[1:], start=1):
        if parts[-1] and used + width + 3 > free:
            parts.append([])
            used = 0
        parts[-1].append(index)
        used += width + 3
    return parts


def show_note(console: Console, note: str, style: str = "yellow") -> None:
    """Print a sentence that a person should know, as it is and unbroken; nothing for an empty one."""
    if not note:
        return
    console.print(note, style=style, soft_wrap=True, highlight=False, markup=False)


def show_list(console: Console, table: TextTable, style: str) -> None:
    """Print the rows of a table as lines of text, the first few of many; nothing for none."""
    if not table.rows:
        return
    console.print(Text(f"{table.title}: {len(table.rows)}", style=style))
    for row in table.rows[:_LONGEST_LIST]:
        console.print(Text("  " + " · ".join(row)), soft_wrap=True)
    if len(table.rows) > _LONGEST_LIST:
        console.print(f"  … and {len(table.rows) - _LONGEST_LIST} more in {table.name}.csv")
    console.print()
