"""metric=listeners: the pair of scores depends on the stem, from the tables to the page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from stemwise.cli import main
from stemwise.storage import tables

pytest.importorskip("librosa", reason="librosa is not installed")
pytestmark = pytest.mark.usefixtures("without_ray")

PAIRS = {"vocals": ("snr", "snr"), "drums": ("si_sar", "si_sar"), "other": ("snr", "bss_sdr")}


def agree(scores: pl.DataFrame, pairs: dict[str, tuple[str, str]]) -> None:
    for stem, (first, second) in pairs.items():
        rows = scores.filter(pl.col("stem") == stem, pl.col("parent") == "mixture")
        # no model of the run makes `other`
        made = set() if stem == "other" else {"oracle", "band_split"}
        assert {"mixture", *made} <= set(rows["model"])
        for copy, name in (("paper_snr", first), ("paper_sdr", second)):
            assert rows[copy].equals(rows[name].alias(copy)), (stem, name)
        if first == second:
            assert rows["score"].to_list() == pytest.approx(rows[first].to_list())


def test_a_run_is_scored_fitted_and_reported_by_what_listeners_hear(
    songs: Callable[..., Path], tmp_path: Path, capsys
) -> None:
    output = tmp_path / "run"
    run = [f"dataset.root={songs(3)}", f"output={output}", "models=[band_split,hpss]"]
    assert main(["evaluate", "dataset=folder", *run, "metric=listeners"]) == 0
    scores = tables.read(output / "tables", "scores")
    agree(scores, PAIRS)
    drums = scores.filter(pl.col("stem") == "drums")
    held_out = drums.filter(pl.col("model") == "recipe:deployable")
    assert len(held_out) == 3
    assert held_out["paper_sdr"].equals(held_out["si_sar"].alias("paper_sdr"))
    assert drums.filter(pl.col("model") == "mixture")["si_sar"].is_infinite().all()
    chosen = tables.read(output / "tables", "selections").filter(pl.col("stem") == "drums")
    assert set(chosen["model"]) <= {"band_split", "hpss"}
    assert chosen["win_probability"].is_not_null().all()
    table = (output / "report" / "table1.tex").read_text()
    assert "drums SI-SAR" in table and "vocals SNR" in table
    page = (output / "report" / "index.html").read_text()
    assert "does not measure interference" in page

    assert main(["report", f"output={output}"]) == 0
    usual = dict.fromkeys(PAIRS, ("snr", "bss_sdr"))
    agree(tables.read(output / "tables", "scores"), usual)
    page = (output / "report" / "index.html").read_text()
    assert "does not measure interference" not in page
