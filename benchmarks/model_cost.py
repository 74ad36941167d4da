"""CPU seconds of models of the zoo on one core: the key `cost` of their YAMLs, for docs/models.md.

    python benchmarks/model_cost.py NAME…            # a minute of stereo noise, whole pipeline
    python benchmarks/model_cost.py --chunk NAME…    # one native chunk, with random weights

Weights do not change the time, so `--chunk` needs no checkpoint. Without it, models whose checkpoint
is not on this machine are left out; nothing is fetched. Figures of different machines do not mix.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from fractions import Fraction
from functools import partial

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from stemwise.core.types import SAMPLE_RATE
from stemwise.models import registry
from stemwise.separation.separator import Separator

# A Demucs package describes itself; this is what the published ones say. Of a bag, one member.
_HT = {
    "klass": "HTDemucs",
    "depth": 4,
    "t_layers": 5,
    "t_heads": 8,
    "dconv_mode": 3,
    "dconv_comp": 8,
    "segment": Fraction(39, 5),
}
_HYBRID = {"klass": "HDemucs", "depth": 6, "dconv_mode": 1, "dconv_comp": 4}
_PACKAGES = {
    "htdemucs_6s": {**_HT, "bottom_channels": 0},
    "htdemucs": {**_HT, "bottom_channels": 512},
    "htdemucs_ft": {**_HT, "bottom_channels": 512},
    "hdemucs_mmi": {**_HYBRID, "segment": 44},
    "mdx_extra": {**_HYBRID, "segment": 44},
    "drumsep": {**_HYBRID, "segment": 40},
}


def best(work: Callable[[], object], repeat: int) -> float:
    """Return the least CPU time of several runs; other processes only ever add to it."""
    times = []
    for _ in range(repeat):
        started = time.process_time()
        work()
        times.append(time.process_time() - started)
    return min(times)


def of_a_chunk(spec: registry.ModelSpec, repeat: int) -> str:
    """Return the cost of one forward pass of the network, as YAML."""
    found = untrained(spec)
    if found is None:
        return "left out, it has no network that could be built without its checkpoint"
    network, chunk = found
    fast = getattr(registry.model_class(spec), "fast", None)  # what a loaded model runs
    run = network if fast is None else fast(network)
    heard = 0.1 * torch.randn(1, 2, chunk, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SCNet's STFT has no window
        return f"cost: {{cpu_s: {best(partial(run, heard), repeat):.3g}, chunk: {chunk}}}"


def untrained(spec: registry.ModelSpec) -> tuple[torch.nn.Module, int] | None:
    """Return a model's network with random weights, and the samples of one chunk."""
    settings = _PACKAGES.get(spec.name) or spec.settings.get("network")
    make = getattr(registry.model_class(spec), "untrained", None)
    if settings is None or make is None:
        return None
    network = make(spec.stems, settings).eval()
    segment = getattr(network, "segment", None)
    if segment:
        return network, int(segment * SAMPLE_RATE)
    return network, getattr(network, "input_size", None) or int(spec.settings["chunk"])


def of_a_track(spec: registry.ModelSpec, seconds: int, repeat: int) -> str:
    """Return the cost of separating noise, as YAML."""
    if not registry.is_cached(spec):
        return f"left out, fetch it first (stemwise models pull {spec.name})"
    separator = Separator(registry.build(registry.prepare(spec)), device="cpu")
    shape = (2, seconds * SAMPLE_RATE)
    noise = 0.1 * np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    separator(noise[:, :SAMPLE_RATE])  # what is loaded or compiled at first use
    return f"cost: {{cpu_s: {best(partial(separator, noise), repeat):.3g}, audio_s: {seconds}}}"


def main() -> None:
    """Print one line per model."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="+", choices=registry.names(), metavar="NAME")
    parser.add_argument("--chunk", action="store_true", help="one chunk, random weights")
    parser.add_argument("--seconds", type=int, default=60, help="of noise")
    parser.add_argument("--repeat", type=int, default=3, help="the best counts")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with threadpool_limits(1):
        for spec in map(registry.get, options.names):
            if options.chunk:
                found = of_a_chunk(spec, options.repeat)
            else:
                found = of_a_track(spec, options.seconds, options.repeat)
            print(f"{spec.name}: {found}", flush=True)


if __name__ == "__main__":
    main()
