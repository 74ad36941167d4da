"""Separation by stemwise and by its peers: the same weights, the same overlap, in turn, one run.

    python benchmarks/separation.py                                # all models, about ten minutes
    python benchmarks/separation.py htdemucs_6s scnet --rounds 7 --threads 1 --json table.json

Networks have the published hyper-parameters and random weights (weights do not change the time), in
files of the published formats. Per model two processes live side by side and work in turn, ours
first in one round and the peer first in the next:

    stemwise  the model's class and `Separator`, as `stemwise separate` and the service run them
    demucs    `demucs.apply.apply_model(shifts=0, overlap=0.25)` with the normalisation of its API
    MSST      the loop of Music-Source-Separation-Training with batches of one, over the networks of
              pymss-core; the loop is in tests/models/reference_inference.py

stemwise sets glibc's allocator (`stemwise.core.memory.keep`); the peers run with its defaults, as they
are installed, unless `--same-allocator` gives them ours. Both sides separate once before it counts.

Columns: medians over the rounds; the range is that of the rounds' own ratios. "Share of peak" is the
network's operations (products, convolutions, LSTMs, attention; of the package's own forward, times the
chunks of each side) per CPU second, over those of 2048 × 2048 float32 products measured between the
rounds. "Difference" is the largest one over the peer's largest sample. Memory is the process's, with
torch and weights. With other work on the machine only the ratios of CPU seconds count.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

from side_by_side.cases import CASES, Case, write
from side_by_side.operations import matmul_peak
from side_by_side.side import Side, Turn
from stemwise.core.types import SAMPLE_RATE

_HEAD = (
    "model | peer | audio s | CPU s ours / peer | CPU ratio (range) | wall ratio | × real time | "
    "peak GB | share of peak | chunks | difference"
)


@dataclass(frozen=True)
class Row:
    """One model: both sides' turns and what they tell."""

    case: Case
    seconds: float
    ours: Sequence[Turn]
    theirs: Sequence[Turn]
    chunks: tuple[float, float]
    operations: int
    peak: float
    difference: float

    def median(self, what: str) -> tuple[float, float]:
        """Return the median of `cpu_s`, `wall_s` or `peak_gb`, ours and the peer's."""
        ours, theirs = (
            statistics.median(getattr(turn, what) for turn in turns)
            for turns in (self.ours, self.theirs)
        )
        return ours, theirs

    def ratios(self) -> list[float]:
        """Return the peer's CPU seconds over ours, per round."""
        return [b.cpu_s / a.cpu_s for a, b in zip(self.ours, self.theirs, strict=True)]

    def shares(self) -> list[float]:
        """Return the share of the machine's matmul peak, ours and the peer's."""
        pairs = zip(self.chunks, self.median("cpu_s"), strict=True)
        return [chunks * self.operations / cpu_s / self.peak for chunks, cpu_s in pairs]

    def line(self) -> str:
        """Return the row of the table."""
        cpu, wall = self.median("cpu_s"), self.median("wall_s")
        ratios, memory, shares = self.ratios(), self.median("peak_gb"), self.shares()
        cells = [
            self.case.name,
            self.case.peer,
            f"{self.seconds:g}",
            f"{cpu[0]:.2f} / {cpu[1]:.2f}",
            f"{cpu[1] / cpu[0]:.2f} ({min(ratios):.2f} to {max(ratios):.2f})",
            f"{wall[1] / wall[0]:.2f}",
            f"{self.seconds / wall[0]:.2f} / {self.seconds / wall[1]:.2f}",
            f"{memory[0]:.2f} / {memory[1]:.2f}",
            f"{shares[0]:.0%} / {shares[1]:.0%}",
            f"{self.chunks[0]:.3g} / {self.chunks[1]:.3g}",
            f"{self.difference:.0e}",
        ]
        return f"| {' | '.join(cells)} |"

    def content(self) -> dict[str, Any]:
        """Return all that was measured."""
        return asdict(self) | {"shares": self.shares(), "ratios": self.ratios()}


def compare(case: Case, options: argparse.Namespace, folder: Path) -> Row:
    """Let both sides separate the same noise in turn."""
    seconds = options.seconds or case.seconds
    random = np.random.default_rng(0)
    noise = random.normal(size=(2, round(seconds * SAMPLE_RATE))) * [[0.2], [0.1]]
    audio = folder / "audio.npy"
    np.save(audio, noise.astype(np.float32))
    checkpoint = write(case.name, folder)
    common = (case.name, checkpoint, options.threads)
    sides = [Side(True, *common, kept=True), Side(False, *common, kept=options.same_allocator)]
    outs = [folder / "ours.npy", folder / "theirs.npy"]
    try:
        operations, chunk = sides[1].ask("operations")
        sides[1].ask("passed")  # that one does not count
        # the first round warms up
        turns, peaks = [_round(sides, audio, outs, 0)], []
        chunks = (sides[0].ask("passed") / chunk, sides[1].ask("passed") / chunk)
        for number in range(options.rounds or case.rounds):
            turns.append(_round(sides, audio, outs, number))
            peaks.append(matmul_peak())
    finally:
        for side in sides:
            side.close()
    ours, theirs = zip(*turns[1:], strict=True)
    difference = _difference(np.load(outs[0]), np.load(outs[1]))
    peak = statistics.median(peaks)
    return Row(case, seconds, ours, theirs, chunks, operations, peak, difference)


def _round(
    sides: Sequence[Side], audio: Path, outs: Sequence[Path], number: int
) -> tuple[Turn, Turn]:
    order = (0, 1) if number % 2 == 0 else (1, 0)
    turns = {which: sides[which].ask("separate", audio, outs[which]) for which in order}
    return turns[0], turns[1]


def _difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Return the largest difference over the peer's largest sample."""
    return float(np.abs(ours - theirs).max() / np.abs(theirs).max())


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def main() -> None:
    """Print the table, a row as soon as it is there."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", choices=[*CASES, []], metavar="MODEL", default=[])
    parser.add_argument("--seconds", type=float, help="of audio, in place of each model's own")
    parser.add_argument("--rounds", type=int, help="that count, in place of each model's own")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--same-allocator", action="store_true", help="the peers get our settings")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all that was measured")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "demucs", "pymss-core"))
    allocator = "ours" if options.same_allocator else "as it is by default"
    print(f"{_processor()}, {options.threads} threads, {packages}; peers' allocator {allocator}\n")
    print(f"| {_HEAD} |\n|{'---|' * (_HEAD.count('|') + 1)}", flush=True)
    rows = []
    for name in options.names or CASES:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(compare(CASES[name], options, Path(folder)))
        print(rows[-1].line(), flush=True)
    print(
        "\nNot compared: audio-separator, which cuts and weights chunks in its own way: other work."
    )
    if options.json:
        content = {"threads": options.threads, "rows": [row.content() for row in rows]}
        options.json.write_text(json.dumps(content, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
