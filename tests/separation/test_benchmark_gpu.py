"""benchmarks/gpu.py, on a CPU and with small networks: what it compares gives the same estimates."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_both_sides_give_the_same_estimates(tmp_path, monkeypatch, capsys):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    table = tmp_path / "table.json"
    options = ["--device=cpu", "--tiny", "--seconds=0.4", "--rounds=1", f"--json={table}"]
    importlib.import_module("gpu").main(options)
    rows = json.loads(table.read_text())["rows"]
    found = {(row["model"], row["way"]): row for row in rows}
    assert {model for model, _ in found} == {"htdemucs_6s", "scnet"}
    for (_, way), row in found.items():
        assert row["error"] is None and len(row["seconds"]) == 1 and row["peak_gb"] is None
        assert row["snr_db"] > (35 if way == "bf16" else 90)
    ways = [way.split()[0] for model, way in found if model == "scnet"]
    assert ways == ["MSST", "before", "auto", "fp32", "bf16"]
    shown = [line for line in capsys.readouterr().out.splitlines() if line.startswith("| ")]
    assert len(shown) == 1 + len(rows) and len({line.count("|") for line in shown}) == 1


@pytest.mark.parametrize("error", ["out of memory", ""])
def test_a_way_that_fails_says_so(monkeypatch, error):
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    gpu = importlib.import_module("gpu")
    rows = [
        gpu.Row("m", "MSST", error=error),
        gpu.Row("m", "before", [2.0]),
        gpu.Row("m", "a", [1.0]),
    ]
    lines = [gpu.line(row, rows, 10.0) for row in rows]
    assert lines[0].startswith(f"| m | MSST | {error} |")
    assert lines[2] == "| m | a | 1.000 | 10.0 |  | 2.00 |  |  |  |"
    assert len({line.count("|") for line in lines}) == 1
