"""Load on the service over loopback, against peers' ways to serve the same models, and with faults.

Clients send songs of mixed lengths and fetch all stems. Ways, in the same run and with the same models
and number of clients:

    stemwise             `stemwise serve` as it is shipped, with a state folder of its own
    one after the other  one `stemwise separate` for all songs: what first come, first served gives
    process per request  `stemwise separate FILE` for each song, at most one process per core; this is
                         what a web handler does that calls a separator's command line
    naive serve          one Ray Serve deployment that separates in its handler (naive_app.py)

Then stemwise alone with faults: replicas killed with SIGKILL in mid-load, clients that leave, cancelled
jobs, bad uploads, a queue that is too short. Exit code 1 where a song or a job was lost or done twice.

    python benchmarks/serving.py --clients 6 --songs 18 --seconds 2,5,12 --rounds 3

Needs Linux (/proc). Nothing but 127.0.0.1 is used.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from serving_load import faults, report, ways
from serving_load.clients import Load, Way, check, drive
from serving_load.service import Service
from serving_load.songs import Song, render

OURS, IN_TURN = "stemwise", "one after the other"
PROCESSES, NAIVE = "process per request", "naive serve"


@dataclass(frozen=True)
class Plan:
    """What is sent, and where things go."""

    songs: Sequence[Song]
    warm_up: Sequence[Song]
    clients: int
    stems: Sequence[str]
    folder: Path
    conditions: ways.Conditions

    def run(
        self, name: str, way: Way, cpu_s: Callable[[], float], load: Load | None = None
    ) -> Load:
        """Send all songs one way and check what comes back."""
        load, folder = load or Load(), self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        before = cpu_s()
        drive(self.songs, self.clients, way, folder, self.conditions.limit_s, load)
        load.cpu_s = cpu_s() - before
        check(self.songs, folder, load, self.stems)
        _say(
            f"{name}: {load.audio_s:.0f} s of audio in {load.wall_s:.1f} s, {load.cpu_s:.0f} CPU s"
        )
        for why in load.lost:
            _say(f"  lost: {why}")
        return load

    def warm(self, way: Way) -> None:
        """Send one song first, so that nothing is measured that happens only once."""
        folder = self.folder / "warm-up"
        shutil.rmtree(folder, ignore_errors=True)
        drive(self.warm_up, 1, way, folder, self.conditions.limit_s, Load())


def stemwise(plan: Plan) -> Load:
    """Measure the service without faults."""
    state = Path(tempfile.mkdtemp(dir=plan.folder))
    with ways.stemwise(plan.conditions, state) as way:
        plan.warm(way)
        before = way.service.settled(0)
        load = plan.run(OURS, way, way.service.cpu_s)
        _account(load, way.service, before)
        faults.audit(way, set(), load)
    shutil.rmtree(state)
    return load


def in_turn(plan: Plan) -> Load:
    """Measure one process that takes all songs."""
    way = ways.OneAfterTheOther(plan.songs, plan.stems, plan.conditions)
    return plan.run(IN_TURN, way, way.cpu_s)


def processes(plan: Plan) -> Load:
    """Measure a process per request."""
    return plan.run(PROCESSES, ways.ProcessPerRequest(plan.conditions), ways.children_cpu_s)


def naive(plan: Plan) -> Load:
    """Measure the naive Serve app."""
    with ways.naive_service(plan.conditions, plan.folder) as service:
        way = ways.naive(service, plan.conditions)
        plan.warm(way)
        load = plan.run(NAIVE, way, service.cpu_s)
        load.memory_mb, load.start_s = service.memory_mb(), service.start_s
    return load


def with_faults(plan: Plan, victims: Sequence[str]) -> Load:
    """Measure the service while replicas are killed and clients misbehave."""
    state = Path(tempfile.mkdtemp(dir=plan.folder))
    settings = (
        f"limits.max_unfinished={max(2, plan.clients - 2)}",
        f"limits.max_upload_mb={faults.UPLOAD_MB}",
    )
    with ways.stemwise(plan.conditions, state, *settings) as way:
        plan.warm(way)
        before = way.service.settled(0)
        load = Load()
        trouble = faults.Trouble(way, plan.songs[-1], state)
        step = len(plan.songs) / (len(victims) + 1)
        moments = [(round(step * (number + 1)), name) for number, name in enumerate(victims)]
        faults.killer(way, load, moments).start()
        plan.run("stemwise with faults", trouble, way.service.cpu_s, load)
        _account(load, way.service, before)
        load.lost += trouble.wrong
        faults.audit(way, trouble.cancelled, load)
    shutil.rmtree(state)
    return load


def _account(load: Load, service: Service, before: dict[str, float]) -> None:
    """Note what the service says of its work since `before`."""
    load.memory_mb, load.start_s = service.memory_mb(), service.start_s
    now = service.settled(before["chunks"] + load.seen["chunks needed"])
    chunks, passes, retries = (now[name] - before[name] for name in now)
    load.chunks_per_pass = chunks / passes if passes else None
    load.note("chunks run (killed replicas' last ones not counted)", round(chunks))
    load.note("model calls repeated", round(retries))


def _say(text: str) -> None:
    print(text, flush=True)


def main() -> int:
    """Run all ways in turns, print medians and ratios, and return the exit code."""
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is stopped
    with tempfile.TemporaryDirectory(prefix="stemwise-load-") as folder:
        plan = _plan(options, Path(folder))
        audio_s = sum(song.seconds for song in plan.songs)
        _say(
            f"{len(plan.songs)} songs, {audio_s:.0f} s of audio, {plan.clients} clients, recipe "
            f"{options.recipe}, {os.cpu_count()} cores, other ways' threads {options.threads or 'all'}"
        )
        chosen = {OURS: stemwise, IN_TURN: in_turn, PROCESSES: processes, NAIVE: naive}
        wanted = {name: chosen[name] for name in options.ways}
        results: dict[str, list[Load]] = {name: [] for name in wanted}
        for _ in range(options.rounds):
            for name, measure in wanted.items():
                results[name].append(measure(plan))
        troubled = [] if options.no_faults else [with_faults(plan, options.victims)]
        return _tell(plan, results, troubled)


def _tell(plan: Plan, results: dict[str, list[Load]], troubled: list[Load]) -> int:
    everything = results | ({"stemwise with faults": troubled} if troubled else {})
    _say("\n" + report.table(everything))
    for line in report.ratios(results, OURS) if OURS in results else ():
        _say(line)
    for name, loads in everything.items():
        _say(f"{name}: {report.events(loads)}")
    others = [name for name in results if name != OURS]
    for name in others if OURS in results else ():
        found = report.difference_dbfs(
            plan.songs, plan.stems, plan.folder / OURS, plan.folder / name
        )
        shown = "none" if found is None else f"{found:.0f} dBFS"
        _say(f"Largest difference between a stem of {OURS} and of {name}: {shown}")
    lost = [why for loads in everything.values() for load in loads for why in load.lost]
    _say(f"Lost: {len(lost)}")
    return 1 if lost else 0


def _plan(options: argparse.Namespace, folder: Path) -> Plan:
    from stemwise.serving.graph.backend import served_recipes

    recipes, _ = served_recipes([options.recipe])
    (recipe,) = recipes.values()
    conditions = ways.Conditions(
        options.recipe, options.threads, options.limit_s, tuple(options.settings)
    )
    songs = render(folder / "song", options.songs, options.seconds)
    warm_up = render(folder / "warmup", 1, [1.0])
    stems = recipe.all_stems()
    return Plan(songs, warm_up, options.clients, stems, folder, conditions)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clients", type=_bounded(1, 32), default=6)
    parser.add_argument("--songs", type=_bounded(1, 60), default=18)
    parser.add_argument("--seconds", type=_seconds, default=[2.0, 5.0, 12.0], help="lengths")
    parser.add_argument("--rounds", type=_bounded(1, 20), default=3, help="medians are shown")
    parser.add_argument("--recipe", default="demo", help="or a model")
    parser.add_argument(
        "--threads",
        type=_bounded(0, 256),
        default=1,
        help="torch's, of the processes of the last two ways (default 1; 0: all cores)",
    )
    ways_known = (OURS, IN_TURN, PROCESSES, NAIVE)
    parser.add_argument("--ways", nargs="+", choices=ways_known, default=ways_known)
    parser.add_argument("--limit-s", type=_bounded(10, 3600), default=900, help="of each round")
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="KEY=VALUE")
    parser.add_argument("--no-faults", action="store_true")
    parser.add_argument(
        "--kill",
        dest="victims",
        default=["model-demo_scnet", "ensemble"],
        type=lambda text: text.split(","),
        help="deployments, a replica of each is killed (default: model-demo_scnet,ensemble)",
    )
    return parser.parse_args()


def _bounded(least: int, most: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        value = int(text)
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"{text} is not usable: give {least} to {most}")
        return value

    return number


def _seconds(text: str) -> list[float]:
    values = [float(part) for part in text.split(",")]
    if not all(0.5 <= value <= 600 for value in values):
        raise argparse.ArgumentTypeError(f"{text} is not usable: give lengths from 0.5 to 600 s")
    return values


if __name__ == "__main__":
    sys.exit(main())
