"""audio-separator's models-scores.json in its true structure, with what its real file holds."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from stemwise.core.errors import ConfigError, DatasetError
from stemwise.importing.models_scores import read_file

from .museval_files import write


def stem(sdr: Any) -> dict[str, Any]:
    return {"SDR": sdr, "SIR": 20.5, "SAR": 8.25, "ISR": 12.0}


def song(name: str, seconds: float | None = None, **stems: Any) -> dict[str, Any]:
    cost = {} if seconds is None else {"seconds_per_minute_m3": seconds}
    return {"track_name": name, "scores": {key: stem(v) for key, v in stems.items()} | cost}


def model(*songs: Any) -> dict[str, Any]:
    return {
        "model_name": "MDX-Net Model: x",
        "track_scores": list(songs),
        "median_scores": {},
        "stems": [],
        "target_stem": None,
    }


def test_scores_cost_and_split_are_read(tmp_path: Path):
    content = {
        "a.onnx": model(song("A - B", 12.5, vocals=5.25, instrumental=11.0), song("C - D", bass=1)),
        "b.pth": model(song("A - B", vocals=6.0)),
        "timed.ckpt": model(song("A - B", 30.0)),
        "none.ckpt": model(),
    }
    path = write(tmp_path / "models-scores.json", content)
    found = read_file(path)
    assert found.models == ["a.onnx", "b.pth"]
    assert found.notes == ["Without a score of any track: timed.ckpt, none.ckpt (2 models)."]
    first = found.tracks[0]
    assert first.split == "train" and first.seconds_per_minute == 12.5
    assert first.stems["vocals"] == {
        "museval_sdr": 5.25,
        "museval_sir": 20.5,
        "museval_sar": 8.25,
        "museval_isr": 12.0,
    }
    assert (found.frames.window_s, found.frames.hop_s) == (1.0, 1.0)
    assert read_file(tmp_path, ["b.pth"]).models == ["b.pth"]
    with pytest.raises(ConfigError, match=r"models=c.pth is not in .*a.onnx"):
        read_file(path, ["c.pth"])


def test_what_is_wrong_with_one_song_leaves_the_others(tmp_path: Path):
    songs = [
        None,  # how older files say that a song failed
        song("Good - One", vocals=1.0),
        song("Text - One", vocals="high"),
        {"track_name": "Flat - One", "scores": {"vocals": 3.0}},
        {"scores": {}},
        song("Twice - Same", 9.0, vocals=2.0),
        song("Twice - Same", 8.0, vocals=2.0),
        song("Twice - Other", vocals=2.0),
        song("Twice - Other", vocals=3.0),
        song("Odd - Stem", woodwinds=2.0),
        song("Null - One", vocals=None),
        song("Inf - One", vocals=math.inf),
    ]
    path = write(tmp_path / "s.json", {"m": model(*songs)})
    found = {track.title: track for track in read_file(path).tracks}
    errors = {title: track.error for title, track in found.items() if track.error}
    assert set(errors) == {"Text - One", "Flat - One", "track 4", "Twice - Other"}
    assert errors["Text - One"] == "m, Text - One: SDR of 'vocals' is 'high', not a number."
    assert "holds no SDR" in errors["Flat - One"]
    assert "twice" in errors["Twice - Other"]
    assert found["Twice - Same"].stems["vocals"]["museval_sdr"] == 2.0
    assert "'woodwinds' is not a known stem" in found["Odd - Stem"].rejected["woodwinds"]
    assert found["Null - One"].stems["vocals"]["museval_sdr"] is None
    assert found["Inf - One"].stems["vocals"]["museval_sdr"] == math.inf
    renamed = read_file(path, given={"woodwinds": "other"}).tracks
    assert "other" in {name for track in renamed for name in track.stems}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('{"a.onnx": {"track', "is not valid JSON"),
        ("[1]", "does not hold a JSON object"),
        ("{}", "is not audio-separator's"),
        ('{"targets": []}', "is not audio-separator's"),
        (json.dumps({"a": model(None)}), "no track that can be read"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, text: str, says: str):
    path = write(tmp_path / "scores.json", text)
    with pytest.raises(DatasetError, match=says) as caught:
        read_file(path)
    assert str(path) in str(caught.value)
    with pytest.raises(DatasetError, match=r"models-scores.json cannot be read"):
        read_file(tmp_path)
