"""`import stemwise` is light, and offers what docs/python.md names."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import stemwise

ROOT = Path(__file__).resolve().parent.parent.parent
HEAVY = ("torch", "ray", "polars", "numpy", "pyarrow", "hydra", "yaml", "rich", "scipy", "fsspec")


def in_a_new_process(code: str) -> str:
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_import_loads_nothing_heavy_and_takes_no_time():
    code = (
        "import sys, time; began = time.process_time(); import stemwise;"
        "print(time.process_time() - began);"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    seconds, loaded = in_a_new_process(code).splitlines()
    assert loaded == "[]"
    assert float(seconds) < 0.2  # 5 to 15 ms; one of the libraries would take more


def test_everything_that_is_offered_is_there():
    for name in stemwise.__all__:
        assert getattr(stemwise, name) is not None
        assert name in dir(stemwise)
    assert issubclass(stemwise.AudioError, stemwise.StemwiseError)


def test_what_is_not_offered_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'seperate'"):
        _ = stemwise.seperate


def test_every_function_says_its_shapes_errors_and_an_example():
    for name in ("separate", "measure", "evaluate", "open_run", "Separator", "Stems"):
        told = getattr(stemwise, name).__doc__
        assert "Example:" in told
        assert "Raises:" in told or name == "Stems"
