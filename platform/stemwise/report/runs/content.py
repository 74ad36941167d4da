"""What the page of several runs shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from stemwise.analysis.between_runs import ANSWER
from stemwise.core.stems import MIXTURE, sort_key
from stemwise.report.run_tables import StemKey
from stemwise.selection.keys import STEM

Row = dict[str, Any]


@dataclass(frozen=True)
class Line:
    """A run among others.

    Attributes:
        name: what it is called among them.
        folder: where it lies, for people.
        settings: what tells it apart from the others.
        status: `finished`, `partly failed`, `failed`, `killed`, `interrupted` or `not run`.
        exit_code: of its job, where that is known.
        error: the reason, where there is one.
        wall_s: how long it took.
        made: separations computed for it.
        found: separations that the store had.
        taken: songs that another job had measured.
        report: its own page, as a link.
        log: what it printed, as a link.
    """

    name: str
    folder: str
    settings: Mapping[str, str] = field(default_factory=dict)
    status: str = "finished"
    exit_code: int | None = None
    error: str | None = None
    wall_s: float | None = None
    made: int | None = None
    found: int | None = None
    taken: int | None = None
    report: str | None = None
    log: str | None = None


@dataclass(frozen=True)
class Group:
    """Runs of one protocol on the same recordings.

    Attributes:
        lines: the runs.
        boards: rows of `sweep_scores`.
        pairs: rows of `sweep_pairs`.
        own: rows of `sweep`: each run on its own songs.
        protocol: setting → value.
        datasets: of its songs.
    """

    lines: Sequence[Line]
    boards: Sequence[Row]
    pairs: Sequence[Row]
    own: Sequence[Row]
    protocol: Mapping[str, Any]
    datasets: Sequence[str]

    @cached_property
    def keys(self) -> list[str]:
        """The settings in which its runs differ."""
        every = dict.fromkeys(key for line in self.lines for key in line.settings)
        return [key for key in every if len({line.settings.get(key) for line in self.lines}) > 1]

    @cached_property
    def by_name(self) -> dict[str, Line]:
        """Its runs by name."""
        return {line.name: line for line in self.lines}

    @cached_property
    def stems(self) -> list[StemKey]:
        """Every (parent, parent source, stem), level 1 first."""
        found = {stem_of(row) for row in self.own if row["stem"] is not None}
        return sorted(found, key=lambda key: (key[0] != MIXTURE, key[0], sort_key(key[2]), key[1]))

    @cached_property
    def deploys(self) -> dict[tuple[str, StemKey], list[str]]:
        """What each run would deploy for a stem."""
        rows = (row for row in self.own if row["model"] == ANSWER)
        return {(row["run"], stem_of(row)): row["models"] or [] for row in rows}

    def board(self, key: StemKey, model: str = ANSWER) -> list[Row]:
        """Return the ranked rows of a stem."""
        rows = [row for row in self.boards if stem_of(row) == key and row["model"] == model]
        return sorted(rows, key=lambda row: row["rank"])

    def called(self, name: str) -> str:
        """Return what a run is called where there is little room: what tells it apart in this group."""
        line = self.by_name[name]
        values = [line.settings.get(key, "–") for key in self.keys]
        return " · ".join(values) if values and sum(map(len, values)) < 40 else name


@dataclass(frozen=True)
class Comparison:
    """Everything on the page.

    Attributes:
        title: its heading.
        kind: what sort of page it is.
        lines: all runs, those without tables too.
        groups: those that may be compared.
    """

    title: str
    kind: str
    lines: Sequence[Line]
    groups: Sequence[Group]


def stem_of(row: Mapping[str, Any]) -> StemKey:
    """Return a row's (parent, parent source, stem)."""
    parent, source, stem = (row[key] for key in STEM)
    return parent, source, stem
