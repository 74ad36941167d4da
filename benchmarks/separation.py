"""Separation by stemwise and by its peers: the same weights, the same overlap, in turn, one run.

    python benchmarks/separation.py                                # all models, about ten minutes
    python benchmarks/separation.py htdemucs_6s scnet --rounds 7 --threads 1 --json table.json

Networks have the published hyper-parameters and random weights (weights do not change the time), in
files of the published formats. Per model every side has a process of its own, and they work in turn;
another one begins in every round:

    stemwise  the model's class and `Separator`, as `stemwise separate` and the service run them
    demucs    `demucs.apply.apply_model(shifts=0, overlap=0.25)` with the normalisation of its API
    MSST      the loop of Music-Source-Separation-Training with batches of one, over the networks of
              pymss-core; the loop is in tests/models/reference_inference.py
    audio-separator  its RoFormer path in the process that stemwise gives it, where it is installed:
              beside stemwise, or for the python that STEMWISE_AUDIO_SEPARATOR_PYTHON names (give it
              the same torch: `pip install 'torch~=2.13.0' 'audio-separator[cpu]==0.47.*'`)

audio-separator is given our chunk and our step, but extends no ends and weights chunks by a Hamming
window. With `num_overlap` 2 it thus runs two passes fewer on any track longer than a chunk: compare it
per chunk there. The RoFormers' own rows are one chunk, filled up with silence, for every side; there no
window matters, and outputs can be compared. With more audio "own window" says that they cannot.

stemwise sets glibc's allocator (`stemwise.core.memory.keep`); the peers run with its defaults, as they
are installed, unless `--same-allocator` gives them ours. All sides separate once before it counts.

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
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch

from side_by_side import audio_separator
from side_by_side.audio_separator import AudioSeparatorSide
from side_by_side.cases import CASES, Case, write
from side_by_side.operations import matmul_peak
from side_by_side.row import HEAD, Row
from side_by_side.side import Side
from side_by_side.turn import Turn
from stemwise.core.errors import MissingDependencyError
from stemwise.core.types import SAMPLE_RATE


def compare(case: Case, options: argparse.Namespace, folder: Path, further: bool) -> list[Row]:
    """Let stemwise and its peers separate the same noise in turn; return a row for each peer."""
    seconds = options.seconds or case.seconds
    audio = folder / "audio.npy"
    np.save(audio, _noise(seconds))
    common = (case.name, write(case.name, folder), options.threads)
    sides: dict[str, Side | AudioSeparatorSide] = {}
    try:
        sides["stemwise"] = Side(True, *common, kept=True)
        sides[case.peer] = Side(False, *common, kept=options.same_allocator)
        if further and audio_separator.runs(case.name):
            sides[audio_separator.NAME] = AudioSeparatorSide(*common, options.same_allocator)
        operations, chunk = sides[case.peer].ask("operations")
        sides[case.peer].ask("passed")  # that one does not count
        # the first round warms up
        rounds, peaks = [_round(sides, audio, 0)], []
        chunks = {name: side.ask("passed") / chunk for name, side in sides.items()}
        for number in range(options.rounds or case.rounds):
            rounds.append(_round(sides, audio, number))
            peaks.append(matmul_peak())
    finally:
        for side in sides.values():
            side.close()
    turns = {name: [turns[name] for turns in rounds[1:]] for name in sides}
    peak = statistics.median(peaks)

    def row(peer: str) -> Row:
        both = (chunks["stemwise"], chunks[peer])
        return Row(
            case,
            peer,
            seconds,
            turns["stemwise"],
            turns[peer],
            both,
            operations,
            peak,
            _difference(*(np.load(_estimates(audio, name)) for name in ("stemwise", peer))),
            # a window weighs nothing where there is one chunk
            peer == audio_separator.NAME and both != (1, 1),
        )

    return [row(peer) for peer in sides if peer != "stemwise"]


def _noise(seconds: float) -> np.ndarray:
    noise = np.random.default_rng(0).normal(size=(2, round(seconds * SAMPLE_RATE)))
    return (noise * [[0.2], [0.1]]).astype(np.float32)


def _round(
    sides: Mapping[str, Side | AudioSeparatorSide], audio: Path, number: int
) -> dict[str, Turn]:
    """Let every side separate once; another one begins in every round."""
    names = list(sides)
    first = number % len(names)
    order = names[first:] + names[:first]
    return {name: sides[name].ask("separate", audio, _estimates(audio, name)) for name in order}


def _estimates(audio: Path, name: str) -> Path:
    return audio.with_name(f"estimates of {name}.npy")


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
    packages = [f"{name} {version(name)}" for name in ("torch", "demucs", "pymss-core")]
    left_out = None
    try:
        packages.append(audio_separator.version())
    except MissingDependencyError as error:
        left_out = f"Not compared: audio-separator. {error}"
    allocator = "ours" if options.same_allocator else "as it is by default"
    print(f"{_processor()}, {options.threads} threads, {', '.join(packages)}; ", end="")
    print(
        f"peers' allocator {allocator}\n\n| {HEAD} |\n|{'---|' * (HEAD.count('|') + 1)}", flush=True
    )
    rows: list[Row] = []
    for name in options.names or CASES:
        with tempfile.TemporaryDirectory() as folder:
            made = compare(CASES[name], options, Path(folder), further=left_out is None)
        print("\n".join(row.line() for row in made), flush=True)
        rows += made
    if left_out:
        print(f"\n{left_out}")
    if options.json:
        content = {"threads": options.threads, "rows": [row.content() for row in rows]}
        options.json.write_text(json.dumps(content, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
