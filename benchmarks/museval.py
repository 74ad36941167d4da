"""CPU time of BSS Eval v4 for several models on one track: stemwise against museval.

Both run in this process on the same signals, museval once per model as it must. The signals are
coloured noise with leakage between the stems and artefacts, so that all four ratios are in the range
of real separations; the figure is the ratio of CPU seconds over all threads.

    python benchmarks/museval.py [--seconds 180] [--models 4] [--stems 4] [--threads 1]

museval takes about a CPU second per second of audio, stereo, 4 stems and model, and 5 GB for 3 minutes.
`--museval-models 1` runs it on fewer models and scales its time up.
"""

from __future__ import annotations

import argparse
import resource
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import torch
from scipy import signal

from stemwise.core.types import SAMPLE_RATE, Audio
from stemwise.measurement.bsseval.bss_eval import BssEval
from stemwise.measurement.bsseval.museval_engine import load_metrics

RATIOS = ("sdr", "isr", "sir", "sar")
Stems = dict[str, Audio]


def main() -> None:
    """Print both times, their ratio, and the largest difference over all frames."""
    options = _options()
    # this file's folder comes first there, and the file is called like the package it measures
    sys.path[:] = [entry for entry in sys.path if Path(entry) != Path(__file__).parent]
    torch.set_num_threads(options.threads)
    references = _references(options.seconds, options.stems)
    started = time.process_time()
    system = BssEval(references)
    built = time.process_time() - started
    ours, theirs, worst, scores = built, 0.0, 0.0, {}
    for number in range(options.models):
        estimates = _estimates(references, number)
        started = time.process_time()
        scores[number] = system(estimates)
        ours += time.process_time() - started
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(
        f"stemwise {ours:.1f} CPU s ({built:.1f} once, {(ours - built) / options.models:.1f} per "
        f"model), peak {memory:.1f} GB, condition {system.condition:.0e}"
    )
    compared = options.museval_models or options.models
    for number in range(compared):
        estimates = _estimates(references, number)
        started = time.process_time()
        expected = _museval(references, estimates)
        theirs += time.process_time() - started
        for index, frames in enumerate(scores[number].values()):
            found = np.stack([getattr(frames, ratio) for ratio in RATIOS])
            assert np.array_equal(np.isnan(found), np.isnan(expected[:, index]))
            worst = max(worst, float(np.nanmax(np.abs(found - expected[:, index]))))
    theirs *= options.models / compared
    print(
        f"museval {theirs:.1f} CPU s for {options.models} models ({compared} run), "
        f"{options.stems} stems, {options.seconds} s stereo"
    )
    print(f"ratio {theirs / ours:.1f}x; largest difference over all frames {worst:.1e} dB")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=int, default=180)
    parser.add_argument("--models", type=int, default=4)
    parser.add_argument("--stems", type=int, default=4)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--museval-models", type=int, default=0, help="0: all")
    return parser.parse_args()


def _references(seconds: int, stems: int) -> Stems:
    generator = np.random.default_rng(0)
    shape = (2, seconds * SAMPLE_RATE)
    found = {}
    for stem in range(stems):
        noise = 0.05 * generator.standard_normal(shape, dtype=np.float32)
        coloured = signal.lfilter([1], [1, -0.3 - 0.15 * stem], noise, axis=-1)
        found[f"stem{stem}"] = coloured.astype(np.float32)
    return found


def _estimates(references: Stems, number: int) -> Stems:
    generator = np.random.default_rng(1 + number)
    shape = next(iter(references.values())).shape
    mixture = np.sum(list(references.values()), axis=0, dtype=np.float32)
    leak, gain = np.float32(0.05 * (1 + number)), np.float32(0.01 * (1 + number))
    return {
        stem: x + leak * (mixture - x) + gain * generator.standard_normal(shape, dtype=np.float32)
        for stem, x in references.items()
    }


def _museval(references: Stems, estimates: Stems) -> np.ndarray:
    stacked = [
        np.stack([signals[stem].T.astype(np.float64) for stem in references])
        for signals in (references, estimates)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = load_metrics().bss_eval(*stacked, window=SAMPLE_RATE, hop=SAMPLE_RATE)
    return np.stack(found[:4])


if __name__ == "__main__":
    main()
