import shutil
import unicodedata

import pytest
import yaml

from stemwise.core.errors import ConfigError, DatasetError
from stemwise.datasets.musdb18hq import MUSDB18HQ

FILES = ("mixture", "drums", "bass", "other", "vocals")


@pytest.fixture
def song(tmp_path, write, tone):
    def build(name, split="train", files=FILES, root=tmp_path):
        for file in files:
            write(root / split / name / f"{file}.wav", tone())
        return root / split / name

    return build


def test_songs_are_listed_by_split(tmp_path, song):
    song("B Band - Some - Song")
    song("A Band - Zwölf", "test")
    every = MUSDB18HQ(root=tmp_path).tracks()
    assert [(track.track_id, track.split) for track in every] == [
        ("a-band-zwolf", "test"),
        ("b-band-some-song", "train"),
    ]
    (track,) = MUSDB18HQ(root=tmp_path, split="train").tracks()
    assert (track.artist, track.title) == ("B Band", "Some - Song")
    assert track.partition == ("vocals", "drums", "bass", "other") == tuple(track.references)
    assert track.mixture.path.name == "mixture.wav"
    assert track.problems == ()


def test_absent_files_are_named(tmp_path, song):
    song("x", files=("drums", "bass", "other"))
    (track,) = MUSDB18HQ(root=tmp_path).tracks()
    assert (track.artist, track.title, track.mixture) == (None, "x", None)
    assert set(track.references) == {"drums", "bass", "other"}
    assert track.problems == ("mixture.wav is absent.", "vocals.wav is absent.")


def test_equal_names_in_both_splits_get_lasting_suffixes(tmp_path, song):
    song("Band - Song", "train")
    song("Band - Song", "test")
    ids = {track.split: track.track_id for track in MUSDB18HQ(root=tmp_path).tracks()}
    assert len(set(ids.values())) == 2
    assert all(name.startswith("band-song-") for name in ids.values())
    song("A - A", "train")
    again = MUSDB18HQ(root=tmp_path).tracks()
    assert {track.split: track.track_id for track in again if track.title == "Song"} == ids


def test_the_root_may_be_one_split(tmp_path, song):
    folder = song("Band - Song", "test")
    (track,) = MUSDB18HQ(root=folder.parent).tracks()
    assert track.split == "test"
    with pytest.raises(DatasetError, match=r"no folder 'train' but only test"):
        MUSDB18HQ(root=folder.parent, split="train").tracks()


def test_a_root_one_level_too_high_is_explained(tmp_path, song):
    song("Band - Song", root=tmp_path / "musdb18hq")
    with pytest.raises(DatasetError, match=f"set dataset.root to {tmp_path / 'musdb18hq'}"):
        MUSDB18HQ(root=tmp_path).tracks()


def test_roots_without_songs(tmp_path, song):
    (tmp_path / "empty").mkdir()
    (tmp_path / "splits" / "train" / "no wav").mkdir(parents=True)
    (tmp_path / "file").touch()
    for name in ("empty", "splits", "file", "none"):
        with pytest.raises(DatasetError, match=f"{name} .*mixture,drums.*dataset.root"):
            MUSDB18HQ(root=tmp_path / name).tracks()


def test_the_other_edition_is_recognised(tmp_path):
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "A - B.stem.mp4").touch()
    with pytest.raises(DatasetError, match=r"dataset=musdb18\."):
        MUSDB18HQ(root=tmp_path).tracks()


def test_hidden_and_foreign_entries_are_ignored(tmp_path, song):
    folder = song("Band - Song")
    shutil.copytree(folder, folder.parent / "._Band - Song")
    (folder.parent / "readme.txt").touch()
    (folder.parent / "notes").mkdir()
    assert len(MUSDB18HQ(root=tmp_path).tracks()) == 1


def test_genres_come_from_the_table_beside_the_splits(tmp_path, song):
    song(unicodedata.normalize("NFD", "Bänd - Song"))
    table = "track,genre\n" + unicodedata.normalize("NFC", "Bänd - Song") + ",Rock\nother,Pop\n"
    (tmp_path / "tracks.csv").write_text(table, encoding="utf-8-sig")
    for root in (tmp_path, tmp_path / "train"):
        (track,) = MUSDB18HQ(root=root).tracks()
        assert (track.genre, track.problems) == ("Rock", ())


@pytest.mark.parametrize("content", [b"", b"name,kind\na,b\n", b"track,genre\n\xff,x\n"])
def test_an_unusable_table_is_a_problem(tmp_path, song, content):
    song("Band - Song")
    (tmp_path / "tracks.csv").write_bytes(content)
    (track,) = MUSDB18HQ(root=tmp_path).tracks()
    assert track.genre is None
    assert "genres are unknown" in track.problems[0]


def test_other_splits_do_not_exist(tmp_path):
    with pytest.raises(ConfigError, match="'validation'"):
        MUSDB18HQ(root=tmp_path, split="validation")


@pytest.mark.parametrize(("name", "cls"), [("musdb18hq", "MUSDB18HQ"), ("musdb18", "MUSDB18")])
def test_configuration_names_the_class(repository, name, cls):
    conf = yaml.safe_load((repository / f"conf/dataset/{name}.yaml").read_text())
    target = f"stemwise.datasets.{name}.{cls}"
    assert conf == {"_target_": target, "root": "???", "split": None}
