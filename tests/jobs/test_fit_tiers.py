"""`stemwise fit tiers=…` on a run of the command line, and what becomes of the table afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest

from stemwise.cli import main
from stemwise.storage import tables

from ..conftest import make_song
from .runs import evaluate

pytestmark = pytest.mark.usefixtures("without_ray")
TWO = "models=[band_split,{name: twice, base: band_split, augment: {polarity: true}}]"


def test_tiers_are_replayed_and_left_out_once_the_scores_are_others(tmp_path: Path, capsys):
    output = tmp_path / "run"
    for number in range(2):
        make_song(tmp_path / "songs" / f"song-{number}", number)
    assert evaluate(tmp_path / "songs", output, TWO) == 0
    capsys.readouterr()
    assert main(["fit", f"output={output}", "tiers=[[band_split],[band_split,twice]]"]) == 1
    printed = capsys.readouterr().out
    replay = tables.read(output / "tables", "tiers")
    assert replay["left_out"].to_list() == [False, True], replay.rows(named=True)
    assert "never beats" in printed
    assert main(["report", f"output={output}"]) == 0
    assert len(tables.read(output / "tables", "tiers")) == len(replay)
    capsys.readouterr()
    assert main(["report", f"output={output}", "selection=paper_guarded"]) == 0
    assert "run `stemwise fit tiers=…` again" in " ".join(capsys.readouterr().out.split())
    assert not len(tables.read(output / "tables", "tiers"))
