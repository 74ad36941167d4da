"""What follows the last song: CPU seconds and memory from finished tracks to the page, by stage.

Songs of 4 minutes with 4 models and 4 stems are fabricated from a few of the demo that are evaluated
(`fabricated_parts.py`); a fresh process makes tables, decisions and page of them as `stemwise evaluate`
does after its last song.

    python benchmarks/after_the_last_song.py [--songs 10000] [--seconds 240] [--folder DIR]

The parts and tables of 10,000 songs take 6 GB below the folder; those that are there are used again.
"""

from __future__ import annotations

import argparse
import io
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rich.console import Console

from fabricated_parts import MODELS, fabricated, real_tables
from stemwise.decision import DecisionSettings, results
from stemwise.evaluation.settings import MetricSettings
from stemwise.jobs import decide, evaluate, finished_run
from stemwise.jobs.finished_run import FinishedRun
from stemwise.jobs.run_places import TABLES, RunFolder
from stemwise.jobs.saved_run import Resolved
from stemwise.models.registry import get
from stemwise.selection.oracle import SelectionSettings
from stemwise.storage import parts


def fabricate(folder: Path, songs: int, seconds: int) -> None:
    """Write the parts that are not there yet."""
    missing = [n for n in range(songs) if not parts.path(folder, _name(n)).exists()]
    real = real_tables() if missing else []
    for number in missing:
        rows = fabricated(real[number % len(real)], number, seconds)
        parts.write(folder, _name(number), parts.encode(rows, "fabricated", 0))


def _name(number: int) -> str:
    return f"song-{number:05d}"


class Stages:
    """CPU seconds of functions that are wrapped, by stage; what is nested counts for the inner one."""

    def __init__(self) -> None:
        self.cpu_s: dict[str, float] = {}
        self._inner = [0.0]

    def wrap(self, module: Any, name: str, stage: str) -> None:
        """Take the time of a function of a module from now on."""
        function = getattr(module, name)

        def timed(*values: Any, **named: Any) -> Any:
            return self.run(stage, lambda: function(*values, **named))

        setattr(module, name, timed)

    def run(self, stage: str, function: Callable[[], Any]) -> Any:
        """Return what a function returns."""
        self._inner.append(0.0)
        started = time.process_time()
        try:
            return function()
        finally:
            spent = time.process_time() - started
            own = spent - self._inner.pop()
            self._inner[-1] += spent
            self.cpu_s[stage] = self.cpu_s.get(stage, 0.0) + own


def finish(output: Path, songs: int) -> dict[str, float]:
    """Make everything of a run's finished tracks; return CPU seconds by stage and the peak in GB."""
    stages = Stages()
    stages.wrap(results, "collect", "collect")
    stages.wrap(results, "score_and_rank", "score, rank")
    stages.wrap(decide, "decide", "blocks, decide")
    stages.wrap(finished_run, "duplicates_of", "duplicates")
    stages.wrap(decide, "statistics", "statistics")
    stages.wrap(evaluate, "write_report", "page")
    stages.run("write, print", lambda: _finish(output, songs))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return stages.cpu_s | {"all": sum(stages.cpu_s.values()), "peak GB": peak}


def _finish(output: Path, songs: int) -> None:
    metric, selection, specs = MetricSettings(), SelectionSettings(), [get(m) for m in MODELS]
    names = [_name(number) for number in range(songs)]
    collected = results.collect(output / "parts", names, output / TABLES)
    content = results.score_and_rank(collected, metric.pair_of, selection.rule, MODELS)
    folder = RunFolder(output, output)
    run = FinishedRun(
        folder, specs, list(MODELS), content, metric, selection, DecisionSettings(), Resolved()
    )
    notes = decide.write_decision(run)
    evaluate.report(folder, list(MODELS), Console(file=io.StringIO()), notes)


def main() -> None:
    """Fabricate here, finish in a fresh process, print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--songs", type=int, default=10_000)
    parser.add_argument("--seconds", type=int, default=240)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--finish", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.finish:
        print(json.dumps(finish(given.folder, given.songs)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        fabricate(folder / "parts", given.songs, given.seconds)
        command = [sys.executable, __file__, "--finish", "--folder", str(folder)]
        done = subprocess.run(
            [*command, "--songs", str(given.songs)], check=True, stdout=subprocess.PIPE, text=True
        )
        print(f"{given.songs} songs × {len(MODELS)} models × 4 stems × {given.seconds} s")
        for stage, value in json.loads(done.stdout.splitlines()[-1]).items():
            print(f"{stage:>16} {value:8.2f}" + ("" if stage == "peak GB" else " CPU s"))


if __name__ == "__main__":
    main()
