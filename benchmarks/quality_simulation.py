"""How often `fit_quality` shows what predicts nothing, finds what does, and covers 90 %.

Songs have three features and an SNR with a given correlation R between the SNR and their best linear
prediction; songs of one artist share half of the variance of features and error. Usage:

    python benchmarks/quality_simulation.py [STUDIES]
"""

from __future__ import annotations

import sys

import numpy as np

from stemwise.analysis.quality_fit import fit_quality
from stemwise.separation.quality import AGREEMENT, LEAKAGE, LEVEL, predict

NEW = 20  # songs by new artists per study


def songs(random, sizes, r, of_level):
    """Return features by name, SNR and artists: `of_level` of R² is the level's."""
    artist = np.repeat(np.arange(len(sizes)), sizes)

    def shared():
        whole = random.normal(size=len(sizes))[artist] + random.normal(size=len(artist))
        return whole / np.sqrt(2)

    level, other, noise = shared(), shared(), shared()
    leak, agree = (other + 0.3 * shared() for _ in range(2))
    signal = np.sqrt(of_level) * level + np.sqrt(1 - of_level) * other
    snr = 3 * (r * signal + np.sqrt(1 - r**2) * noise)
    return {LEVEL: 3 * level, LEAKAGE: 2 * leak, AGREEMENT: 4 * agree}, snr, artist


def study(random, artists, per_artist, r, of_level):
    """Return whether a prediction is shown, whether of the level alone, and what its intervals cover."""
    columns, snr, artist = songs(random, random.integers(1, per_artist + 1, artists), r, of_level)
    fit = fit_quality(columns, snr, [str(name) for name in artist])
    if fit.quality is None:
        return False, False, fit.every and fit.every.coverage, []
    new, true, _ = songs(random, np.ones(NEW, int), r, of_level)
    inside = []
    for song in range(NEW):
        told = predict(fit.quality, {name: values[song] for name, values in new.items()})
        if told is not None:
            inside.append(told[1] <= true[song] <= told[2])
    return True, fit.quality.features == (LEVEL,), fit.chosen.coverage, inside


def main(studies: int) -> None:
    """Print a line per setting."""
    random = np.random.default_rng(1)
    print("R    of level  artists  songs  shown  level alone  covered  said  predicted")
    for r, of_level in ((0.0, 0.5), (0.6, 0.5), (0.9, 0.5), (0.9, 1.0)):
        for artists in (6, 8, 12, 30, 50):
            for per_artist in (1, 3):
                done = [study(random, artists, per_artist, r, of_level) for _ in range(studies)]
                shown = [one for one in done if one[0]]
                inside = [hit for one in shown for hit in one[3]]
                said = [one[2] for one in shown if one[2] is not None]
                print(
                    f"{r:.1f}  {of_level:8.1f}  {artists:7d}  {per_artist:5d}"
                    f"  {len(shown) / studies:5.2f}"
                    f"  {sum(one[1] for one in shown) / max(1, len(shown)):11.2f}"
                    f"  {np.mean(inside) if inside else np.nan:7.2f}"
                    f"  {np.mean(said) if said else np.nan:4.2f}"
                    f"  {len(inside) / max(1, NEW * len(shown)):9.2f}",
                    flush=True,
                )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
