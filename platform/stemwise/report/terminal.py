"""What a person sees while a run goes on and when it ends."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.progress import TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from stemwise.report.tables import TextTable

_QUIET_S = 10.0  # between lines where the output is a file
_LONGEST = 40  # rows of a table in the terminal; files hold all


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

    def update(self, state: RunState) -> None:
        """Show a new state."""
        self._bar.update(self._task, completed=self.already + state.done)
        if self._live is not None:
            self._live.update(Group(self._bar, *_details(state)))
            return
        now, done = time.monotonic(), self.already + state.done
        if done != self._said[1] and (now - self._said[0] > _QUIET_S or done == self.total):
            self._said = (now, done)
            self.console.print(f"tracks {done}/{self.total}, failures {state.failures}", style="dim")

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


def _details(state: RunState) -> list[Text]:
    lines = []
    if state.stages:
        active = [f"{track} [after {stage}]" for track, stage in sorted(state.stages.items())]
        lines.append(Text("in work: " + ", ".join(active[:4]) + (" …" if len(active) > 4 else "")))
    if state.speeds:
        speeds = [f"{name} {audio / work:.1f}×" for name, (audio, work) in state.speeds.items() if work]
        lines.append(Text("speed (× real time): " + ", ".join(speeds), style="dim"))
    if state.failures:
        lines.append(Text(f"failures so far: {state.failures}", style="red"))
    return lines


def show_table(console: Console, table: TextTable) -> None:
    """Print a table, in several parts side by side of their first column where it is too wide."""
    shown = table.rows[:_LONGEST]
    for number, columns in enumerate(_fit(table, console.width)):
        grid = Table(title=table.title if number == 0 else None, title_justify="left")
        grid.add_column(table.columns[0], no_wrap=True)
        for index in columns:
            grid.add_column(table.columns[index].replace(" ", "\n", 1), justify="right")
        for row in shown:
            grid.add_row(row[0], *(row[index] for index in columns))
        console.print(grid)
    if len(shown) < len(table.rows):
        console.print(f"… and {len(table.rows) - len(shown)} more rows in the report's files.")
    console.print(Text(table.note, style="dim"))
    console.print()


def _fit(table: TextTable, width: int) -> list[list[int]]:
    """Return column numbers per part, keeping the columns of a group together."""
    groups, start = [], 1
    for size in table.groups or (1,) * (len(table.columns) - 1):
        groups.append(list(range(start, start + size)))
        start += size
    room = width - _width(table, 0) - 4
    parts: list[list[int]] = [[]]
    for group in groups:
        need = sum(_width(table, index) + 3 for index in group)
        used = sum(_width(table, index) + 3 for index in parts[-1])
        if parts[-1] and used + need > room:
            parts.append([])
        parts[-1] += group
    return parts


def _width(table: TextTable, index: int) -> int:
    head = max(len(part) for part in table.columns[index].split(" ", 1))
    return max(head, *(len(row[index]) for row in table.rows[:_LONGEST]), 1) if table.rows else head


def show_failures(console: Console, failures: Sequence[Mapping[str, object]]) -> None:
    """Print what failed, a line each."""
    if not failures:
        return
    console.print(Text(f"{len(failures)} failed:", style="bold red"))
    for row in failures[:_LONGEST]:
        where = "/".join(str(row[key]) for key in ("track_id", "model", "stem"))
        console.print(Text(f"  {where}: {row['error']}"), soft_wrap=True)
    if len(failures) > _LONGEST:
        console.print(f"  … and {len(failures) - _LONGEST} more in tables/scores.")
