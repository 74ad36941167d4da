"""How `stemwise check` decides, simulated: wrong passes, power, and whether its N is enough.

    python benchmarks/check_gate.py [--studies 2000] [--seed 0]

Differences of songs are an artist's effect plus a song's (correlation 0.3 within an artist, standard
deviation 0.5 dB, normal or t₃). Printed per number of artists and songs of each: how often a true
difference of −margin passes (at most α is promised), how often one of 0 passes, how often one of
−2·margin fails; and for undecided studies of equally good runs the median of N over the N that the true
spread needs, its quartiles, and how often a new study of N songs passes (80 % is meant).
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
from scipy import stats

from stemwise.analysis.clusters import clusters_of
from stemwise.analysis.noninferiority import FAILED, PASSED, UNDECIDED, Comparison, compare

Draw = Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]
MARGIN, ALPHA, SPREAD, WITHIN = 0.1, 0.05, 0.5, 0.3
DRAWS: dict[str, Draw] = {
    "normal": lambda random, shape: random.normal(size=shape),
    "t3": lambda random, shape: random.standard_t(3, size=shape) / np.sqrt(3),
}
SIZES: dict[str, Callable[[int], list[int]]] = {
    "1 song each": lambda artists: [1] * artists,
    "3 songs each": lambda artists: [3] * artists,
    "1 to 8 songs": lambda artists: [(1, 2, 8, 1, 3)[place % 5] for place in range(artists)],
}


def differences(random: np.random.Generator, draw: Draw, sizes: list[int], mean: float) -> tuple:
    """Return the differences of a study's songs, and their artists."""
    labels = [str(artist) for artist, size in enumerate(sizes) for _ in range(size)]
    effects = np.repeat(draw(random, (len(sizes),)), sizes) * np.sqrt(WITHIN)
    songs = draw(random, (len(labels),)) * np.sqrt(1 - WITHIN)
    return mean + SPREAD * (effects + songs), labels


def study(random: np.random.Generator, draw: Draw, sizes: list[int], mean: float) -> Comparison:
    """Return what one study says."""
    return compare(*differences(random, draw, sizes, mean), MARGIN, ALPHA)


def share(
    random: np.random.Generator, args: tuple, mean: float, outcome: str, studies: int
) -> float:
    """Return how many of the studies of a true difference end with an outcome, in per cent."""
    found = [study(random, *args, mean).outcome for _ in range(studies)]
    return 100 * found.count(outcome) / studies


def truly_needed(draw: Draw, sizes: Callable[[int], list[int]]) -> int:
    """Return the songs that the true spread needs, by the normal approximation."""
    values, labels = differences(np.random.default_rng(1), draw, sizes(30_000), 0.0)
    error = clusters_of(labels).error(values)
    assert error is not None
    bounds = stats.norm.isf(ALPHA) + stats.norm.isf(0.2)
    return round((bounds * error / MARGIN) ** 2 * len(values))


def quality(
    random: np.random.Generator, draw: Draw, sizes: Callable, artists: int, studies: int
) -> str:
    """Return how N of undecided studies compares with what is needed, and what it achieves."""
    true, asked, passes = truly_needed(draw, sizes), [], []
    per_artist = sum(sizes(artists)) / artists
    for _ in range(studies):
        found = study(random, draw, sizes(artists), 0.0)
        if found.outcome == UNDECIDED and found.tracks_needed is not None:
            asked.append(found.tracks_needed)
            more = sizes(max(2, min(5000, round(found.tracks_needed / per_artist))))
            passes.append(study(random, draw, more, 0.0).outcome == PASSED)
    if not asked:
        return "none undecided"
    low, half, high = np.percentile(asked, (25, 50, 75)) / true
    told = f"N/{true} {half:.2f} ({low:.2f} – {high:.2f}), passes {100 * np.mean(passes):.0f} %"
    return f"{told} of {len(asked)}"


def main() -> None:
    """Print a line per shape, number of artists and songs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    random = np.random.default_rng(options.seed)
    for shape, draw in DRAWS.items():
        for name, sizes in SIZES.items():
            for artists in (1, 2, 3, 5, 8, 12, 20, 50):
                args, n = (draw, sizes(artists)), options.studies
                print(
                    f"{shape:6} {name:12} {artists:2} artists: "
                    f"wrong passes {share(random, args, -MARGIN, PASSED, n):4.1f} %, "
                    f"wrong failures {share(random, args, -MARGIN, FAILED, n):4.1f} %, "
                    f"equal passes {share(random, args, 0.0, PASSED, n):5.1f} %, "
                    f"−0.5 dB fails {share(random, args, -0.5, FAILED, n):5.1f} %; "
                    f"{quality(random, draw, sizes, artists, max(50, n // 8))}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
