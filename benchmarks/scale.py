"""What many GPUs would do: an evaluation whose models sleep as long as a GPU would compute.

Four models of 15 stems at 200, 100, 60 and 40 times real time (by default), songs of noise. Runs with
one worker and with two on this machine, each with an equal share of its cores; from the run with one,
time, busy share and cost of larger runs are predicted, and so is the run with two, to check it.

    python benchmarks/scale.py [--songs 8] [--seconds 240] [--speeds 200,100,60,40] [--workers 1,2]
"""

from __future__ import annotations

import argparse
import math
import os
import re
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import soundfile

from processes import Usage
from stemwise.core.stems import LEVEL1
from stemwise.core.types import SAMPLE_RATE, Track
from stemwise.datasets.folder import Folder
from stemwise.evaluation import pipeline
from stemwise.evaluation.cluster import ClusterSettings
from stemwise.evaluation.known import Known
from stemwise.evaluation.settings import MetricSettings
from stemwise.evaluation.work import Work
from stemwise.models.registry import prepare
from stemwise.models.spec import ModelSpec

FOUR = ("drums", "bass", "other", "vocals")
STEMS = (LEVEL1, FOUR, FOUR, ("vocals",))
TARGET = "stemwise.models.sleeping.SleepingModel"
# A GPU is never busier than this: songs begin and end.
FULL = 0.98
SONGS, GPUS, CORES = (71, 240, 10_000), (1, 8, 64), (2, 4, 8, 16)


@dataclass
class Measured:
    """A run: what it took, and what the machine held.

    Attributes:
        workers: with a GPU each.
        songs: how many.
        gpu_s: what a song takes of a GPU.
        busy: share of the time in which the GPUs computed, from the end of the first song to that of the
            last separation: the pipeline is full all that time.
        wall_s: the whole run, from the first decoded song to the last table.
        start_s: until the first song was decoded.
        first_s: from then to the end of the first song.
        cpu_s: CPU seconds per song while the pipeline is full (of the whole run, where that is short),
            by role of the process.
        peak_gb: private memory, by role.
        object_store: what Ray says of it.
    """

    workers: int
    songs: int
    gpu_s: float
    busy: float
    wall_s: float
    start_s: float
    first_s: float
    cpu_s: dict[str, float]
    peak_gb: dict[str, float] = field(default_factory=dict)
    object_store: str = ""


@dataclass
class Mark:
    """The state of a run at a moment."""

    at: float
    done: int
    stages: dict[str, str]
    decoded: bool
    gpu_s: float
    cpu_s: dict[str, float]


def songs(folder: Path, count: int, seconds: float) -> list[Track]:
    """Write songs whose six stems are noise of different colours and levels; they share files."""
    random = np.random.default_rng(0)
    first = folder / "song-00000"
    first.mkdir(parents=True)
    for place, stem in enumerate(LEVEL1):
        noise = random.standard_normal((int(seconds * SAMPLE_RATE), 2), dtype=np.float32)
        for _ in range(place):  # darker and darker
            noise = 0.5 * (noise + np.roll(noise, 1, axis=0))
        soundfile.write(first / f"{stem}.flac", 0.05 * noise, SAMPLE_RATE, subtype="PCM_16")
    for number in range(1, count):
        song = folder / f"song-{number:05}"
        song.mkdir()
        # one sample more each, so that no estimate is in the store already
        tail = np.full((number, 2), 1 / 4096, dtype=np.float32)
        for place, stem in enumerate(LEVEL1):
            if place:
                (song / f"{stem}.flac").symlink_to(first / f"{stem}.flac")
                continue
            whole, _ = soundfile.read(first / f"{stem}.flac", dtype="float32")
            whole[: len(tail)] += tail[: len(whole)]
            soundfile.write(song / f"{stem}.flac", whole, SAMPLE_RATE, subtype="PCM_16")
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


def stages(track: Track, speeds: list[float], output: Path) -> dict[str, float]:
    """Return stage → CPU seconds of one song, worked on in this process alone."""
    import torch

    torch.set_num_threads(1)
    spent: dict[str, float] = {}
    before = 0.0

    def note(_: str, stage: str, *__: float) -> None:
        nonlocal before
        now = time.process_time()
        name = "overlap-add, spool, digest" if stage.startswith("sleeper") else stage
        spent[name] = spent.get(name, 0.0) + now - before
        before = now

    work = replace(work_of([track], [1e9 for _ in speeds], output), hands_on=True)
    separates = work.evaluator(loaded=True, notify=note)
    before = time.process_time()
    result = separates(track)
    known = Known.of(separates.zoo.own_stems(), result.tables["estimates"], result.folder)
    measures = replace(work, hands_on=False, loaded=()).evaluator(loaded=True, notify=note)
    before = time.process_time()
    measures(track, known)
    spent["encode"] = time.process_time() - before
    return spent


def measure(tracks: list[Track], speeds: list[float], workers: int, output: Path) -> Measured:
    """Evaluate all songs with so many workers, which share the cores of this machine."""
    import ray

    usage = Usage()
    marks: list[Mark] = []
    ray.init("local", num_gpus=workers, include_dashboard=False, log_to_driver=False)
    began = time.monotonic()

    def watch(state: pipeline.Progress) -> None:
        if marks and state.stages == marks[-1].stages and state.done == marks[-1].done:
            return  # looking at all processes costs time as well
        audio = {name: seconds for name, (seconds, _) in state.speeds.items()}
        gpu_s = sum(audio.get(f"sleeper_{n}", 0.0) / speed for n, speed in enumerate(speeds))
        decoded = bool(state.stages) or state.done > 0
        moment = (time.monotonic(), state.done, dict(state.stages), decoded, gpu_s)
        marks.append(Mark(*moment, usage.cpu_s()))

    cluster = ClusterSettings(gpus_per_actor=1, measurers=max(1, (os.cpu_count() or 1) // workers))
    pipeline.run(work_of(tracks, speeds, output), cluster, watch)
    stored = _object_store()
    ray.shutdown()
    usage.close()
    begin = next(mark for mark in marks if mark.decoded)
    first = next(mark for mark in marks if mark.done >= 1)
    end = marks[-1]
    separated = next(mark for mark in marks if mark.gpu_s == end.gpu_s)
    # with as many songs in flight at both ends, and the start of all processes before them
    early, late = (
        next(mark for mark in marks if mark.done >= count)
        for count in (min(2, len(tracks)), max(len(tracks) - 3, 0))
    )
    if late.done - early.done < 4:
        early, late = begin, end
    spent = {role: late.cpu_s[role] - early.cpu_s.get(role, 0.0) for role in late.cpu_s}
    return Measured(
        workers=workers,
        songs=len(tracks),
        gpu_s=end.gpu_s / len(tracks),
        busy=(separated.gpu_s - first.gpu_s) / (separated.at - first.at) / workers,
        wall_s=end.at - begin.at,
        start_s=begin.at - began,
        first_s=first.at - begin.at,
        cpu_s={role: seconds / (late.done - early.done) for role, seconds in spent.items()},
        peak_gb=dict(usage.peak_gb),
        object_store=stored,
    )


def _object_store() -> str:
    import ray
    from ray._private.internal_api import memory_summary  # Ray has no public word for it

    told = memory_summary(ray.get_runtime_context().gcs_address, stats_only=True)
    found = re.search(r"Plasma memory usage (.*?objects)", told)
    spilled = "spilled" if "Spilled" in told else "nothing spilled"
    return f"{found[1] if found else 'unknown'}, {spilled}"


def per_song_s(of_one: Measured, cores: float) -> float:
    """Return the seconds that a worker with so many cores takes per song: of its GPU, or of them."""
    return max(of_one.gpu_s / min(FULL, of_one.busy), sum(of_one.cpu_s.values()) / cores)


def predict(of_one: Measured, count: int, workers: int, cores: float) -> tuple[float, float]:
    """Return seconds and busy share of a run: its first songs, then a song per worker at a time."""
    more = math.ceil(count / workers) - 1
    wall = of_one.start_s + of_one.first_s + more * per_song_s(of_one, cores)
    return wall, count * of_one.gpu_s / (workers * wall)


def show(run: Measured) -> None:
    """Print what was measured."""
    cpu = ", ".join(f"{role} {spent:.1f}" for role, spent in sorted(run.cpu_s.items()))
    held = ", ".join(f"{role} {peak:.1f}" for role, peak in sorted(run.peak_gb.items()))
    whole = run.songs * run.gpu_s / run.workers / run.wall_s
    print(
        f"{run.workers} worker(s), {run.songs} songs of {run.gpu_s:.1f} s of GPU: the GPU is busy "
        f"{run.busy:.0%} of the time once the first song is done, {whole:.0%} from the first decoded "
        f"song ({run.first_s:.0f} s before) to the last table; {sum(run.cpu_s.values()):.1f} CPU s per "
        f"song ({cpu}); {run.start_s:.0f} s until the first song was decoded\n"
        f"  peak memory in GB, without shared pages: {held}; object store: {run.object_store}",
        flush=True,
    )


def show_prediction(run: Measured, price: float) -> None:
    """Print time, busy share and cost of larger runs, as a table for docs/cluster.md."""
    print("\n| songs | GPUs | cores per GPU | hours | GPU busy | GPU hours | cost |")
    print("|--:|--:|--:|--:|--:|--:|--:|")
    for count in SONGS:
        for workers in GPUS:
            for cores in CORES:
                wall, busy = predict(run, count, workers, cores)
                hours = wall / 3600
                print(
                    f"| {count:,} | {workers} | {cores} | {hours:.2f} | {busy:.0%} "
                    f"| {hours * workers:.1f} | {hours * workers * price:,.0f} $ |"
                )


def check(runs: Iterable[Measured], of_one: Measured) -> None:
    """Print how far the prediction for the runs that were made is from what they took."""
    for run in runs:
        cores = (os.cpu_count() or 1) / run.workers
        said, _ = predict(of_one, run.songs, run.workers, cores)
        took = run.start_s + run.wall_s
        print(
            f"{run.songs} songs, {run.workers} worker(s) of {cores:g} cores: predicted {said:.0f} s, "
            f"measured {took:.0f} s ({took / said - 1:+.0%})"
        )


def main() -> None:
    """Run with each number of workers and predict from one."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--songs", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=240.0)
    parser.add_argument("--speeds", default="200,100,60,40")
    parser.add_argument("--workers", default="1,2", help="runs with so many; the first predicts")
    parser.add_argument("--price", type=float, default=3.0, help="of a GPU hour, for the table")
    given = parser.parse_args()
    speeds = [float(speed) for speed in given.speeds.split(",")]
    with tempfile.TemporaryDirectory() as place:
        tracks = songs(Path(place) / "songs", given.songs, given.seconds)
        runs = []
        for workers in map(int, given.workers.split(",")):
            runs.append(measure(tracks, speeds, workers, Path(place) / f"run-{workers}"))
            show(runs[-1])
        spent = stages(tracks[0], speeds, Path(place) / "alone")
        told = ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in spent.items())
        print(f"CPU s of one song by stage, alone in one process: {told}")
        check(runs, runs[0])
        show_prediction(runs[0], given.price)


if __name__ == "__main__":
    main()
