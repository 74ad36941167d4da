"""The report's answer for a stem: what to deploy, what it scores and costs, and why."""

from __future__ import annotations

from dataclasses import dataclass, replace

from stemwise.core.types import ESTIMATE, REFERENCE
from stemwise.report.cautions import beaten_by_input, cautions
from stemwise.report.deployment import (
    BLEND,
    MODEL,
    NOTHING,
    more_sentence,
    worth_of,
    worth_sentence,
)
from stemwise.report.leading import perfect, suspicion
from stemwise.report.ledger_words import blend_sentence
from stemwise.report.run_tables import Row, RunTables, StemKey, finite
from stemwise.report.tie_words import beside_the_rest, ties_sentence
from stemwise.report.unknown import no_answer

LEADS, TIED, UNKNOWN = "leads", "tied", "unknown"
_BELOW_SILENCE = "worse than silence"
_SUM = "+"  # joins the names of stems that models put into one


@dataclass(frozen=True)
class Verdict:
    """The answer for one stem.

    Attributes:
        key: the stem.
        kind: `blend`, `model` or `nothing` where the run says what to deploy; else `leads` (one model
            beats all others, or is alone), `tied`, `nothing` or `unknown`.
        models: what is deployed, or who leads: the first tie group, best first. Of `nothing`, the best.
        weights: of the models of a blend; empty for all else.
        score, low, high: mean score in dB with its 95 % interval; of a tie that of its first.
        cost: seconds of compute per minute of audio; None where unknown.
        why: in a few words, why this one; of `nothing` and `unknown`, why not.
        details: sentences on ties, on what a blend gains, and on what more quality would cost.
        cautions: sentences to read before relying on it.
    """

    key: StemKey
    kind: str
    models: tuple[str, ...] = ()
    weights: tuple[float, ...] = ()
    score: float | None = None
    low: float | None = None
    high: float | None = None
    cost: float | None = None
    why: str = ""
    details: tuple[str, ...] = ()
    cautions: tuple[str, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether there is a model worth using."""
        return self.kind not in (NOTHING, UNKNOWN)


def verdict(run: RunTables, key: StemKey) -> Verdict:
    """Return the answer for one stem.

    It is from `deployment`; where a run has no such row (imported scores, sums of stems, an older
    version's run), from `leaderboard`, `comparisons` and `regret`, and names the winner of no tie.
    """
    every = sorted(run.rows("leaderboard", key), key=lambda row: row["rank"])
    board = finite(every)
    odd = suspicion(perfect(every))
    for row in run.rows("deployment", key):
        return _deployed(run, key, row, board, odd)
    if not board:
        return Verdict(key, UNKNOWN, why=no_answer(run, key), cautions=(odd,) if odd else ())
    return _leading(run, key, board, odd)


def verdicts(run: RunTables) -> list[Verdict]:
    """Return the answers that users get: of the stems of the mixture, and of estimated parents.

    Where nothing estimates a parent, its stems are those of the true one.
    Sums of stems that only serve to compare models are left out where the run says what to deploy,
    but for those that stand on more tracks than their parts: they replace them.
    """
    decided = {
        tuple(row) for row in run["deployment"].select("parent", "parent_source", "stem").rows()
    }
    sums = [key for key in run.level1 if _SUM in key[2] and key not in decided]
    left_out = {dropped for key in sums for dropped in _narrower(run, key)} if decided else set()
    top = [key for key in run.level1 if key not in left_out]
    parents = {key[2] for key in top}
    estimated = {key[0] for key in run.stems if key[1] == ESTIMATE}
    below = [
        key
        for key in run.stems
        if key[0] in parents and key[1] == (ESTIMATE if key[0] in estimated else REFERENCE)
    ]
    ordered = [found for key in top for found in (key, *(k for k in below if k[0] == key[2]))]
    return [_outside(run, key) if decided and key in sums else verdict(run, key) for key in ordered]


def _outside(run: RunTables, key: StemKey) -> Verdict:
    """Return the answer for a sum of stems, of which the run's recipe has no stem."""
    found = verdict(run, key)
    return replace(found, why=f"{found.why}; not in the recipe")


def _narrower(run: RunTables, key: StemKey) -> list[StemKey]:
    """Return what gives way: the parts of a sum of stems, or the sum if a part has as many tracks."""
    parts = [k for k in run.level1 if k[:2] == key[:2] and k[2] in key[2].split(_SUM)]
    most = max((_tracks(run, part) for part in parts), default=0)
    return parts if _tracks(run, key) > most else [key]


def _tracks(run: RunTables, key: StemKey) -> int:
    return max((int(row["tracks"]) for row in run.rows("leaderboard", key)), default=0)


def _deployed(run: RunTables, key: StemKey, row: Row, board: list[Row], odd: str | None) -> Verdict:
    pairs, models = run.rows("comparisons", key), tuple(row["models"] or ())
    facts = (row["mean_score"], row["low"], row["high"], row["seconds_per_minute"])
    if row["kind"] == NOTHING:
        why = beaten_by(row)
        return Verdict(key, NOTHING, models, (), *facts, why, cautions=(odd,) if odd else ())
    blended = row["kind"] == BLEND
    why = worth_of(row) if blended else beside_the_rest(models, board, pairs)
    if row.get("ensemble"):  # weights over the estimates of all stems
        why += ", blending all their stems" if len(models) > 1 else ", blending all its stems"
    said: list[str | None] = [worth_sentence(row)]
    if not blended and len(board) > 1:
        said += [
            ties_sentence(models[0], board, pairs) if len(models) == 1 else None,
            blend_sentence(run.rows("regret", key)),
        ]
    return Verdict(
        key,
        BLEND if blended else MODEL,
        models,
        tuple(row["weights"] or ()) if blended else (),
        *facts,
        why,
        tuple(filter(None, [*said, more_sentence(row)])),
        cautions(run, key, board, models, odd),
    )


def _leading(run: RunTables, key: StemKey, board: list[Row], odd: str | None) -> Verdict:
    first, pairs = board[0], run.rows("comparisons", key)
    tied = tuple(row["model"] for row in board if row["tie_group"] == first["tie_group"])
    facts = (first["mean_score"], first["low"], first["high"], first["seconds_per_minute"])
    beaten = _unusable(run, key, first)
    if beaten:
        return Verdict(key, NOTHING, tied[:1], (), *facts, beaten, cautions=(odd,) if odd else ())
    said = [ties_sentence(first["model"], board, pairs) if len(board) > 1 else ""]
    if len(board) > 1 and not run.imported:  # of imported scores no blend can be known
        said.append(blend_sentence(run.rows("regret", key)))
    return Verdict(
        key,
        TIED if len(tied) > 1 else LEADS,
        tied,
        (),
        *facts,
        "no clear winner" if len(tied) > 1 else beside_the_rest(tied, board, pairs),
        tuple(filter(None, said)),
        cautions(run, key, board, tied[:1], odd),
    )


def beaten_by(row: Row) -> str:
    """Say what the best of a stem does not beat, from a row of `deployment`."""
    return _BELOW_SILENCE if row["below"] == "silence" else _below_input(row["parent"])


def _below_input(parent: str) -> str:
    return f"no better than the unprocessed {parent}"


def _unusable(run: RunTables, key: StemKey, first: Row) -> str:
    """Say why the best model of a stem is unusable; empty where it is not."""
    if first["mean_score"] <= 0:
        return _BELOW_SILENCE if not run.imported else "error as loud as the stem itself"
    if beaten_by_input(run, key, first["model"]):
        return _below_input(key[0])
    return ""
