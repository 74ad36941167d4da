"""Ten thousand blends of four models on 71 tracks, from tables against from audio.

    python benchmarks/combinations.py [--tracks 71] [--steps 38]

The peer does what a script over audio files does for each blend: add the estimates up, subtract, and
take the ratio; it is timed on one track and one blend, and its time is multiplied up. Ours scores
SNR, the 512-tap SDR and the rule of both.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from stemwise.selection.combinations import sweep
from stemwise.selection.stem_forms import StemForms

SECONDS, MODELS = 216, 4  # MoisesDB's mean length


def random_forms(tracks: int) -> StemForms:
    """Return forms as independent errors of four models give them."""
    random = np.random.default_rng(0)
    names = tuple(("demo", f"track {i}") for i in range(tracks))
    noise = random.uniform(0.1, 0.5, (tracks, MODELS))
    gram = np.ones((tracks, MODELS, MODELS)) + noise[:, :, None] * np.eye(MODELS)
    cross = np.ones((tracks, MODELS))
    ones = np.ones((tracks, MODELS, MODELS))
    models = tuple(f"model {i}" for i in range(MODELS))
    return StemForms("vocals", models, names, np.ones(tracks), cross, gram, ones, ones, ones)


def audio_seconds() -> float:
    """Return CPU seconds of blending and scoring one track once, from audio in memory."""
    random = np.random.default_rng(0)
    reference = random.normal(size=(2, SECONDS * 44_100)).astype(np.float32)
    estimates = [reference + np.float32(0.1) * reference[:, ::-1] for _ in range(MODELS)]
    started = time.process_time()
    error = reference - sum(np.float32(0.25) * estimate for estimate in estimates)
    10 * np.log10(np.sum(reference.astype(float) ** 2) / np.sum(error.astype(float) ** 2))
    return time.process_time() - started


def main() -> None:
    """Print both times and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tracks", type=int, default=71)
    parser.add_argument("--steps", type=int, default=38)
    options = parser.parse_args()
    forms = random_forms(options.tracks)

    def score(part: StemForms, weights: np.ndarray) -> np.ndarray:
        return part.score(weights, ("snr", "bss_sdr"), "linear")

    started = time.process_time()
    weights, means = sweep(forms, score, options.steps)
    ours = time.process_time() - started
    theirs = audio_seconds() * len(weights) * options.tracks
    print(f"{len(weights)} blends on {options.tracks} tracks: best mean {means.max():.2f} dB")
    print(f"from tables {ours:.2f} CPU s; SNR alone from audio about {theirs:,.0f} CPU s")
    print(f"ratio {theirs / ours:,.0f}")


if __name__ == "__main__":
    main()
