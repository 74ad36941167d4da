"""A gate for releases: is what a run would deploy not worse than what its baseline would, per stem?

Songs are matched; a song that the baseline separates and the run does not is no missing value, but a
fault of the run, and fails the stem.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from stemwise.analysis.dependence import duplicates_of
from stemwise.analysis.matched import Matched, by_stem
from stemwise.analysis.noninferiority import FAILED, PASSED, UNDECIDED, Comparison, Outcome, compare
from stemwise.core.checks import in_range
from stemwise.core.errors import ConfigError
from stemwise.core.nearest import did_you_mean
from stemwise.core.stems import MIXTURE
from stemwise.core.types import HELD_OUT, RECIPE_PREFIX, REFERENCE
from stemwise.selection.keys import STEM, TRACK, is_stem
from stemwise.storage.tables import metrics_in

Stem = tuple[str, str, str]
MARGIN_DB, DEFAULT = 0.1, "default"
_NEW, _OLD = "run", "baseline"
_DEPLOYED = RECIPE_PREFIX + HELD_OUT


@dataclass(frozen=True)
class Gate:
    """What is asked of a run.

    Attributes:
        column: the score that is compared.
        margin: how much worse it may be in dB, or of which stem; `default` is for the others.
        alpha: how often a run that is worse by the margin may pass.
        model: what is taken of the run; None for what it would deploy.
        baseline_model: what is taken of the baseline; None for what it would deploy.
        stems: those to check; None for all of the baseline.
        max_lost: songs of a stem that the baseline separates, and the run may fail on.
    """

    column: str = "score"
    margin: float | Mapping[str, float] = MARGIN_DB
    alpha: float = 0.05
    model: str | None = None
    baseline_model: str | None = None
    stems: tuple[str, ...] | None = None
    max_lost: int = 0

    def __post_init__(self) -> None:
        in_range("alpha", self.alpha, above=0, below=0.5)
        in_range("max_lost", self.max_lost, least=0)
        if self.stems == ():
            raise ConfigError("stems=[] is empty: leave it out for all.")
        for key, value in self._margins().items():
            in_range(f"margin.{key}" if key else "margin", value, least=0)

    def _margins(self) -> dict[str, float]:
        return {"": self.margin} if isinstance(self.margin, int | float) else dict(self.margin)

    def margin_of(self, stem: str) -> float:
        """Return how much worse a stem may be, in dB."""
        own = self._margins()
        return own.get(stem, own.get("", own.get(DEFAULT, MARGIN_DB)))

    def check_names(self, stems: Sequence[str]) -> None:
        """Refuse a margin or a choice of stems that the baseline does not have (ConfigError)."""
        named = [(f"margin.{key}", key) for key in self._margins() if key not in ("", DEFAULT)]
        for key, stem in [*named, *(("stems", stem) for stem in self.stems or ())]:
            if stem not in stems:
                raise ConfigError(
                    f"{key}: the baseline has no {stem!r}: {did_you_mean(stem, stems)}it has "
                    f"{', '.join(stems)}."
                )


@dataclass(frozen=True)
class Side:
    """One of the two runs: rows of its tables, and what it is called for people."""

    name: str
    scores: pl.DataFrame
    tracks: pl.DataFrame
    leaderboard: pl.DataFrame


@dataclass(frozen=True)
class StemCheck:
    """What the gate says of a stem.

    Attributes:
        stem: (parent, parent source, stem).
        model: what was taken of the run; None where it has no such stem.
        baseline_model: what was taken of the baseline.
        margin: in dB.
        outcome: `passed`, `failed` or `undecided`.
        comparison: the test's numbers.
        lost: songs that the baseline separates and the run does not, as dataset/track.
        unmatched: further songs on which only one of them has a finite score.
        reason: one sentence.
    """

    stem: Stem
    model: str | None
    baseline_model: str
    margin: float
    outcome: Outcome
    comparison: Comparison
    lost: tuple[str, ...] = ()
    unmatched: int = 0
    reason: str = ""

    @property
    def label(self) -> str:
        """The stem's name for people: `vocals`, `drums/kick`."""
        parent, _, stem = self.stem
        return stem if parent == MIXTURE else f"{parent}/{stem}"


def check(new: Side, old: Side, gate: Gate) -> list[StemCheck]:
    """Test each stem of the baseline.

    Raises:
        ConfigError: a score, model or stem that a run does not have.
    """
    for side in (new, old):
        _check_column(side, gate.column)
    baseline = _chosen(old, gate.baseline_model, deployed_only=True)
    gate.check_names(sorted({stem for _, _, stem in baseline}))
    run = _chosen(new, gate.model)
    return [
        _check_stem(new, old, gate, stem, run.get(stem), baseline[stem])
        for stem in sorted(baseline, key=lambda stem: (stem[0] != MIXTURE, stem))
        if gate.stems is None or stem[2] in gate.stems
    ]


def worst(checks: Sequence[StemCheck]) -> Outcome:
    """Return the outcome of the whole: all stems must pass, and nothing is checked by no stem."""
    found = {check.outcome for check in checks} or {UNDECIDED}
    return next(outcome for outcome in (FAILED, UNDECIDED, PASSED) if outcome in found)


def _check_column(side: Side, column: str) -> None:
    known = ["score", *metrics_in(side.scores)]
    if column not in known:
        near = did_you_mean(column, known)
        raise ConfigError(f"score={column} is no score: {near}use one of {', '.join(known)}.")
    if side.scores[column].null_count() == side.scores.height:
        raise ConfigError(
            f"score={column} was not measured in {side.name}: use another one, or run `stemwise "
            "evaluate` with it."
        )


def _chosen(side: Side, model: str | None, deployed_only: bool = False) -> dict[Stem, str]:
    """Return whose scores are taken of each stem; below true parents nothing is ever deployed."""
    served = side.scores.filter(pl.col("parent_source") != REFERENCE)
    if model is not None:
        found = _stems_of(served, model)
        if not found:
            known = sorted(served["model"].unique())
            near = did_you_mean(model, known)
            raise ConfigError(
                f"{side.name} has no scores of {model!r}: {near}it has {', '.join(known)}."
            )
        return dict.fromkeys(found, model)
    deployed = dict.fromkeys(_stems_of(served, _DEPLOYED), _DEPLOYED)
    if deployed and deployed_only:
        return deployed
    first = side.leaderboard.filter(pl.col("rank") == 1, pl.col("parent_source") != REFERENCE)
    return {row[:3]: row[3] for row in first.select(*STEM, "model").iter_rows()} | deployed


def _stems_of(scores: pl.DataFrame, model: str) -> list[Stem]:
    return scores.filter(pl.col("model") == model).select(STEM).unique().rows()


def _check_stem(
    new: Side, old: Side, gate: Gate, stem: Stem, model: str | None, baseline_model: str
) -> StemCheck:
    margin = gate.margin_of(stem[2])
    found = StemCheck(stem, model, baseline_model, margin, UNDECIDED, Comparison(UNDECIDED, 0, 0))
    if model is None:
        return replace(found, reason=f"{new.name} has no {stem[2]}: stems= leaves it out.")
    rows = {
        _NEW: new.scores.filter(*is_stem(stem), pl.col("model") == model),
        _OLD: old.scores.filter(*is_stem(stem), pl.col("model") == baseline_model),
    }
    lost, unmatched = _lost(rows, new.tracks, gate.column)
    comparison, reason = _compared(_matched(rows, new.tracks, gate.column), margin, gate.alpha)
    outcome = comparison.outcome
    if len(lost) > gate.max_lost:
        outcome = FAILED
        reason = (
            f"{new.name} has no score of {len(lost)} songs that {old.name} separates, such as "
            f"{lost[0]}."
        )
    return replace(
        found,
        comparison=comparison,
        outcome=outcome,
        lost=lost,
        unmatched=unmatched,
        reason=reason,
    )


def _matched(rows: Mapping[str, pl.DataFrame], tracks: pl.DataFrame, column: str) -> Matched | None:
    """Return both sides' scores on the songs where both are finite; None where no row is usable."""
    both = pl.concat(
        [
            # columns of users' own metrics may stand in one of them only
            frame.select(*TRACK, *STEM, "status", column).with_columns(pl.lit(side).alias("model"))
            for side, frame in rows.items()
        ]
    )
    return next(by_stem(both, tracks, (_NEW, _OLD), column, duplicates_of(tracks)), None)


def _compared(matched: Matched | None, margin: float, alpha: float) -> tuple[Comparison, str]:
    """Return the test's numbers, and a sentence where songs are too few."""
    if matched is None or set(matched.models) != {_NEW, _OLD}:
        extreme = matched is not None and bool(matched.extremes)
        told = "all scores of one of them are infinite" if extreme else "no song is in both"
        return Comparison(UNDECIDED, 0, 0), f"Nothing to compare: {told}."
    found = compare(matched.of(_NEW) - matched.of(_OLD), matched.artists, margin, alpha)
    return found, _reason(found, margin)


def _reason(found: Comparison, margin: float) -> str:
    if found.tracks == 0:
        return "Nothing to compare: no song has a finite score in both."
    if found.low is None:
        return "Too few songs to say: those of one artist tell nothing about others."
    if found.outcome == PASSED:
        return f"Not worse by {margin:g} dB: at least {found.low:+.2f} dB."
    if found.outcome == FAILED:
        return f"Worse by more than {margin:g} dB: at most {found.high:+.2f} dB."
    if found.tracks_needed is None:
        return "Too few songs to say, and no number of them that one could have would do."
    artists = found.artists_needed
    return (
        f"Too few songs to say, about {found.tracks_needed} are needed (of {artists} artists; there "
        f"are {found.tracks} of {found.artists})."
    )


def _lost(
    rows: Mapping[str, pl.DataFrame], tracks: pl.DataFrame, column: str
) -> tuple[tuple[str, ...], int]:
    """Return the songs that only the run fails on, and how many others have one finite score."""
    values = {
        side: {
            row[:2]: row[2]
            for row in frame.filter(pl.col("status") == "ok")
            .drop_nulls(column)
            .select(*TRACK, column)
            .iter_rows()
        }
        for side, frame in rows.items()
    }
    heard = set(tracks.select(TRACK).rows())
    finite = {
        side: {song for song, value in own.items() if math.isfinite(value)}
        for side, own in values.items()
    }
    # infinitely good is not lost
    perfect = {song for song, value in values[_NEW].items() if value == math.inf}
    bad = (finite[_OLD] & heard) - finite[_NEW] - perfect
    return tuple("/".join(song) for song in sorted(bad)), len((finite[_NEW] ^ finite[_OLD]) - bad)
