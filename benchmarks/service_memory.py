"""Memory of all processes of the service before, during and after one long song.

Starts `stemwise serve` with its defaults, sends two short songs so that nothing is measured that happens
only once, then one long song, and prints the proportional set size (PSS: shared pages count once) of all
its processes before, at most, and after, with the processes that keep most. Exit code 1 where more
than a fifth is kept.

    python benchmarks/service_memory.py --seconds 900

Needs Linux (/proc). Nothing but 127.0.0.1 is used.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from serving_load import processes, ways
from serving_load.clients import Load
from serving_load.service import Service
from serving_load.songs import Song, render

_ALLOWED = 1.2
_SETTLE_S = 8.0


class Watch:
    """Notes the largest memory of a service until it is left."""

    def __init__(self, service: Service, every_s: float = 2.0) -> None:
        self.most = 0.0
        self._service, self._every_s, self._ended = service, every_s, threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ended.wait(self._every_s):
            self.most = max(self.most, self._service.memory_mb())


def by_process(service: Service) -> Counter[str]:
    """Return MB by process, those of the same name together."""
    found: Counter[str] = Counter()
    for pid in processes.tree(service.process.pid):
        name = processes.title(pid).split("#")[0].strip() or "unnamed"
        if name.startswith("ray::"):  # the method that it runs at the moment follows the name
            name = name.split(".")[0]
        found[name[:60]] += processes.memory_mb([pid])  # type: ignore[assignment]
    return found


def main() -> int:
    """Measure and print; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=900.0, help="of the long song")
    parser.add_argument("--recipe", default="demo")
    parser.add_argument("--set", action="append", default=[], dest="settings", metavar="KEY=VALUE")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="stemwise-memory-") as text:
        folder = Path(text)
        conditions = ways.Conditions(options.recipe, 0, 3600, tuple(options.settings))
        short, (long,) = (
            render(folder / "short", 2, [15.0]),
            render(folder / "long", 1, [options.seconds]),
        )
        with ways.stemwise(conditions, folder) as way:
            for song in short:
                send(way, song, folder)
            time.sleep(_SETTLE_S)
            before, total = by_process(way.service), way.service.memory_mb()
            with Watch(way.service) as watch:
                send(way, long, folder)
            time.sleep(_SETTLE_S)
            after, kept = by_process(way.service), way.service.memory_mb()
    print(f"before {total:.0f} MB, at most {watch.most:.0f}, after {kept:.0f}: {kept / total:.2f}x")
    for name, more in (after - before).most_common(8):
        print(f"{more:+8.0f} MB  {name}")
    return 0 if kept <= _ALLOWED * total else 1


def send(way: ways.Stemwise, song: Song, folder: Path) -> None:
    """Have a song separated, and fetch its stems."""
    target = folder / "out" / song.name
    target.mkdir(parents=True)
    way(song, target, Load())


if __name__ == "__main__":
    sys.exit(main())
