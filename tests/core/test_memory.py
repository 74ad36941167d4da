"""Freed memory is kept for the next pass, and given back when asked."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from stemwise.core import memory

_FIRST = """
import resource, sys, threading
import numpy as np
from stemwise.core import memory

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()

def faults(passes):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(passes):
        np.ones(10_000_000, np.float32) * 2
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

if sys.argv[1] == "keep":
    assert memory.keep()
work = lambda: print(faults(2), faults(8))
if sys.argv[2] == "thread":
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
else:
    work()
held = resident()
memory.release()
print(held, resident())
"""

pytestmark = pytest.mark.skipif(
    not hasattr(__import__("ctypes").CDLL(None), "gnu_get_libc_version"), reason="needs glibc"
)


def run(how: str, where: str) -> tuple[int, int, int]:
    """Return the page faults of eight more passes, and resident bytes before and after giving back."""
    platform = Path(memory.__file__).parents[2]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("MALLOC_", "GLIBC_"))}
    made = subprocess.run(
        [sys.executable, "-c", _FIRST, how, where],
        env=environment | {"PYTHONPATH": str(platform)},
        capture_output=True,
        text=True,
        check=True,
    )
    first, second = made.stdout.splitlines()
    return int(first.split()[1]), *map(int, second.split())  # type: ignore[return-value]


@pytest.mark.parametrize("where", ["main", "thread"])
def test_freed_memory_is_used_again(where: str) -> None:
    """Without it, each pass gets its blocks from the system anew."""
    kept, held, given_back = run("keep", where)
    without, _, _ = run("leave", where)
    assert kept < without / 20
    # two arrays of 40 MB were held
    assert held - given_back > 60e6


def test_the_environment_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a user has set stays."""
    monkeypatch.setenv("MALLOC_ARENA_MAX", "7")
    assert memory.keep_memory()["MALLOC_ARENA_MAX"] == "7"


def test_another_c_library_has_no_such_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """Then nothing is done, and it is said."""
    monkeypatch.setattr(memory.ctypes, "CDLL", lambda _: object())
    memory.keep.cache_clear()
    assert not memory.keep()
    assert not memory.release()
    memory.keep.cache_clear()
