"""What follows from the number of cores: threads of a model, work at a time, songs at a time.

Passes of different models side by side use the cores better than the threads of one pass, which wait
for each other at every layer (docs/serving-load.md has the numbers). So cores go to models and songs
first, and to threads only where there are more cores than a song has models side by side.
"""

from __future__ import annotations

import math
import os
from pathlib import Path

# Models of one song that can run side by side; recipes have two to four.
_SIDE_BY_SIDE = 4
# Beyond that a pass spends more time in its threads' meetings than it saves.
_MOST_THREADS = 8
_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def cores() -> int:
    """Return how many cores this process may use: the machine's, or its container's share."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(allowed or 1, _quota(_QUOTA)))


def _quota(path: Path) -> int:
    """Return a control group's limit in whole cores (`quota period` in µs, or `max`)."""
    try:
        quota, period = path.read_text().split()
        return math.ceil(int(quota) / int(period))
    except (OSError, ValueError):  # no control groups, or no limit
        return 1 << 16


def threads(cores: int, asked: int = 0) -> int:
    """Return torch's threads of one model: `asked`, or a quarter of the cores."""
    return asked or max(1, min(_MOST_THREADS, cores // _SIDE_BY_SIDE))


def turns(cores: int, threads: int, asked: int = 0) -> int:
    """Return how many models and encoders work at a time: `asked`, or as many as have cores."""
    return asked or max(1, cores // threads)


def jobs(turns: int, asked: int = 0) -> int:
    """Return the songs in progress: `asked`, or one for each turn, so that none is left idle.

    Those behind the first take only the turns that it leaves.
    """
    return asked or turns
