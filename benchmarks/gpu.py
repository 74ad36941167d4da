"""Separation on a GPU: stemwise in every precision against its peers with their defaults.

    python benchmarks/gpu.py                        # all models, under 8 minutes on one GPU
    python benchmarks/gpu.py scnet --seconds 240 --json gpu.json
    python benchmarks/gpu.py --device cpu --tiny    # tries the benchmark itself

Networks have the published hyper-parameters and random weights (weights do not change the time), the
song is noise; all live in one process and separate in turn. Rows of a model:

    MSST, demucs   the peer as it runs by default: MSST's loop under autocast (float16) with the batch
                   size of its YAML, `demucs.apply.apply_model` in float32
    before         stemwise before it knew precisions: the network of the package in float32 (cuDNN's
                   convolutions in TF32, PyTorch's default), four chunks a pass, sums on the CPU
    auto … fp16    stemwise now; `auto` names what it chose

Columns: median of the rounds after one that warms up (graphs, choice of precision and batch);
× real time; the peer's time over this one and that of `before` over this one; SNR against `before`;
the most memory that a separation takes beyond what is loaded; share of time in which the GPU computes
(nvidia-ml-py, sampled; empty where that is not installed).
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import tempfile
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from gpu_sides import Song, Subject, Way, tiny, true_size, ways
from stemwise.core.types import SAMPLE_RATE
from stemwise.separation.device.auto_precision import agreement
from stemwise.separation.separator import pick_device

MODELS = (
    "htdemucs_6s",
    "drumsep",
    "scnet",
    "scnet_large",
    "melband_roformer_vocals",
    "bs_roformer",
)
_TINY = ("htdemucs_6s", "scnet")
_SAMPLE_S = 0.02
_HEAD = "model | way | s | × real time | over the peer | over before | SNR dB | GB | busy"


@dataclass
class Row:
    """One way of separating with one model."""

    model: str
    way: str
    seconds: list[float] = field(default_factory=list)
    snr_db: float | None = None
    peak_gb: float | None = None
    busy: float | None = None
    error: str | None = None

    @property
    def median(self) -> float:
        """Seconds of a separation."""
        return statistics.median(self.seconds)


class Busy:
    """Samples how busy a GPU is while something runs."""

    def __init__(self, device: torch.device) -> None:
        self._device, self._ended = device, threading.Event()
        self.shares: list[float] = []

    def __enter__(self) -> Busy:
        self._thread = threading.Thread(target=self._sample, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _sample(self) -> None:
        while self._device.type == "cuda" and not self._ended.wait(_SAMPLE_S):
            try:
                self.shares.append(torch.cuda.utilization(self._device) / 100)
            except (ModuleNotFoundError, RuntimeError):
                return  # without nvidia-ml-py nobody knows


def turn(way: Way, song: Song, row: Row, device: torch.device) -> Tensor:
    """Separate once, and note what it took."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
    with Busy(device) as busy:
        began = time.perf_counter()
        made = way(song)
        row.seconds.append(time.perf_counter() - began)
    if device.type == "cuda":
        row.peak_gb = (torch.cuda.max_memory_allocated(device) - before) / 1e9
    row.busy = statistics.mean(busy.shares) if busy.shares else None
    return made


def compare(
    subject: Subject, song: Song, device: torch.device, rounds: int, limit_s: float
) -> list[Row]:
    """Let all ways separate in turn; one that fails says so and is left out."""
    all_ways = ways(subject, device)
    rows = {name: Row(subject.name, name) for name in all_ways}
    reference: Tensor | None = None
    began = time.perf_counter()
    for number in range(rounds + 1):
        for name in ("before", *(n for n in all_ways if n != "before")):
            row = rows[name]
            if row.error is not None:
                continue
            try:
                made = turn(all_ways[name], song, row, device)
            except (RuntimeError, torch.OutOfMemoryError) as error:
                row.error = (str(error).splitlines() or [type(error).__name__])[0]
                continue
            reference = made if reference is None else reference
            row.snr_db = agreement(reference.double(), made.double())
        if number and time.perf_counter() - began > limit_s:
            break
    for name, row in rows.items():
        row.seconds = row.seconds[1:]  # the first one warms up
        separator = getattr(all_ways[name], "separator", None)
        if name == "auto" and separator is not None:
            row.way = f"auto ({separator.precision}, {separator.batch_size} chunks)"
    return list(rows.values())


def line(row: Row, rows: Sequence[Row], audio_s: float) -> str:
    """Return a row of the table; ratios are against the first two, the peer and `before`."""
    if row.error is not None:
        return f"| {row.model} | {row.way} | {row.error} |{' |' * 6}"
    ratios = [other.median / row.median if other.seconds else None for other in rows[:2]]
    cells = [
        row.model,
        row.way,
        f"{row.median:.3f}",
        f"{audio_s / row.median:.1f}",
        *(_cell(ratio, "{:.2f}") for ratio in ratios),
        _cell(row.snr_db, "{:.1f}"),
        _cell(row.peak_gb, "{:.2f}"),
        _cell(row.busy, "{:.0%}"),
    ]
    return f"| {' | '.join(cells)} |"


def _cell(value: float | None, form: str) -> str:
    return "" if value is None else form.format(value)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table, a model as soon as it is there."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", choices=[*MODELS, []], metavar="MODEL", default=[])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--seconds", type=float, default=60, help="of audio (default: 60)")
    parser.add_argument("--rounds", type=int, default=3, help="that count (default: 3)")
    parser.add_argument("--limit-s", type=float, default=400, help="of all rounds (default: 400)")
    parser.add_argument("--threads", type=int, help="of the CPU (default: PyTorch's)")
    parser.add_argument("--tiny", action="store_true", help="small networks, to try the benchmark")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all that was measured")
    options = parser.parse_args(arguments)
    device = pick_device(options.device)
    if options.threads:
        torch.set_num_threads(options.threads)
    warnings.simplefilter("ignore")  # SCNet's STFT has no window
    names = options.names or (_TINY if options.tiny else MODELS)
    load: Callable[[str, Path], Subject] = tiny if options.tiny else true_size
    random = np.random.default_rng(0)
    song = random.normal(0, 0.1, (2, round(options.seconds * SAMPLE_RATE))).astype(np.float32)
    machine = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.processor()
    print(f"{machine or device}, torch {torch.__version__}, {options.seconds:g} s of noise\n")
    print(f"| {_HEAD} |\n|{'---|' * (_HEAD.count('|') + 1)}", flush=True)
    rows: list[Row] = []
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            subject = load(name, Path(folder))
        found = compare(subject, song, device, options.rounds, options.limit_s / len(names))
        print("\n".join(line(row, found, options.seconds) for row in found), flush=True)
        rows += found
        del subject
        if device.type == "cuda":
            torch.cuda.empty_cache()
    if options.json:
        content = {"machine": machine, "torch": torch.__version__, "audio_s": options.seconds}
        table = [asdict(row) for row in rows]
        options.json.write_text(json.dumps(content | {"rows": table}, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
