"""The jobs of a sweep: where each writes, what tells it apart, and whose songs it can take over."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from stemwise.core.places import place
from stemwise.jobs.settings import EvaluateSettings
from stemwise.jobs.typed import written

# what has no say in what is measured of a song
_AFTERWARDS = ("output", "selection", "decision", "cluster", "sweep")


@dataclass(frozen=True)
class SweepJob:
    """One job.

    Attributes:
        number: its place in the sweep, from 0.
        settings: with an output of its own, and the store of all.
        differs: the overrides that not all jobs share, key → value as typed.
    """

    number: int
    settings: EvaluateSettings
    differs: Mapping[str, str]

    @property
    def name(self) -> str:
        """The name of its folder."""
        return f"job-{self.number}"

    @property
    def told(self) -> str:
        """What tells it apart, as typed."""
        return " ".join(f"{key}={value}" for key, value in self.differs.items())

    @cached_property
    def measures(self) -> str:
        """What decides what is measured; of jobs with the same, one measures for all."""
        content = {k: v for k, v in written(self.settings).items() if k not in _AFTERWARDS}
        content["metric"] = self.settings.metric.measured
        return json.dumps(content, sort_keys=True, default=str)


def jobs_of(gathered: Sequence[tuple[EvaluateSettings, Sequence[str]]]) -> list[SweepJob]:
    """Return the jobs of a sweep, in its order.

    Args:
        gathered: settings of each job, and the overrides that they were composed with.

    Raises:
        ConfigError: `output=` is a URI of a kind that nobody knows.
    """
    settings = [item for item, _ in gathered]
    differs = _differing([_parsed(overrides) for _, overrides in gathered])
    return [
        SweepJob(number, _separated(item, number), own)
        for number, (item, own) in enumerate(zip(settings, differs, strict=True))
    ]


def leaders(jobs: Sequence[SweepJob]) -> dict[int, int]:
    """Return for each job that measures the same as an earlier one the number of the first of them."""
    first: dict[str, int] = {}
    for job in jobs:
        first.setdefault(job.measures, job.number)
    return {job.number: first[job.measures] for job in jobs if first[job.measures] != job.number}


def _separated(settings: EvaluateSettings, number: int) -> EvaluateSettings:
    """Give a job its own folder, and all of them one estimate store."""
    base = place(settings.output or "", "output=")
    store = replace(settings.store, root=settings.store.root or str(base / "store"))
    return replace(settings, output=str(base / f"job-{number}"), store=store)


def _parsed(overrides: Sequence[str]) -> dict[str, str]:
    pairs = (text.lstrip("+~").partition("=") for text in overrides)
    return {key: value for key, _, value in pairs}


def _differing(overrides: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    keys = list(dict.fromkeys(key for own in overrides for key in own))
    varied = [key for key in keys if len({own.get(key) for own in overrides}) > 1]
    return [{key: own[key] for key in varied if key in own} for own in overrides]
