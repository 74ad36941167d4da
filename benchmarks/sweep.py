"""A sweep of twelve settings beside the same jobs one after another, on the demo or any dataset.

    python benchmarks/sweep.py [--tracks 3] [--at-once 2] [KEY=VALUE …]

One after another means what a shell script does: a command per job, each with its own Ray, all with one
store. Wall time is printed for both, and whether their scores are the same. Run it on an idle machine:
cores that others use make both slower, but not alike.
"""

from __future__ import annotations

import argparse
import itertools
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import polars as pl

SETTINGS = {
    "overlap": ("reference", "fast"),
    "selection": ("linear", "paper_guarded"),
    "decision": ("simplex", "least_squares", "mean"),
}
MODELS = "models=[demo_scnet,band_split,spleeter_2stems]"


def command(*overrides: str) -> float:
    """Run `stemwise evaluate` and return how long it took."""
    began = time.monotonic()
    run = [sys.executable, "-m", "stemwise.cli", "evaluate", *overrides]
    subprocess.run(run, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - began


def one_after_another(folder: Path, given: list[str]) -> float:
    """Run the jobs as commands of their own; return the seconds of all."""
    seconds = 0.0
    for number, values in enumerate(itertools.product(*SETTINGS.values())):
        own = [f"{key}={value}" for key, value in zip(SETTINGS, values, strict=True)]
        places = [f"output={folder / f'job-{number}'}", f"store={folder / 'store'}"]
        took = command(*given, *own, *places)
        seconds += took
        print(f"job-{number} {' '.join(own)}: {took:.0f} s", flush=True)
    return seconds


def side_by_side(folder: Path, given: list[str]) -> float:
    """Run them as one sweep; return its seconds."""
    own = [f"{key}={','.join(values)}" for key, values in SETTINGS.items()]
    return command("-m", *given, *own, f"output={folder}")


def scores(folder: Path) -> pl.DataFrame:
    """Return the scores of all jobs, without what the clock decides."""
    jobs = sorted(folder.glob("job-*"), key=lambda job: int(job.name.removeprefix("job-")))
    frames = [pl.read_parquet(job / "tables" / "scores" / "*.parquet") for job in jobs]
    return pl.concat(frames).drop("wall_s", "realtime_factor")


def main() -> None:
    """Measure both ways and print the ratio."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tracks", type=int, default=3)
    parser.add_argument("--at-once", type=int)
    parser.add_argument("overrides", nargs="*", metavar="KEY=VALUE")
    options = parser.parse_args()
    given = [MODELS, f"tracks={options.tracks}", *options.overrides]
    at_once = [f"sweep.at_once={options.at_once}"] if options.at_once else []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        together = side_by_side(folder / "sweep", [*given, *at_once])
        print(f"side by side: {together:.0f} s", flush=True)
        alone = one_after_another(folder / "alone", given)
        same = scores(folder / "sweep").equals(scores(folder / "alone"))
    print(f"one after another: {alone:.0f} s; ratio {alone / together:.1f}; same scores: {same}")


if __name__ == "__main__":
    main()
