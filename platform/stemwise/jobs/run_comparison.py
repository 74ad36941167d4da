"""Several runs in one table and page: a sweep's jobs, or finished runs that `stemwise compare` names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from stemwise.analysis.between_runs import ANSWER, RunSide, between_runs
from stemwise.core.errors import ConfigError
from stemwise.jobs.run_places import REPORT, TABLES, RunFolder
from stemwise.jobs.same_protocol import BLOCKS, SCORE, protocol_of, same_protocol, same_songs
from stemwise.report.runs.page import Comparison, Group, Line, write_page
from stemwise.selection.keys import STEM, TRACK
from stemwise.storage import tables

READ = ("scores", "tracks", "leaderboard", "deployment")
_OWN = ("tracks", "artists", "mean_score", "low", "high", "seconds_per_minute")


@dataclass(frozen=True)
class ComparedRun:
    """A run among others.

    Attributes:
        line: what it is called, what tells it apart, what became of it.
        local: its folder on this machine, with what `READ` names; None where it has no tables.
    """

    line: Line
    local: Path | None = None

    @property
    def folder(self) -> Path:
        """Where its tables are."""
        assert self.local is not None
        return self.local

    def table(self, name: str) -> pl.DataFrame:
        """Return one of its tables."""
        return tables.read(self.folder / TABLES, name)


# Runs that may be compared: of one protocol, and not of different songs.
Alike = list[ComparedRun]


def compared(
    folder: RunFolder, title: str, kind: str, groups: Sequence[Alike], others: Sequence[Line] = ()
) -> Comparison:
    """Write tables and page of runs into `<folder>/tables` and `<folder>/report`; return what they show.

    Args:
        folder: where to.
        title: of the page.
        kind: what sort of page it is.
        groups: runs that may be compared with each other.
        others: runs without tables.

    Raises:
        OutputError: a table of a run cannot be read, or the folder not be written.
    """
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in tables.SWEEP}
    made = []
    for number, group in enumerate(groups, start=1):
        boards, pairs = between_runs([_side(run) for run in group])
        own = [row for run in group for row in _own_rows(run, number)]
        rows["sweep"] += own
        rows["sweep_scores"] += [row | {"group": number} for row in boards]
        rows["sweep_pairs"] += [row | {"group": number} for row in pairs]
        first = group[0]
        songs = first.table("tracks")["dataset"].unique().sort().to_list()
        lines = [run.line for run in group]
        made.append(Group(lines, boards, pairs, own, _protocol(first), songs))
    rows["sweep"] += [_facts(line) for line in others]
    for name, content in rows.items():
        tables.write(folder.local / TABLES, name, [tables.to_table(name, content)])
    lines = [*(run.line for group in groups for run in group), *others]
    comparison = Comparison(title, kind, lines, made)
    write_page(folder.local / REPORT, comparison)
    return comparison


def alike(runs: Iterable[ComparedRun]) -> list[Alike]:
    """Return runs in groups of one protocol and of songs that they have in common, in their order."""
    groups: list[Alike] = []
    for run in runs:
        fitting = next((group for group in groups if not _why_not(group[0], run)), None)
        if fitting is None:
            groups.append(fitting := [])
        fitting.append(run)
    return groups


def refuse_unlike(runs: Sequence[ComparedRun]) -> None:
    """Refuse runs of different protocols, or without a common song (ConfigError says what differs)."""
    first, *others = runs
    for other in others:
        if (reason := _why_not(first, other)) is not None:
            raise reason


def _why_not(first: ComparedRun, other: ComparedRun) -> ConfigError | None:
    """Return why two runs cannot be compared; None where they can."""
    names = first.line.folder, other.line.folder
    try:
        same_protocol({names[0]: first.folder, names[1]: other.folder}, SCORE, BLOCKS)
        one, two = first.table("tracks"), other.table("tracks")
        same_songs(one, two, names)
    except ConfigError as error:
        return error
    if one.join(two, on=list(TRACK), how="semi").is_empty():
        return ConfigError(
            f"{names[0]} and {names[1]} have no song in common: compare runs on one dataset."
        )
    return None


def _side(run: ComparedRun) -> RunSide:
    cost = {
        (*(row[key] for key in STEM), model): row["seconds_per_minute"]
        for name in ("leaderboard", "deployment")
        for row in run.table(name).iter_rows(named=True)
        if (model := row.get("model", ANSWER))
    }
    return RunSide(run.line.name, run.table("scores"), run.table("tracks"), cost)


def _own_rows(run: ComparedRun, group: int) -> list[dict[str, Any]]:
    """Return the rows of `sweep` of one run: its models, and what it would deploy, on its own songs."""
    head = _facts(run.line) | {"group": group}
    found = []
    for name in ("deployment", "leaderboard"):
        for row in run.table(name).iter_rows(named=True):
            own = {key: row[key] for key in (*STEM, *_OWN)}
            own |= {"model": row.get("model", ANSWER), "models": row.get("models")}
            found.append(head | own)
    return found


def _facts(line: Line) -> dict[str, Any]:
    return {
        "run": line.name,
        "folder": line.folder,
        "settings": [f"{key}={value}" for key, value in line.settings.items()],
        **{key: getattr(line, key) for key in ("status", "exit_code", "error", "wall_s")},
        **{key: getattr(line, key) for key in ("made", "found", "taken")},
    }


def _protocol(run: ComparedRun) -> Mapping[str, Any]:
    return protocol_of(run.folder, SCORE, BLOCKS)
