"""How busy a GPU would be: an evaluation whose models sleep as long as a GPU would compute.

Four models of 15 stems at 200, 100, 60 and 40 times real time (by default), one worker, songs of noise.
Each way of measuring runs in turn: by the worker itself, and in processes beside it. Printed are the
seconds per song, the share of them in which the "GPU" is busy, and the CPU seconds per song of the whole
machine (so leave it alone), all without the time that Ray and the models take to start.

    python benchmarks/scale.py [--songs 6] [--seconds 240] [--speeds 200,100,60,40] [--measurers 0,2]
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import soundfile

from stemwise.core.stems import LEVEL1
from stemwise.core.types import SAMPLE_RATE, Track
from stemwise.datasets.folder import Folder
from stemwise.evaluation import pipeline
from stemwise.evaluation.cluster import ClusterSettings
from stemwise.evaluation.settings import MetricSettings
from stemwise.evaluation.work import Work
from stemwise.models.registry import ModelSpec, prepare

FOUR = ("drums", "bass", "other", "vocals")
STEMS = (LEVEL1, FOUR, FOUR, ("vocals",))
TARGET = "stemwise.models.sleeping.SleepingModel"


def songs(folder: Path, count: int, seconds: float) -> list[Track]:
    """Write songs whose six stems are noise of different colours and levels."""
    random = np.random.default_rng(0)
    for number in range(count):
        song = folder / f"song-{number:03}"
        song.mkdir(parents=True)
        for place, stem in enumerate(LEVEL1):
            noise = random.standard_normal((int(seconds * SAMPLE_RATE), 2), dtype=np.float32)
            for _ in range(place):  # darker and darker
                noise = 0.5 * (noise + np.roll(noise, 1, axis=0))
            soundfile.write(song / f"{stem}.flac", 0.05 * noise, SAMPLE_RATE, subtype="PCM_16")
    return Folder(root=folder).tracks()


def work_of(tracks: list[Track], speeds: list[float], output: Path) -> Work:
    """Return the run of sleeping models over some tracks."""
    models = [
        prepare(
            ModelSpec(f"sleeper_{place}", TARGET, "sleeps", stems=stems, settings={"speed": speed})
        )
        for place, (stems, speed) in enumerate(zip(STEMS, speeds, strict=False))
    ]
    return Work(
        tracks=tracks,
        fingerprints={track.track_id: "benchmark" for track in tracks},
        models=models,
        files=(),
        metric=MetricSettings(),
        store=output / "store",
        parts=output / "parts",
        device="cpu",
    )


def machine_cpu_s() -> float:
    """Return the CPU seconds that the whole machine has spent so far (Linux)."""
    fields = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()[1:]
    user, nice, system, _, _, irq, softirq = (int(field) for field in fields[:7])
    return (user + nice + system + irq + softirq) / 100


def measure(tracks: list[Track], speeds: list[float], beside: int, output: Path) -> None:
    """Evaluate all songs and print what it took from the end of the first to the end of the last."""
    marks: list[tuple[int, float, float]] = []

    def watch(state: pipeline.Progress) -> None:
        if not marks or marks[-1][0] != state.done:
            marks.append((state.done, time.monotonic(), machine_cpu_s()))

    pipeline.run(
        work_of(tracks, speeds, output), ClusterSettings(actors=1, measurers=beside), watch
    )
    first = next(mark for mark in marks if mark[0] >= 1)
    last = marks[-1]
    count = last[0] - first[0]
    wall, cpu = (last[1] - first[1]) / count, (last[2] - first[2]) / count
    seconds = soundfile.info(next(iter(tracks[0].references.values())).sources[0].path).duration
    gpu = sum(seconds / speed for speed in speeds)
    print(
        f"measurers {beside}: {wall:5.1f} s per song, GPU busy {gpu / wall:4.0%} ({gpu:.1f} s), "
        f"{cpu:5.1f} CPU s per song",
        flush=True,
    )


def main() -> None:
    """Run each way in turn."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--songs", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=240.0)
    parser.add_argument("--speeds", default="200,100,60,40")
    parser.add_argument("--measurers", default="0,2")
    given = parser.parse_args()
    speeds = [float(speed) for speed in given.speeds.split(",")]
    with tempfile.TemporaryDirectory() as place:
        tracks = songs(Path(place) / "songs", given.songs, given.seconds)
        for beside in map(int, given.measurers.split(",")):
            measure(tracks, speeds, beside, Path(place) / f"run-{beside}")


if __name__ == "__main__":
    main()
