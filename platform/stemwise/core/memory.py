"""Memory of processes that run models.

glibc gives each big block back to the system once it is freed, and the next pass of a model gets it
page by page again: up to a third of its CPU time. Here it is told to keep what is freed, and to give
it back when there is nothing to do.
"""

from __future__ import annotations

import ctypes
import os
from functools import cache

# How a new process is told, and `mallopt`'s number for the same. What the environment says already wins.
_KEEP = {
    # one arena: blocks of other threads' arenas beyond 64 MB are given back whatever else is set
    "MALLOC_ARENA_MAX": (-8, 1),
    "MALLOC_MMAP_THRESHOLD_": (-3, 2_000_000_000),
    "MALLOC_TRIM_THRESHOLD_": (-1, 2_000_000_000),
    "MALLOC_TOP_PAD_": (-2, 1 << 26),
}


def keep_memory() -> dict[str, str]:
    """Return environment variables with which a new process keeps the memory that it has freed."""
    return {name: os.environ.get(name, str(value)) for name, (_, value) in _KEEP.items()}


@cache
def keep() -> bool:
    """Let this process keep the memory that it frees; tell whether its C library can (glibc).

    Threads that have allocated before keep their own arenas, so processes that run models in threads
    are better started with `keep_memory`.
    """
    mallopt = _glibc("mallopt")
    if mallopt is None:
        return False
    wanted = [option for name, option in _KEEP.items() if name not in os.environ]
    # a list: the second option is worth setting where the first is refused
    heeded = [bool(mallopt(number, value)) for number, value in wanted]
    return all(heeded)


def release() -> bool:
    """Give freed memory back to the system; tell whether there was any."""
    trim = _glibc("malloc_trim")
    return trim is not None and bool(trim(0))


def _glibc(name: str) -> ctypes._NamedFuncPointer | None:
    """Return a function of the C library; None where it is another library than glibc."""
    library = ctypes.CDLL(None)
    return getattr(library, name, None) if hasattr(library, "gnu_get_libc_version") else None
