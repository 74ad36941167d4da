"""What Linux's /proc says of a process and all below it."""

from __future__ import annotations

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def tree(pid: int) -> list[int]:
    """Return a process and all its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _fields(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [pid]
    for one in found:  # grows while it is read
        found += children.get(one, [])
    return found


def cpu_s(pids: list[int]) -> float:
    """Return the CPU seconds of processes and of those of their children that have ended."""
    stats = [fields for pid in pids if (fields := _fields(pid))]
    return sum(int(ticks) for fields in stats for ticks in fields[11:15]) / _TICKS


def memory_mb(pids: list[int]) -> float:
    """Return their memory, shared pages counted once (PSS)."""
    return sum(map(_pss_kb, pids)) * 1024 / 1e6


def title(pid: int) -> str:
    """Return a process's command line, which Ray sets to the name of the replica; empty if gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def _fields(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat from the state on; empty where the process is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _pss_kb(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
