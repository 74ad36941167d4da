"""How sure a winner is: a paired block bootstrap over time.

The paper's "bootstrapped aggregation", made exact: blocks of about 10 s are drawn with replacement,
the same ones for all models; energies are summed over the drawn blocks, scored, and the winner noted.
Filters and gains of the scale-free scores stay at their whole-track values.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stemwise.measurement.energy_ratios import decibels
from stemwise.selection.rules import Rule

Float = npt.NDArray[np.float64]
# With fewer blocks than this the blocks are made shorter, down to those of the measurements.
_FEWEST = 8


@dataclass(frozen=True)
class Energies:
    """Target and residual energies `(models, blocks)` of one score."""

    target: Float
    residual: Float


@dataclass(frozen=True)
class Confidence:
    """Share of draws that the winner won, and the 95 % interval of its margin over the runner-up."""

    win_probability: float | None
    margin_low: float | None
    margin_high: float | None


def regroup(values: Float, seconds: float, block_s: float) -> Float:
    """Sum measured blocks of `seconds` into bootstrap blocks of about `block_s`.

    A track with fewer than 8 such blocks gets shorter ones, so that a short song is not certain
    merely because it has a single block. The remainder joins the last block.
    """
    count = values.shape[-1]
    size = max(1, min(round(block_s / seconds), count // _FEWEST))
    edges = np.arange(0, max(1, count // size)) * size
    return np.add.reduceat(values, edges, axis=-1)


def win_confidence(
    first: Energies,
    second: Energies,
    rule: Rule,
    winner: int,
    runner_up: int | None,
    draws: int,
    seed: int,
) -> Confidence:
    """Return how often `winner` wins when the track is made of other blocks of the same song.

    Args:
        first: energies of the first score, by model and bootstrap block.
        second: energies of the second score.
        rule: makes one number of both.
        winner: index of the chosen model.
        runner_up: index of the second best, None where there is only one model.
        draws: bootstrap samples.
        seed: of the random numbers; the same for all stems of a track keeps pairing.
    """
    if runner_up is None:
        return Confidence(1.0, None, None)
    blocks = first.target.shape[1]
    if blocks < 2:
        return Confidence(None, None, None)  # a single block tells nothing about other ones
    generator = np.random.default_rng(seed)
    weights = generator.multinomial(blocks, np.full(blocks, 1 / blocks), size=draws).astype(float)
    scores = rule(_resample(first, weights), _resample(second, weights))
    scores = np.where(np.isnan(scores), -np.inf, scores)
    wins = np.argmax(scores, axis=1) == winner
    with np.errstate(invalid="ignore"):
        margins = scores[:, winner] - scores[:, runner_up]
    margins = margins[np.isfinite(margins)]
    low, high = np.percentile(margins, [2.5, 97.5]) if len(margins) else (None, None)
    return Confidence(
        float(wins.mean()),
        None if low is None else float(low),
        None if high is None else float(high),
    )


def stable_seed(seed: int, names: Sequence[str]) -> int:
    """Return a seed that depends on `names` in the same way on every machine."""
    return zlib.crc32("\0".join(names).encode()) ^ seed


def _resample(energies: Energies, weights: Float) -> Float:
    """Return scores `(draws, models)` in dB."""
    return decibels(weights @ energies.target.T, weights @ energies.residual.T)
