"""GPU memory of models of the zoo: the key `gpu_memory` of their YAMLs.

    python benchmarks/gpu_memory.py NAME…              # measured, needs an NVIDIA GPU
    python benchmarks/gpu_memory.py --estimate NAME…   # counted on the CPU

Two numbers, both in GB of 1e9 bytes: `weights_gb` is taken as long as the model is loaded, `pass_gb`
comes on top of it while four chunks run, the default on a GPU. Weights do not change either, so a model
whose checkpoint is not on this machine is built with random ones; nothing is fetched.

The estimate runs one chunk in float32 and takes four times the most that PyTorch's allocator holds at a
time (models without weights run four chunks). A GPU's own kernels differ (workspace of cuDNN, fused
attention), and its allocator rounds up.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable
from functools import partial
from itertools import islice

import torch

from model_cost import untrained
from stemwise.core.types import CHANNELS
from stemwise.models import registry
from stemwise.models.spec import GPU_BATCH

# Where only a track decides what is cut and heard (reference lines).
_SAMPLES, _TRUE_STEMS = 44_100 * 600, 4


class Loaded:
    """A model on a device: its forward pass, and the shape of one chunk that it takes."""

    def __init__(self, spec: registry.ModelSpec, device: str) -> None:
        self.forward: Callable[[torch.Tensor], object]
        found = untrained(spec)
        if found is not None:
            network, length = found
            self.forward = network.to(device)
            self.networks = [network]
            self.shape = (CHANNELS, length)
            return
        model = registry.build(registry.prepare(spec))
        model.to(torch.device(device))
        self.forward = model.forward
        owned = vars(model).values()
        # once each: what runs a model may be its network itself
        self.networks = list({item for item in owned if isinstance(item, torch.nn.Module)})
        (tile,) = islice(model.tiling.tiles(_SAMPLES), 1, 2)
        heard = 1 + (_TRUE_STEMS if model.uses_references else 0)
        self.shape = (CHANNELS * heard, tile.read_stop - tile.read_start)

    def weights(self) -> int:
        """Return the bytes of parameters and buffers."""
        tensors = [t for network in self.networks for t in network.state_dict().values()]
        return sum(tensor.nbytes for tensor in tensors)

    def run(self, batch: int, device: str) -> Callable[[], object]:
        """Return a forward pass of noise."""
        generator = torch.Generator().manual_seed(0)
        noise = 0.1 * torch.randn(batch, *self.shape, generator=generator)
        return partial(self.forward, noise.to(device))


def estimated(spec: registry.ModelSpec) -> str:
    """Return what the CPU's allocator says, as YAML."""
    loaded = Loaded(spec, "cpu")
    # a network's activations grow with the batch; what has no weights is light enough to run whole
    count = 1 if loaded.networks else GPU_BATCH
    passed = GPU_BATCH // count * held(loaded.run(count, "cpu"))
    return _line(loaded.weights(), passed, "estimated")


def held(work: Callable[[], object]) -> int:
    """Return the most bytes that `work` holds at a time beyond what is there before, on the CPU."""
    activities = [torch.profiler.ProfilerActivity.CPU]
    with torch.profiler.profile(activities=activities, profile_memory=True) as profile:
        work()
    events = profile.profiler.kineto_results.events()
    memory = [event for event in events if event.name() == "[memory]"]
    now = most = 0
    for event in sorted(memory, key=lambda event: event.start_ns()):
        now += event.nbytes()
        most = max(most, now)
    return most


def measured(spec: registry.ModelSpec) -> str:
    """Return what the GPU's allocator says, as YAML."""
    before = torch.cuda.memory_allocated()
    loaded = Loaded(spec, "cuda")
    weights = torch.cuda.memory_allocated() - before
    work = loaded.run(GPU_BATCH, "cuda")
    torch.cuda.reset_peak_memory_stats()
    work()
    passed = torch.cuda.max_memory_allocated() - before - weights
    return _line(weights, passed, "measured", torch.cuda.get_device_name())


def _line(weights: int, passed: int, source: str, device: str | None = None) -> str:
    on = f', device: "{device}, torch {torch.__version__}"' if device else ""
    numbers = f"weights_gb: {weights / 1e9:.2g}, pass_gb: {passed / 1e9:.2g}"
    return f"gpu_memory: {{{numbers}, source: {source}{on}}}"


def main() -> None:
    """Print one line per model."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="+", choices=registry.names(), metavar="NAME")
    parser.add_argument("--estimate", action="store_true", help="count on the CPU")
    options = parser.parse_args()
    if not options.estimate and not torch.cuda.is_available():
        parser.error("there is no NVIDIA GPU to measure on: --estimate counts on the CPU instead.")
    find = estimated if options.estimate else measured
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SCNet's STFT has no window
        for spec in map(registry.get, options.names):
            print(f"{spec.name}: {find(spec)}", flush=True)


if __name__ == "__main__":
    main()
