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


@dataclass(frozen=True)
class Confidence:
    """Share of draws that the winner won, and the 95 % interval of its margin over the runner-up."""

    win_probability: float | None
    margin_low: float | None
    margin_high: float | None


ALONE = Confidence(1.0, None, None)
UNKNOWN = Confidence(None, None, None)


def draw_blocks(blocks: int, draws: int, seed: int) -> Float:
    """Return how often each of `blocks` is in each draw with replacement, `(draws, blocks)`."""
    generator = np.random.default_rng(seed)
    return generator.multinomial(blocks, np.full(blocks, 1 / blocks), size=draws).astype(float)


def win_confidence(
    first: tuple[Float, Float], second: tuple[Float, Float], rule: Rule, drawn: Float
) -> list[Confidence]:
    """Return how often the winner wins when the track is made of other blocks of the same song.

    Args:
        first: target and residual energies of the first score, `(stems, blocks, models)`: the models of
            each stem from best to worst, two or more.
        second: energies of the second score.
        rule: makes one number of both.
        drawn: `draw_blocks` of the song, the same for all its stems, which keeps them paired.
    """
    scores = rule(*(decibels(*(drawn @ part for part in score)) for score in (first, second)))
    scores = np.where(np.isnan(scores), -np.inf, scores)
    wins = (np.argmax(scores, axis=2) == 0).mean(axis=1)
    with np.errstate(invalid="ignore"):
        margins = scores[:, :, 0] - scores[:, :, 1]
    bounds = (_interval(own) for own in margins)
    return [Confidence(float(won), *own) for won, own in zip(wins, bounds, strict=True)]


def _interval(margins: Float) -> tuple[float | None, float | None]:
    """Return the 95 % interval of the margins that are finite."""
    finite = margins[np.isfinite(margins)]
    if not len(finite):
        return None, None
    low, high = np.percentile(finite, [2.5, 97.5])
    return float(low), float(high)


def stable_seed(seed: int, names: Sequence[str]) -> int:
    """Return a seed that depends on `names` in the same way on every machine."""
    return zlib.crc32("\0".join(names).encode()) ^ seed
