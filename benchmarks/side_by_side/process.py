"""What a process has taken, ours or a child's, as Linux tells it in /proc."""

from __future__ import annotations

import os
import resource
from pathlib import Path

PROC = Path("/proc")


def cpu_s(pid: int) -> float:
    """Return the CPU seconds of all threads of a process since its start, to the system's tick."""
    # the second field is the program's name, which may hold spaces
    fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def forget_peak(pid: int) -> None:
    """Let the peak of a process's memory start anew, where the system can."""
    clear = PROC / str(pid) / "clear_refs"
    if clear.exists():
        clear.write_text("5")


def peak_gb(pid: int) -> float:
    """Return the most memory of a process since then, in GB; without /proc only our own is known."""
    status = PROC / str(pid) / "status"
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
