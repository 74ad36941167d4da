"""CPU seconds and memory of this process and all that it has started, by what they do (Linux)."""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


def role_of(command: str) -> str:
    """Return what a process does."""
    if "song_child" in command:
        return command.rsplit(maxsplit=1)[-1]
    for mark, role in (("ray::", "Ray's workers"), ("raylet", "Ray"), ("gcs_server", "Ray")):
        if mark in command:
            return role
    return "Ray" if "/ray/" in command else "driver"


class Usage:
    """Follows a tree of processes; those that end are remembered with their last sample."""

    def __init__(self, every_s: float = 1.0) -> None:
        self._cpu: dict[int, tuple[str, float]] = {}
        self.peak_gb: dict[str, float] = defaultdict(float)
        self._every_s, self._stop = every_s, threading.Event()
        self._lock = threading.Lock()
        threading.Thread(target=self._follow, daemon=True).start()

    def cpu_s(self) -> dict[str, float]:
        """Return role → CPU seconds so far."""
        self._sample()
        total: dict[str, float] = defaultdict(float)
        with self._lock:
            for role, seconds in self._cpu.values():
                total[role] += seconds
        return dict(total)

    def close(self) -> None:
        """Stop following."""
        self._stop.set()

    def _follow(self) -> None:
        while not self._stop.wait(self._every_s):
            self._sample()

    def _sample(self) -> None:
        found = dict(filter(None, map(_facts, Path("/proc").glob("[0-9]*"))))
        memory: dict[str, float] = defaultdict(float)
        with self._lock:
            for pid, (_, command, seconds, resident) in found.items():
                if _descends(pid, found):
                    # one that has ended and is not yet reaped has no command any more
                    role = role_of(command) if command else self._cpu.get(pid, ("driver", 0))[0]
                    self._cpu[pid] = (role, seconds)
                    memory[role] += resident
            for role, used in memory.items():
                self.peak_gb[role] = max(self.peak_gb[role], used)
            self.peak_gb["all together"] = max(self.peak_gb["all together"], sum(memory.values()))


def _facts(folder: Path) -> tuple[int, tuple[int, str, float, float]] | None:
    """Return pid → (parent, command, CPU s, private GB), or None where it has ended meanwhile."""
    try:
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
        command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
        pages = (folder / "statm").read_text().split()
    except OSError:
        return None
    private = (int(pages[1]) - int(pages[2])) * os.sysconf("SC_PAGE_SIZE") / 1e9
    return int(folder.name), (int(fields[1]), command, sum(map(int, fields[11:13])) / TICK, private)


def _descends(pid: int, found: dict[int, tuple[int, str, float, float]]) -> bool:
    while pid in found:
        if pid == os.getpid():
            return True
        pid = found[pid][0]
    return False
