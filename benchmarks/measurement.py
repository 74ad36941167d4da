"""CPU time of measuring four signals on a 3-minute stereo stem: stemwise against fast_bss_eval.

stemwise's time covers everything it stores (Gram blocks, SNR, SI-SDR, bss_sdr, lag, gain); the peer
computes only the SDR. Both run in this process, with one thread, on the same signals; the figure is the
ratio. With references beside the stem (SI-SIR, SI-SAR) it measures again, their products included.

    python benchmarks/measurement.py [seconds] [signals, the mixture among them] [references beside]
"""

from __future__ import annotations

import sys
import time

import fast_bss_eval
import numpy as np
import torch
from threadpoolctl import threadpool_limits

from stemwise.core.types import SAMPLE_RATE
from stemwise.measurement.references import ReferenceProducts
from stemwise.measurement.track_stem import measure_stem


def main(seconds: int = 180, models: int = 4, beside: int = 5) -> None:
    """Print both times, their ratio, and the largest difference between the scores."""
    torch.set_num_threads(1)
    generator = np.random.default_rng(0)
    shape = (2, seconds * SAMPLE_RATE)
    reference = generator.standard_normal(shape, dtype=np.float32)
    names = ["mixture", *(f"model{number}" for number in range(1, models))]
    estimates = {
        name: reference + np.float32(0.1 * (k + 1)) * generator.standard_normal(shape, np.float32)
        for k, name in enumerate(names)
    }
    others = {
        f"r{number}": generator.standard_normal(shape, np.float32) for number in range(beside)
    }
    products = ReferenceProducts(others.__getitem__, 1.0)
    with threadpool_limits(1):
        started = time.process_time()
        measured = measure_stem(reference, estimates)
        ours = time.process_time() - started
        started = time.process_time()
        products.learn(others)
        once = time.process_time() - started
        started = time.process_time()
        measure_stem(reference, estimates, beside=products.beside(list(others)))
        wider = time.process_time() - started

    truth = torch.from_numpy(reference).double()
    started = time.process_time()
    theirs = {
        name: [
            float(fast_bss_eval.sdr(truth[c : c + 1], torch.from_numpy(signal[c : c + 1]).double()))
            for c in range(2)
        ]
        for name, signal in estimates.items()
    }
    peer = time.process_time() - started
    # channels of equal energy: the joint ratio lies between those of the channels
    worst = max(abs(measured.bss_sdr(name) - np.mean(values)) for name, values in theirs.items())
    print(
        f"{seconds} s stereo, {models} signals: stemwise {1000 * ours / seconds:.1f} CPU ms per second, "
        f"fast_bss_eval {1000 * peer / seconds:.1f}"
    )
    print(
        f"with {beside} references beside: {1000 * wider / seconds:.1f}, and once for all stems "
        f"{1000 * once / seconds:.1f}"
    )
    print(f"ratio {peer / ours:.2f}x; largest difference of the SDR {worst:.4f} dB")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
