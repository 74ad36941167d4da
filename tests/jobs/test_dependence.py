"""Copies of a recording in a real run: found, listed, and counted as one artist."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stemwise.cli import main
from stemwise.storage import tables

pytestmark = pytest.mark.usefixtures("without_ray")
RATE = 44_100


def song(seed: int) -> np.ndarray:
    """Return drum hits over noise, `(samples, 2)`."""
    random = np.random.default_rng(seed)
    time = np.arange(4 * RATE) / RATE
    hits = np.exp(-8 * ((time * (1.7 + 0.1 * seed)) % 1))
    return 0.2 * (hits[:, None] + 0.1) * np.clip(random.standard_normal((len(time), 2)), -3, 3)


def write(root: Path, name: str, artist: str | None, mixture: np.ndarray, **how) -> None:
    folder = root / name
    folder.mkdir(parents=True)
    rate, kind = how.get("rate", RATE), how.get("kind", "wav")
    soundfile.write(folder / f"mixture.{kind}", mixture, rate)
    soundfile.write(folder / "vocals.wav", mixture / 2, rate)
    facts = {} if artist is None else {"artist": artist}
    (folder / "track.json").write_text(json.dumps(facts))


def test_copies_count_as_one_artist_and_are_listed(tmp_path: Path, capsys):
    soxr = pytest.importorskip("soxr")
    root, output = tmp_path / "songs", tmp_path / "run"
    first, other, third = song(1), song(2), song(3)
    write(root, "a-first", "A", first)
    write(root, "b-same", "B", first)
    write(root, "c-quiet", "C", first / 4)
    write(root, "d-lossy", None, first, kind="mp3")
    write(root, "e-later", "E", first[RATE // 3 :])
    write(root, "f-rate", "F", soxr.resample(first, RATE, 48_000), rate=48_000)
    write(root, "g-other", "A", other)
    write(root, "h-third", "H", third)
    given = [f"dataset.root={root}", f"output={output}", "models=[band_split,hpss]"]
    assert main(["evaluate", "dataset=folder", *given]) == 0
    found = tables.read(output / "tables", "duplicates")
    names = {frozenset(row) for row in found.select("track_id", "other_track_id").iter_rows()}
    ids = ["a-first", "b-same", "c-quiet", "d-lossy", "e-later", "f-rate"]
    joined = {name for pair in names for name in pair}
    assert joined == set(ids)
    kinds = dict(found.select("other_track_id", "kind").iter_rows())
    assert kinds["b-same"] == "equal" and set(kinds.values()) == {"equal", "nearly equal"}
    board = tables.read(output / "tables", "leaderboard")
    # A (with g-other), whom the copies join with B, C, E, F and an unknown one; and H
    assert set(board["tracks"]) == {8} and set(board["artists"]) == {2}
    assert set(tables.read(output / "tables", "regret")["artists"]) == {2}
    told = " ".join(capsys.readouterr().out.split())
    assert "1 recording appears more than once: a-first = b-same = c-quiet" in told
    assert "It counts as one artist." in told
    assert "The artist of 1 track is unknown" in told
    page = (output / "report" / "index.html").read_text()
    assert "1 recording appears more than once" in page
    assert "by 6 artists, 1 track of an unknown artist" in page
    assert (output / "report" / "duplicates.csv").exists()
    # fit asks the same question of the same tables
    assert main(["fit", f"output={output}", "decision=mean"]) == 0
    assert "1 recording appears more than once" in " ".join(capsys.readouterr().out.split())
