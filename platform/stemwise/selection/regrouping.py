"""Measured blocks put together to longer ones, for many stems at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Float = npt.NDArray[np.float64]
Int = npt.NDArray[np.int64]
# With fewer blocks than this the blocks are made shorter, down to those of the measurements.
_FEWEST = 8


def edges(counts: Int, seconds: Float, block_s: float) -> tuple[Int, Int]:
    """Return where blocks of about `block_s` begin, and how many of them each stem has.

    A stem with fewer than 8 such blocks gets shorter ones, so that a short song is not certain merely
    because it has a single block. The remainder joins the last block.

    Args:
        counts: measured blocks of each stem; the stems lie one after another.
        seconds: length of a measured block of each stem.
        block_s: seconds that are wanted.

    Returns:
        Positions for `numpy.add.reduceat` over the measured blocks of all stems, and a count per stem.
    """
    wanted = np.round(block_s / np.asarray(seconds)).astype(np.int64)
    size = np.maximum(1, np.minimum(wanted, np.asarray(counts) // _FEWEST))
    made = np.maximum(1, counts // size)
    within = np.arange(made.sum()) - np.repeat(np.cumsum(made) - made, made)
    return np.repeat(np.cumsum(counts) - counts, made) + within * np.repeat(size, made), made
