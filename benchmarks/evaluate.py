"""A whole evaluation, from decoding to the page, against a plain script with the peers' tools.

    python benchmarks/evaluate.py                       # some minutes on two cores
    python benchmarks/evaluate.py --songs 6 --seconds 60 --rounds 3 --scores museval fast_bss_eval

Both sides separate the same songs with the same three models of the demo zoo (Demucs, SCNet, Mel-Band
RoFormer), write the estimates as 24-bit FLAC and score them:

    stemwise   `stemwise evaluate`: Ray, store, resuming, all scores, statistics, recipe and page
    plain      evaluate_plainly.py: one process, the loops of demucs and MSST, museval or fast_bss_eval,
               a JSON file

`museval` compares with `metric.museval=true`, `fast_bss_eval` with the default scores. CPU seconds are
those of all processes, Ray's included; the ratio is the plain script's over stemwise's.

Then one song more is evaluated in this process to see what its seconds go to, and the share of Ray,
storage and I/O in stemwise's runs follows: Ray's own processes, decoding, estimates written and read.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import soundfile

from evaluate_shares import shares
from processes import Usage
from stemwise.core.types import SAMPLE_RATE
from stemwise.datasets.demo import DemoDataset

MODELS = ("demo_htdemucs", "demo_scnet", "demo_melband")
STEMS = {
    "drums": ("drums",),
    "bass": ("bass",),
    "vocals": ("vocals",),
    "other": ("guitar", "piano", "other"),
}
PLAIN = Path(__file__).with_name("evaluate_plainly.py")


@dataclass(frozen=True)
class Run:
    """What a run took: CPU seconds by role of the process, and wall seconds."""

    cpu_s: dict[str, float]
    wall_s: float

    @property
    def total(self) -> float:
        """CPU seconds of all processes."""
        return sum(self.cpu_s.values())


def write_songs(folder: Path, count: int, seconds: float) -> None:
    """Write demo songs as four stems each."""
    each = -(-count // 6)
    with tempfile.TemporaryDirectory() as scratch:
        demo = DemoDataset(root=scratch, songs_per_genre=each, duration_s=seconds, real_track=False)
        for track in demo.tracks()[:count]:
            song = folder / track.track_id
            song.mkdir(parents=True)
            for stem, parts in STEMS.items():
                files = [s.path for p in parts for s in track.references[p].sources]
                made = sum(soundfile.read(file, always_2d=True)[0] for file in files)
                soundfile.write(song / f"{stem}.flac", made, SAMPLE_RATE, subtype="PCM_16")


def timed(*command: str) -> Run:
    """Run a command to its end (CalledProcessError where it fails)."""
    usage, began = Usage(0.2), time.perf_counter()
    before = usage.cpu_s()
    made = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False)
    wall = time.perf_counter() - began
    if made.returncode:
        sys.exit(f"{command}\n{made.stdout[-2000:]}{made.stderr[-2000:]}")
    spent = {role: cpu - before.get(role, 0.0) for role, cpu in usage.cpu_s().items()}
    usage.close()
    # this process itself only waited
    return Run({role: cpu for role, cpu in spent.items() if cpu > 0}, wall)


def ours(songs: Path, output: Path, scores: str) -> Run:
    """Evaluate with stemwise."""
    settings = [
        "dataset=folder",
        f"dataset.root={songs}",
        f"models=[{','.join(MODELS)}]",
        f"metric.museval={str(scores == 'museval').lower()}",
        f"output={output}",
    ]
    return timed("-m", "stemwise.cli", "evaluate", *settings)


def plain(songs: Path, output: Path, scores: str) -> Run:
    """Evaluate with the plain script."""
    return timed(
        str(PLAIN), str(songs), str(output), "--models", ",".join(MODELS), "--scores", scores
    )


def difference(run: Path, script: Path, columns: dict[str, str]) -> dict[str, float]:
    """Return the largest difference in dB between both sides' scores, per column of ours."""
    told = json.loads((script / "scores.json").read_text())
    table = pl.read_parquet(run / "tables" / "scores").filter(pl.col("model").is_in(MODELS))
    worst = dict.fromkeys(columns, 0.0)
    for row in table.iter_rows(named=True):
        # the plain script does not know that other, guitar and piano of a model are one stem here
        if row["stem"] == "other":
            continue
        theirs = told[row["track_id"]][row["model"]].get(row["stem"])
        for column, name in columns.items():
            # both have no score for a stem that is silent throughout
            if theirs is not None and row[column] is not None and np.isfinite(theirs[name]):
                worst[column] = max(worst[column], abs(row[column] - theirs[name]))
    return worst


def compare(songs: Path, folder: Path, scores: str, rounds: int) -> tuple[list[Run], list[Run]]:
    """Run both sides in turn and print their row."""
    runs: tuple[list[Run], list[Run]] = ([], [])
    for number in range(rounds):
        sides = [(0, ours), (1, plain)]
        for place, side in sides if number % 2 == 0 else sides[::-1]:
            runs[place].append(side(songs, folder / f"{scores}-{place}-{number}", scores))
    cpu = [statistics.median(run.total for run in side) for side in runs]
    wall = [statistics.median(run.wall_s for run in side) for side in runs]
    names = {"snr": "snr", "si_sdr": "si_sdr"}
    names |= {"museval_sdr": "museval_sdr"} if scores == "museval" else {}
    worst = difference(folder / f"{scores}-0-0", folder / f"{scores}-1-0", names)
    print(
        f"| {scores} | {cpu[0]:.1f} / {cpu[1]:.1f} | {cpu[1] / cpu[0]:.2f} | "
        f"{wall[0]:.1f} / {wall[1]:.1f} | {wall[1] / wall[0]:.2f} | "
        f"{', '.join(f'{name} {value:.0e}' for name, value in worst.items())} |",
        flush=True,
    )
    return runs


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--songs", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--scores", nargs="+", default=["museval", "fast_bss_eval"])
    options = parser.parse_args()
    # neither side may join a Ray that happens to run here
    os.environ.pop("RAY_ADDRESS", None)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_songs(folder / "songs", options.songs, options.seconds)
        print(f"{options.songs} songs of {options.seconds:g} s, models {', '.join(MODELS)}\n")
        print(
            "| scores | CPU s stemwise / plain | ratio | wall s | ratio | largest difference, dB |"
        )
        print("|---|---|---|---|---|---|", flush=True)
        for scores in options.scores:
            found, _ = compare(folder / "songs", folder, scores, options.rounds)
        print()
        shares(folder / "songs", MODELS, found, options.seconds * options.songs)


if __name__ == "__main__":
    main()
