"""What test-time augmentation gains on the demo's songs, and at how many passes.

    python benchmarks/augmentation.py [demo_scnet demo_htdemucs …] [--songs 6] [--seconds 10]

Each model hears each song once per combination of delays (0, 0.11, 0.37 s), polarity and channels; all
averages follow from these passes. Printed per model and stem: the mean SNR of the plain model over the
songs, and the gain of each augmentation with its 95 % interval, songs being by different artists.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from itertools import product

import numpy as np

from demo_zoo import snr, sounds, targets
from stemwise.analysis.clusters import interval
from stemwise.core import stems
from stemwise.core.types import Audio
from stemwise.datasets.demo import DemoDataset
from stemwise.models.augment import Augment
from stemwise.models.augmented import AugmentedModel
from stemwise.models.registry import build, get, prepare
from stemwise.separation.separator import Separator

Combination = tuple[int, int, bool]
SHIFTS = (0, 4851, 16317)
CHOICES = {
    "plain": Augment(),
    "shifts": Augment(SHIFTS),
    "polarity": Augment(polarity=True),
    "swap": Augment(swap=True),
    "polarity and swap": Augment(polarity=True, swap=True),
    "all": Augment(SHIFTS, polarity=True, swap=True),
}


def of(augment: Augment) -> list[Combination]:
    """Return the combinations that an augmentation averages."""
    return list(
        product(augment.shifts, (1, -1)[: 1 + augment.polarity], (False, True)[: 1 + augment.swap])
    )


def passes(name: str, mixture: Audio) -> dict[Combination, np.ndarray]:
    """Return a model's estimates `(stems, 2, samples)` of each combination, undone."""
    found = {}
    for shift, sign, swap in of(CHOICES["all"]):
        delayed = AugmentedModel(build(prepare(get(name))), Augment((shift,)))
        given = sign * (mixture[::-1] if swap else mixture)
        made = sign * Separator(delayed, "cpu")(np.ascontiguousarray(given)).numpy()
        found[shift, sign, swap] = made[:, ::-1] if swap else made
    return found


def song(name: str, truth: dict[str, Audio]) -> dict[tuple[str, str], float]:
    """Return the SNR in dB of each stem that the song has, by (stem, choice)."""
    made, found = get(name).stems, {}
    heard = passes(name, truth[stems.MIXTURE])
    for choice, augment in CHOICES.items():
        mean = np.mean([heard[one] for one in of(augment)], axis=0)
        for stem, estimate in zip(made, mean, strict=True):
            reference = np.sum([truth[one] for one in targets(stem, made)], axis=0)
            if np.mean(reference**2) > 1e-9:
                found[stem, choice] = snr(reference, estimate)
    return found


def main() -> None:
    """Print a table per model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="*", default=["demo_scnet", "demo_htdemucs"])
    parser.add_argument("--songs", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=10.0)
    options = parser.parse_args()
    tracks = DemoDataset(songs_per_genre=1, duration_s=options.seconds, real_track=False).tracks()
    truths = [sounds(track) for track in tracks[: options.songs]]
    for name in options.models:
        rows: dict[tuple[str, str], list[float]] = defaultdict(list)
        for truth in truths:
            for key, value in song(name, truth).items():
                rows[key].append(value)
        for (stem, choice), values in sorted(rows.items()):
            gains = np.subtract(values, rows[stem, "plain"])
            low, high = interval(gains, [str(place) for place in range(len(gains))])
            known = low is not None and high is not None
            told = f"{gains.mean():+.3f} dB ({low:+.3f} to {high:+.3f})" if known else "one song"
            count = CHOICES[choice].passes
            print(f"{name} {stem:7} {choice:18} {count:2} passes {np.mean(values):6.2f} dB  {told}")


if __name__ == "__main__":
    main()
