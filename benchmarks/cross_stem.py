"""How often weights over all stems are established: where they add nothing, and where they find bleed.

    python benchmarks/cross_stem.py [--studies 100]

A study draws songs by artists: the error of the best plain blend correlates with each other signal by
chance, differently from artist to artist and from song to song (standard deviation `--spread`), with a
mean of 0, or of `--bleed` for one signal in four. It counts how often the gain over the plain blend is
established, and shows the gain that was held out beside the one on the songs that were fitted.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from stemwise.analysis.cross_fit import cross_fit, folds_of
from stemwise.analysis.cross_stem import CrossStemRule
from stemwise.analysis.stem_fit import certain
from stemwise.selection.stem_forms import StemForms
from stemwise.selection.weights import simplex

Float = npt.NDArray[np.float64]
STEMS = 4


def songs(
    models: int, artists: int, each: int, bleed: float, spread: float, seed: int
) -> tuple[StemForms, list[str], list[str]]:
    """Return forms, artists and the signals of the stem's own estimates."""
    random = np.random.default_rng(seed)
    tracks, others = artists * each, models * (STEMS - 1) + 1
    size = 2 + models + others
    own = np.zeros((tracks, models, size))
    own[:, :, 1] = 1.0
    own[:, range(models), range(2, 2 + models)] = 0.3
    x = own.mean(axis=1)
    x[:, 0] = 0.4  # what every blend of them misses
    effect = np.repeat(random.normal(size=(artists, others)), each, axis=0)
    chance = spread * (effect + random.normal(size=(tracks, others))) / np.sqrt(2)
    mean = np.where(np.arange(others) % 4 == 0, bleed, 0.0)
    share = np.clip(mean + chance, -0.9, 0.9)
    rest = random.normal(size=(tracks, others, size))
    rest[..., 0] = 0
    rest /= np.linalg.norm(rest, axis=-1, keepdims=True)
    other = rest * np.sqrt(1 - share**2)[..., None]
    other[..., 0] = share
    names = [f"m{i}/drums" for i in range(models)]
    every = [*names, *(f"m{i}/other" for i in range(others))]
    labels = [f"artist {number // each}" for number in range(tracks)]
    return _forms(x, np.concatenate([own, other], axis=1), every), labels, names


def _forms(x: Float, signals: Float, names: list[str]) -> StemForms:
    cross = np.einsum("tn,tkn->tk", x, signals)
    gram = np.einsum("tin,tjn->tij", signals, signals)
    tracks = tuple(("d", f"t{number:03}") for number in range(len(x)))
    energy = np.einsum("tn,tn->t", x, x)
    return StemForms("drums", tuple(names), tracks, energy, cross, gram, gram, gram, gram)


def study(forms: StemForms, artists: list[str], own: list[str]) -> tuple[bool, float, float]:
    """Return whether the gain is established, its held-out mean, and what a fit to all songs gains."""
    rule = CrossStemRule(own, simplex, StemForms.snr)
    parts = folds_of(artists)
    assert parts is not None
    plain = cross_fit(forms.only(own), parts, simplex, StemForms.snr).scores
    gains = rule.held_out(forms, artists, parts).scores - plain
    reached = rule.fit(forms, artists)
    top = float((forms.snr(reached) - plain).mean())
    return certain(gains, artists) is not None, float(gains.mean()), top


def results(bleed: float, spread: float, studies: int) -> Iterator[str]:
    """Yield a line for each size."""
    for models, artists, each in (
        (2, 3, 1), (2, 8, 2), (4, 3, 2), (4, 12, 1), (4, 50, 1), (10, 8, 2), (10, 30, 1), (30, 50, 1),
    ):  # fmt: skip
        count = max(10, studies // (1 + models // 10))
        found = [study(*songs(models, artists, each, bleed, spread, seed)) for seed in range(count)]
        share = np.mean([one[0] for one in found])
        held, fitted = (np.mean([one[i] for one in found]) for i in (1, 2))
        yield (
            f"{models:3} models {artists:3} artists × {each}: established {share:4.0%} of {count}, held "
            f"out {held:+.3f} dB, on the songs that were fitted {fitted:+.3f} dB"
        )


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, default=100)
    parser.add_argument("--bleed", type=float, default=0.1)
    parser.add_argument("--spread", type=float, default=0.05)
    asked = parser.parse_args()
    for bleed in (0.0, asked.bleed):
        print(f"Mean correlation with one signal in four: {bleed}")
        for line in results(bleed, asked.spread, asked.studies):
            print("  ", line, flush=True)


if __name__ == "__main__":
    main()
