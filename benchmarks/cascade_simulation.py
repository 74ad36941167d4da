"""How often a cascade's prediction is established: without a relation (size) and with one (power).

python benchmarks/cascade_simulation.py [studies]

Songs' gains have a mean of 0.3 dB and a standard deviation of 1; those of one artist are correlated by
0.3, and so are their features. With a relation, the first feature is correlated with the gain by 0.57.
Takes a few minutes.
"""

from __future__ import annotations

import sys

import numpy as np

from stemwise.analysis.cross_fit import folds_of
from stemwise.analysis.tier_gain import fit_gain, over_chance, predicted

SIZES = ((3, 1), (5, 2), (8, 1), (13, 1), (10, 3), (30, 1), (50, 2))
CORRELATED = 0.3
SLOPE = 0.7


def established(
    random: np.random.Generator, artists: int, songs: int, features: int, slope: float, skewed: bool
) -> bool:
    """Draw one study, and tell whether the prediction is established in it."""
    names = [f"artist {number}" for number in range(artists) for _ in range(songs)]
    shared, own = np.sqrt(CORRELATED), np.sqrt(1 - CORRELATED)
    noise = random.exponential(size=len(names)) - 1 if skewed else random.normal(size=len(names))
    gains = shared * np.repeat(random.normal(size=artists), songs) + own * noise
    found = own * random.normal(size=(len(names), features))
    found += shared * np.repeat(random.normal(size=(artists, features)), songs, axis=0)
    gains += 0.3 + slope * found[:, 0]
    signal = np.zeros(len(names))
    for part in folds_of(names, 5, 0) or ():
        outside = np.setdiff1d(np.arange(len(names)), part)
        fitted = fit_gain(found[outside], gains[outside])
        signal[part] = predicted(fitted, found[part]) - gains[outside].mean()
    low = over_chance(np.round(signal, 9), gains, names)[1]
    return low is not None and low > 0


def main(studies: int) -> None:
    """Print a line per size: shares without a relation (normal, exponential) and with one."""
    print("artists songs features | normal exponential | related")
    for artists, songs in SIZES:
        for features in (2, 3):
            shares = []
            for slope, skewed in ((0.0, False), (0.0, True), (SLOPE, False)):
                random = np.random.default_rng(1)
                drawn = [
                    established(random, artists, songs, features, slope, skewed)
                    for _ in range(studies)
                ]
                shares.append(f"{np.mean(drawn):.3f}")
            print(
                f"{artists:7} {songs:5} {features:8} | {shares[0]:>6} {shares[1]:>11} | {shares[2]}"
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 600)
