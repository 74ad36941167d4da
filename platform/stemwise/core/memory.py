"""Memory of processes that run models."""

from __future__ import annotations

import os

# glibc gives each big block back to the system after use, and the next pass gets it page by page anew:
# up to a third of a model's CPU time. What the environment says already wins.
_KEEP = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": "2000000000",
    "MALLOC_TRIM_THRESHOLD_": "2000000000",
    "MALLOC_TOP_PAD_": "67108864",
}


def keep_memory() -> dict[str, str]:
    """Return environment variables with which a new process keeps the memory that it has freed."""
    return {name: os.environ.get(name, value) for name, value in _KEEP.items()}
