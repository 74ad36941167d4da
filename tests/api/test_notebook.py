"""docs/notebook.ipynb runs from top to bottom, and what it shows is small."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).resolve().parent.parent.parent / "docs" / "notebook.ipynb"
CELLS = [
    cell
    for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    if cell["cell_type"] == "code"
]


@pytest.mark.usefixtures("without_ray", "unrendered")
def test_its_cells_run_in_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STEMWISE_HOME", str(tmp_path / "home"))
    names = {"__name__": "notebook"}
    for number, cell in enumerate(CELLS):
        exec(compile("".join(cell["source"]), f"cell {number}", "exec"), names)
    assert not names["run"].scores.is_empty()
    assert names["rest"].shape == names["mixture"].shape


def test_it_was_executed_without_errors_and_is_small():
    images = 0
    for number, cell in enumerate(CELLS, start=1):
        assert cell["execution_count"] == number  # else: python docs/make_notebook.py
        for output in cell["outputs"]:
            assert output["output_type"] != "error"
            image = output.get("data", {}).get("image/png")
            images += len(base64.b64decode(image)) if image else 0
    assert 0 < images < 200_000
    assert NOTEBOOK.stat().st_size < 400_000
