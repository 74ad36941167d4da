"""Folders of museval: its own medians, both layouts, and files that are not what they should be."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from stemwise.core.errors import ConfigError, DatasetError
from stemwise.importing.museval_json import read_folder
from stemwise.importing.museval_track import median
from stemwise.importing.published import COLUMNS, Published

from .museval_files import museval_aggregate, track, write, write_with_museval

NAN, INF = math.nan, math.inf


def scores(found: Published) -> dict[tuple[str, str, str], float | None]:
    return {
        (track.model, track.title, stem): values["museval_sdr"]
        for track in found.tracks
        for stem, values in track.stems.items()
    }


def test_medians_are_those_that_museval_takes_of_its_own_files(tmp_path: Path):
    write_with_museval(tmp_path)
    found = read_folder(tmp_path)
    ours = {
        (track.model, track.title, stem, metric): values[column]
        for track in found.tracks
        for stem, values in track.stems.items()
        for metric, column in COLUMNS.items()
    }
    assert len(ours) == 2 * 3 * 2 * 4
    with museval_aggregate() as aggregate:
        methods = aggregate.MethodStore()
        for method in ("UMX", "TAU"):
            methods.add_eval_dir(tmp_path / method)
        theirs = methods.agg_frames_scores()
    for (method, title, target, metric), value in theirs.items():
        stem = "instrumental" if target == "accompaniment" else target
        mine = ours.pop((method, title, stem, metric))
        assert (mine is None and math.isnan(value)) or mine == pytest.approx(value, abs=1e-12)
    assert ours == {}
    assert {track.split for track in found.tracks} == {"test"}


@pytest.mark.parametrize(
    "values", [[INF, 1, 2], [INF, INF], [-INF, 3], [INF, -INF], [NAN, INF, 1], [NAN], []]
)
def test_infinite_and_undefined_frames_are_taken_as_museval_takes_them(values):
    with museval_aggregate() as aggregate:
        store = aggregate.EvalStore()
        content = track({"vocals": [*values, NAN]})
        store.add_track(aggregate.json2df(content, "song"))
        theirs = float(store.agg_frames_scores()[("song", "vocals", "SDR")])
    ours = median([*values, NAN])
    assert (ours is None and math.isnan(theirs)) or ours == theirs


def test_a_folder_of_one_method_is_named_by_the_folder_or_by_the_user(tmp_path: Path):
    write(tmp_path / "mine" / "A - B.json", track({"vocals": [1, 2, 9]}))
    assert scores(read_folder(tmp_path / "mine")) == {("mine", "A - B", "vocals"): 2}
    named = read_folder(tmp_path / "mine", ["other"], split="test")
    assert scores(named) == {("other", "A - B", "vocals"): 2}
    assert named.tracks[0].split == "test"
    # the same folder is a method of the folder above
    assert scores(read_folder(tmp_path)) == {("mine", "A - B", "vocals"): 2}


def test_of_two_splits_test_is_read_unless_another_is_asked_for(tmp_path: Path):
    write(tmp_path / "m" / "test" / "A - B.json", track({"vocals": [1.0]}))
    write(tmp_path / "m" / "train" / "C - D.json", track({"vocals": [2.0]}))
    for split, wanted in ((None, {"A - B"}), ("train", {"C - D"}), ("all", {"A - B", "C - D"})):
        assert {track.title for track in read_folder(tmp_path, split=split).tracks} == wanted
    with pytest.raises(ConfigError, match="split=dev is unknown"):
        read_folder(tmp_path, split="dev")


def test_methods_can_be_picked_and_empty_ones_are_said(tmp_path: Path):
    for method in ("a", "b"):
        write(tmp_path / method / "test" / "A - B.json", track({"vocals": [1.0]}))
    (tmp_path / "empty" / "test").mkdir(parents=True)
    write(tmp_path / "readme.json", {"not": "a method"})
    found = read_folder(tmp_path)
    assert found.models == ["a", "b"] and found.incomplete
    assert found.notes == ["empty: the folder holds no track of museval and is left out."]
    assert read_folder(tmp_path, ["b"]).models == ["b"]
    with pytest.raises(ConfigError, match="models=c is not a folder"):
        read_folder(tmp_path, ["c"])


def test_names_of_stems_are_translated(tmp_path: Path):
    content = track({"accompaniment": [1.0], "Vocals": [2.0], "voice": [3.0]})
    write(tmp_path / "A - B.json", content)
    found = read_folder(tmp_path).tracks[0]
    assert {stem: values["museval_sdr"] for stem, values in found.stems.items()} == {
        "instrumental": 1,
        "vocals": 2,
    }
    assert "'voice' is not a known stem" in found.rejected["voice"]
    translated = read_folder(tmp_path, given={"voice": "lead_vocals"}).tracks[0]
    assert translated.stems["lead_vocals"]["museval_sdr"] == 3 and not translated.rejected


GOOD = json.dumps(track({"vocals": [1.0, 2.0]}))
BROKEN = {
    "cut": (GOOD[:-30], "is not valid JSON"),
    "list": ("[]", "does not hold a JSON object"),
    "other": ('{"scores": 3}', "holds a list 'targets'"),
    "empty": ('{"targets": []}', "has no target"),
    "nameless": ('{"targets": [{"frames": []}]}', "target without a name"),
    "frames": ('{"targets": [{"name": "vocals"}]}', "holds a list 'frames'"),
    "text": (GOOD.replace('"SDR": 1.0', '"SDR": "one"'), "SDR of frame 0 of 'vocals' is 'one'"),
    "lacking": (GOOD.replace('"SAR"', '"SAX"'), "lacks SAR of frame 0"),
    "huge": (GOOD.replace('"SDR": 1.0', f'"SDR": {10**400}'), "too large"),
    "uneven": (GOOD.replace('"duration": 1.0', '"duration": 2.0', 1), "different lengths"),
    "untimed": (GOOD.replace('"time"', '"tome"'), "have a 'time'"),
    "backwards": (GOOD.replace('"time": 1.0', '"time": -1.0'), "out of order"),
    "double": (json.dumps(track({"vocals": [1.0], "VOCALS": [2.0]})), "stem 'vocals' twice"),
    "binary": ("\x00\x01", "is not valid JSON"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_file_fails_alone_with_a_sentence_that_names_it(tmp_path: Path, kind: str):
    text, says = BROKEN[kind]
    write(tmp_path / "m" / "test" / "Good - One.json", GOOD)
    write(tmp_path / "m" / "test" / "Bad - One.json", text)
    found = {track.title: track for track in read_folder(tmp_path).tracks}
    assert found["Good - One"].error is None
    error = found["Bad - One"].error
    assert error is not None and says in error and error.startswith("m/test/Bad - One.json ")
    assert error.endswith(".") and error.count("\n") == 0 and not found["Bad - One"].stems
    (tmp_path / "m" / "test" / "Good - One.json").unlink()
    with pytest.raises(DatasetError, match="no track that can be read"):
        read_folder(tmp_path)


def test_null_and_infinite_literals_are_read(tmp_path: Path):
    write(tmp_path / "A - B.json", track({"vocals": [None, 4.0, INF], "bass": [None, NAN]}))
    write(tmp_path / "C - D.json", track({"vocals": [INF, INF], "bass": [-INF]}))
    assert scores(read_folder(tmp_path, ["m"])) == {
        ("m", "A - B", "vocals"): INF,  # the mean of 4 and inf, as museval has it
        ("m", "A - B", "bass"): None,
        ("m", "C - D", "vocals"): INF,
        ("m", "C - D", "bass"): -INF,
    }


def test_a_track_that_is_there_twice_counts_once_or_fails(tmp_path: Path):
    for split in ("test", "train"):
        write(tmp_path / split / "A - B.json", GOOD)
        write(tmp_path / split / "C - D.json", track({"vocals": [float(len(split))]}))
    found = {track.track_id: track for track in read_folder(tmp_path, split="all").tracks}
    assert set(found) == {"a-b", "c-d"} and found["a-b"].error is None
    error = found["c-d"].error
    assert error is not None and "test/C - D.json and train/C - D.json" in error
    assert not found["c-d"].stems


def test_frames_of_another_length_are_refused(tmp_path: Path):
    write(tmp_path / "a" / "A - B.json", track({"vocals": [1.0, 2.0]}))
    write(tmp_path / "b" / "A - B.json", track({"vocals": [1.0]}))  # does not tell its hop
    assert len(read_folder(tmp_path).tracks) == 2
    write(tmp_path / "c" / "A - B.json", track({"vocals": [1.0, 2.0]}, window=2.0))
    with pytest.raises(DatasetError, match=r"c/A - B.json has frames of 2 s .* a/A - B.json"):
        read_folder(tmp_path)
    write(tmp_path / "c" / "A - B.json", track({"vocals": [1.0, 2.0]}, hop=0.5))
    with pytest.raises(DatasetError, match=r"every 0\.5 s"):
        read_folder(tmp_path)


def test_folders_that_are_none_are_refused(tmp_path: Path):
    with pytest.raises(DatasetError, match="does not exist"):
        read_folder(tmp_path / "absent")
    with pytest.raises(DatasetError, match="is a file"):
        read_folder(write(tmp_path / "x.json", "{}"))
    (tmp_path / "none").mkdir()
    with pytest.raises(DatasetError, match="are expected"):
        read_folder(tmp_path / "none")
    write(tmp_path / "oracle" / "A - B.json", GOOD)
    with pytest.raises(DatasetError, match="'oracle' cannot name a model"):
        read_folder(tmp_path / "oracle")


def test_the_digest_tells_changed_files(tmp_path: Path):
    path = write(tmp_path / "A - B.json", GOOD)
    first = read_folder(tmp_path).sources[0]
    assert first.files == 1 and first == read_folder(tmp_path).sources[0]
    path.write_text(GOOD.replace("2.0", "2.5"))
    assert read_folder(tmp_path).sources[0].sha256 != first.sha256
