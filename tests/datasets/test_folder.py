import json

import pytest
import yaml

from stemwise.core.errors import DatasetError
from stemwise.datasets.decode import TrackAudio
from stemwise.datasets.folder import Folder

FOUR = ("vocals", "drums", "bass", "other")


@pytest.fixture
def song(tmp_path, write, tone):
    def build(name="song", files=("mixture.wav", *(f"{stem}.wav" for stem in FOUR))):
        for file in files:
            write(tmp_path / name / file, tone())
        return tmp_path / name

    return build


def only(root):
    (track,) = Folder(root=root).tracks()
    return track


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3", "ogg", "WAV"])
def test_a_song_is_a_folder_with_a_mixture_and_stems(tmp_path, song, suffix):
    song("My Söng", [f"{stem}.{suffix}" for stem in ("Mixture", "Vocals", "kick", "strings")])
    track = only(tmp_path)
    assert (track.dataset, track.track_id, track.title) == ("folder", "my-song", "My Söng")
    assert track.partition == ("vocals", "kick", "strings") == tuple(track.references)
    assert track.mixture.path.name == f"Mixture.{suffix}"
    assert TrackAudio(track).reference("kick").shape == (2, TrackAudio(track).length)
    assert track.problems == ()


def test_sub_stems_do_not_count_beside_their_parent(tmp_path, song):
    song(files=["drums.wav", "kick.wav", "hi-hat.wav", "bass.wav"])
    track = only(tmp_path)
    assert track.partition == ("drums", "bass")
    assert set(track.references) == {"drums", "bass", "kick", "hihat"}
    assert track.mixture is None


@pytest.mark.parametrize("name", ["accompaniment", "no_vocals", "instrumental"])
def test_synonyms_of_instrumental(tmp_path, song, name):
    song(files=["vocals.wav", f"{name}.wav"])
    assert only(tmp_path).partition == ("vocals", "instrumental")


def test_one_of_several_files_is_chosen_and_named(tmp_path, song):
    song(files=["mixture.mp3", "mixture.flac", "vocals.mp3", "vocals.WAV"])
    song(files=["accompaniment.wav", "instrumental.ogg"])
    track = only(tmp_path)
    names = {stem: ref.sources[0].path.name for stem, ref in track.references.items()}
    assert names == {"vocals": "vocals.WAV", "instrumental": "instrumental.ogg"}
    assert track.mixture.path.name == "mixture.flac"
    assert set(track.problems) == {
        "mixture has several files: mixture.flac is used, not mixture.mp3.",
        "vocals has several files: vocals.WAV is used, not vocals.mp3.",
        "instrumental has several files: instrumental.ogg is used, not accompaniment.wav.",
    }


def test_instrumental_is_summed_only_where_no_single_stems_are(tmp_path, song, tone):
    song("two", ["vocals.wav", "instrumental.wav"])
    song("three", ["vocals.wav", "instrumental.wav", "drums.wav"])
    three, two = Folder(root=tmp_path).tracks()
    assert (TrackAudio(two).mixture == tone(0.5)).all() and two.problems == ()
    assert (TrackAudio(three).mixture == tone(0.5)).all()
    assert "instrumental may hold more" in three.problems[0]


def test_other_files_are_ignored(tmp_path, song):
    folder = song()
    for name in ("vocals.txt", "cover.jpg", "._vocals.wav", ".hidden.wav"):
        (folder / name).write_text("x")
    (folder / "guitar.wav").mkdir()
    (folder / "piano.wav").symlink_to("nowhere.wav")
    track = only(tmp_path)
    assert set(track.references) == set(FOUR)
    # these look like stems, so that leaving them out is said
    assert ["guitar.wav" in track.problems[0], "piano.wav" in track.problems[1]] == [True, True]


def test_unusable_stem_names_are_left_out(tmp_path, song):
    song(files=["mixture.wav", "vocals.wav", "lead guitar.wav", "piano+other.wav", "-x.wav"])
    track = only(tmp_path)
    assert set(track.references) == {"vocals"}
    assert len(track.problems) == 3
    assert all("not a usable stem name" in problem for problem in track.problems)


def test_facts_of_a_song(tmp_path, song):
    facts = {"genre": "jazz", "artist": "A", "title": "../T", "has_bleed": True, "voice": "female"}
    (song() / "track.json").write_text(json.dumps(facts))
    track = only(tmp_path)
    assert (track.genre, track.artist, track.title) == ("jazz", "A", "../T")
    assert track.has_bleed is track.references["drums"].has_bleed is True
    assert track.references["vocals"].voice == "female"
    assert track.references["drums"].voice is None
    assert track.track_id == "song"


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"voice": ["alto"], "genre": ["x"]}', '{"has_bleed": "no"}']
)
def test_broken_facts_are_a_problem(tmp_path, song, content):
    (song() / "track.json").write_text(content)
    track = only(tmp_path)
    assert "ignored" in track.problems[0] and track.problems[0].startswith("track.json")
    assert (track.title, track.genre, track.has_bleed) == ("song", None, None)
    assert track.references["vocals"].voice is None


def test_finished_estimates_are_found(tmp_path, song, write, tone):
    folder = song() / "estimates"
    for file in ("LarsNet/kick.mp3", "LarsNet/mixture.wav", "SAB-NMF/Vocals.wav", "bad name/x.wav"):
        write(folder / file, tone())
    write(folder / "LarsNet" / "kick.wav", tone())
    (folder / "empty").mkdir()
    track = only(tmp_path)
    found = {model: set(files) for model, files in track.estimates.items()}
    assert found == {"LarsNet": {"kick"}, "SAB-NMF": {"vocals"}}
    assert track.estimates["LarsNet"]["kick"].path.name == "kick.wav"
    assert set(track.problems) == {
        "estimates/LarsNet: kick has several files: kick.wav is used, not kick.mp3.",
        "'bad name' is not a usable model name: its estimates are left out.",
    }


def test_songs_share_the_partition_of_the_folder_where_it_holds_theirs(tmp_path, song):
    song("six", [f"{stem}.wav" for stem in (*FOUR, "guitar", "piano")])
    song("no piano", [f"{stem}.wav" for stem in (*FOUR, "guitar")])
    song("two", ["vocals.wav", "instrumental.wav"])
    song("mixture only", ["mixture.wav"])
    tracks = {track.title: track for track in Folder(root=tmp_path).tracks()}
    assert tracks["no piano"].partition == tracks["six"].partition
    assert len(tracks["six"].partition) == 6
    assert tracks["two"].partition == ("vocals", "instrumental")
    assert tracks["mixture only"].references == {}
    assert "no stems" in tracks["mixture only"].problems[0]


def test_equal_slugs_get_lasting_suffixes(tmp_path, song):
    song("A b")
    song("a_b")
    song("a-b")
    ids = {track.title: track.track_id for track in Folder(root=tmp_path).tracks()}
    assert ids["a_b"] == "a_b"
    assert len(set(ids.values())) == 3
    assert ids["A b"].startswith("a-b-") and ids["a-b"].startswith("a-b-")
    song("0 new")
    again = {track.title: track.track_id for track in Folder(root=tmp_path).tracks()}
    assert ids.items() <= again.items()


@pytest.mark.parametrize("name", ["...dots", "夜", "!!!", "x" * 250, "a..b", "Æ ß ø", "-", "con."])
def test_ids_are_safe(tmp_path, song, name):
    song(name)
    track_id = only(tmp_path).track_id
    assert 0 < len(track_id) <= 110
    assert set(track_id) <= set("abcdefghijklmnopqrstuvwxyz0123456789_.-")
    assert track_id[0] not in ".-" and ".." not in track_id


def test_roots_that_do_not_fit(tmp_path, song):
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    for name in ("file", "empty", "none"):
        with pytest.raises(DatasetError, match=f"{name} .*mixture.wav.*dataset.root"):
            Folder(root=tmp_path / name).tracks()
    folder = song("deep/song")
    with pytest.raises(DatasetError, match=f"set dataset.root to {tmp_path / 'deep'}"):
        Folder(root=tmp_path).tracks()
    with pytest.raises(DatasetError, match=f"set dataset.root to {tmp_path / 'deep'}"):
        Folder(root=folder).tracks()


def test_an_album_is_not_a_set_of_stems(tmp_path, song):
    song("album", ["track1.mp3", "track2.mp3"])
    with pytest.raises(DatasetError):
        Folder(root=tmp_path).tracks()


def test_configuration_names_the_class(repository):
    conf = yaml.safe_load((repository / "conf/dataset/folder.yaml").read_text())
    assert conf == {"_target_": f"{Folder.__module__}.Folder", "root": "???"}


def test_real_drum_clips(real_data):
    tracks = Folder(root=real_data("stemgmd")).tracks()
    assert len(tracks) == 2
    for track in tracks:
        assert track.partition == ("kick", "snare", "toms", "hihat", "cymbals")
        assert set(track.estimates) == {"LarsNet", "NMFD", "SAB-NMF"}
        assert track.problems == ()
    decoded = TrackAudio(tracks[0])
    assert decoded.reference("hihat+cymbals").shape == (2, decoded.length)
    assert decoded.problems == []


def test_a_tool_that_lacks_a_file_of_one_song_is_noted(tmp_path, write, tone):
    for song in ("a", "b"):
        write(tmp_path / song / "vocals.wav", tone())
        write(tmp_path / song / "piano.wav", tone())
        write(tmp_path / song / "estimates" / "six" / "vocals.wav", tone())
    write(tmp_path / "a" / "estimates" / "six" / "piano.wav", tone())
    one, two = Folder(root=tmp_path).tracks()
    assert one.problems == ()
    assert two.problems == (
        "estimates/six lacks piano here, which it has for other songs: its other stems are measured "
        "as they are.",
    )
