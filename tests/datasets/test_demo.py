"""The embedded demo songs: what they are made of, and that they are written safely."""

import importlib.util
import logging
import multiprocessing
from pathlib import Path

import numpy as np
import pytest
import soundfile
from scipy import signal

from stemwise.core import stems
from stemwise.core.errors import ConfigError, OutputError
from stemwise.core.types import SAMPLE_RATE, Audio
from stemwise.datasets import demo
from stemwise.datasets.demo import DemoDataset
from stemwise.datasets.synthesis import song
from stemwise.training.songs import TRAINING_SEED

DURATION_S = 12.0


@pytest.fixture(scope="module")
def songs() -> dict[str, dict[str, Audio]]:
    return {genre: song.render(genre, 1, DURATION_S) for genre in song.GENRES}


def level1(leaves: dict[str, Audio]) -> dict[str, Audio]:
    return {
        stem: np.sum([leaves[leaf] for leaf in song.CHILDREN.get(stem, (stem,))], axis=0)
        for stem in stems.LEVEL1
    }


def spectrogram(sound: Audio) -> np.ndarray:
    return np.abs(signal.stft(sound.mean(axis=0), SAMPLE_RATE, nperseg=2048)[2]) ** 2


def power_between(sound: Audio, low_hz: float, high_hz: float) -> float:
    f, power = signal.welch(sound.mean(axis=0), SAMPLE_RATE, nperseg=8192)
    return float(power[(f >= low_hz) & (f < high_hz)].sum())


@pytest.mark.parametrize("genre", song.GENRES)
def test_leaves_have_the_promised_shape_and_add_up_to_the_peak(genre, songs):
    leaves = songs[genre]
    assert tuple(leaves) == song.LEAVES
    for sound in leaves.values():
        assert sound.shape == (2, round(DURATION_S * SAMPLE_RATE))
        assert sound.dtype == np.float32
        assert np.isfinite(sound).all()
    mixture = np.sum(list(leaves.values()), axis=0)
    assert np.abs(mixture).max() == pytest.approx(0.9, abs=1e-4)
    again = np.sum(list(level1(leaves).values()), axis=0)
    np.testing.assert_allclose(mixture, again, atol=1e-6)


@pytest.mark.parametrize("genre", song.GENRES)
def test_stems_are_active_unless_the_song_lacks_them(genre, songs):
    absent = song.compose(genre, 1, DURATION_S).absent
    for stem, sound in level1(songs[genre]).items():
        loud = np.sqrt(np.mean(sound**2)) > 1e-3
        assert loud != (stem in absent), stem
        if stem in absent:
            assert not sound.any()


def test_most_songs_have_all_stems():
    lacking = [
        bool(song.compose(genre, seed, 14.0).absent & set(stems.LEVEL1))
        for genre in song.GENRES
        for seed in range(50)
    ]
    assert 0.02 < np.mean(lacking) < 0.4


def test_the_same_arguments_give_the_same_samples():
    first, second = song.render("rap", 7, 3.0), song.render("rap", 7, 3.0)
    other = song.render("rap", 8, 3.0)
    for leaf in song.LEAVES:
        np.testing.assert_array_equal(first[leaf], second[leaf])
    assert not np.array_equal(first["lead_vocals"], other["lead_vocals"])


@pytest.mark.parametrize("duration_s", [0.01, 0.4, 1.0])
def test_short_songs_render(duration_s):
    leaves = song.render("pop", 3, duration_s)
    assert leaves["bass"].shape == (2, round(duration_s * SAMPLE_RATE))


@pytest.mark.parametrize("genre", song.GENRES)
def test_stems_overlap_in_time_and_frequency(genre, songs):
    """Music is hard to separate where the strongest stem is not alone: within 6 dB of the second."""
    powers = np.stack([spectrogram(sound) for sound in level1(songs[genre]).values()])
    loud = powers.sum(axis=0) > powers.sum(axis=0).max() * 1e-5
    ranked = np.sort(powers, axis=0)
    contested = ranked[-1] < 4 * ranked[-2]
    assert 0.08 < contested[loud].mean() < 0.7


def test_kick_and_bass_share_the_low_end(songs):
    for genre in ("pop", "rock", "rap", "electronic"):
        kick = power_between(songs[genre]["kick"], 40, 120)
        bass = power_between(songs[genre]["bass"], 40, 120)
        assert abs(10 * np.log10(kick / bass)) < 15, genre


def test_genres_differ(songs):
    def share(genre: str, stem: str) -> float:
        parts = level1(songs[genre])
        energy = {name: float(np.sum(sound**2)) for name, sound in parts.items()}
        return energy[stem] / sum(energy.values())

    assert share("rock", "guitar") > 1.5 * share("pop", "guitar")
    assert share("singer_songwriter", "drums") < 0.5 * share("electronic", "drums")
    assert share("jazz", "piano") > share("rock", "piano")
    sub, walking = songs["rap"]["bass"], songs["jazz"]["bass"]
    low = [power_between(x, 20, 70) / power_between(x, 20, 5_000) for x in (sub, walking)]
    assert low[0] > 1.2 * low[1]


def test_mixture_as_estimate_lies_where_music_lies(songs):
    for genre, leaves in songs.items():
        parts = level1(leaves)
        mixture = np.sum(list(parts.values()), axis=0)
        for stem, sound in parts.items():
            if sound.any():
                noise = np.sum((mixture - sound) ** 2)
                snr = 10 * np.log10(np.sum(sound**2) / noise)
                assert -22 < snr < 3, (genre, stem, snr)


def test_tracks_describe_files_that_exist(tmp_path):
    tracks = DemoDataset(
        root=tmp_path, songs_per_genre=1, duration_s=0.5, real_track=False
    ).tracks()
    assert [t.track_id for t in tracks] == [f"{genre}-01" for genre in song.GENRES]
    assert len({t.title for t in tracks}) == len(tracks)
    assert 1 < len({t.artist for t in tracks}) < len(tracks)
    track = tracks[1]
    assert track.partition == stems.LEVEL1
    assert set(track.references) == {*stems.LEVEL1, *song.LEAVES}
    assert [s.path.stem for s in track.references["vocals"].sources] == [
        "lead_vocals",
        "backing_vocals",
    ]
    assert track.references["lead_vocals"].voice in ("male", "female")
    assert track.references["bass"].voice is None
    for reference in track.references.values():
        for source in reference.sources:
            info = soundfile.info(source.path)
            assert (info.frames, info.channels, info.subtype) == (22050, 2, "PCM_24")


def test_files_hold_the_rendered_samples_and_are_not_rendered_twice(tmp_path, monkeypatch):
    settings = {"root": tmp_path, "songs_per_genre": 1, "duration_s": 1.0, "genres": ["pop"]}
    first = DemoDataset(**settings, real_track=False).tracks()
    path = first[0].references["bass"].sources[0].path
    stored = soundfile.read(path, dtype="float32")[0].T
    np.testing.assert_array_equal(stored, song.render("pop", 1, 1.0)["bass"])
    monkeypatch.setattr(demo.song, "render", lambda *_: pytest.fail("rendered again"))
    assert DemoDataset(**settings, real_track=False).tracks() == first


def test_other_settings_use_other_folders(tmp_path):
    settings = [{}, {"seed": 1}, {"duration_s": 13.9}]
    folders = {DemoDataset(root=tmp_path, **one).folder for one in settings}
    assert len(folders) == 3


def test_half_written_songs_are_ignored_and_completed(tmp_path):
    dataset = DemoDataset(
        root=tmp_path, songs_per_genre=1, duration_s=0.5, genres=["pop"], real_track=False
    )
    rubbish = dataset.folder / ".pop-01.1-dead"
    rubbish.mkdir(parents=True)
    (rubbish / "bass.flac").write_bytes(b"RIFF")
    track = dataset.tracks()[0]
    lost = track.references["piano"].sources[0].path
    lost.unlink()
    dataset.tracks()
    assert lost.is_file()
    assert sorted(p.name for p in dataset.folder.iterdir()) == [".pop-01.1-dead", "pop-01"]


def test_a_failed_write_leaves_nothing(tmp_path, monkeypatch):
    dataset = DemoDataset(
        root=tmp_path, songs_per_genre=1, duration_s=0.5, genres=["pop"], real_track=False
    )

    def full(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(demo.soundfile, "write", full)
    with pytest.raises(OutputError, match=r"No space left on device.*dataset\.root"):
        dataset.tracks()
    assert list(dataset.folder.iterdir()) == []


def _generate(root: Path) -> None:
    DemoDataset(
        root=root, songs_per_genre=1, duration_s=1.0, genres=["pop", "rap"], real_track=False
    ).tracks()


def test_two_processes_at_once_both_succeed(tmp_path):
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_generate, args=(tmp_path,)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0, 0]
    (folder,) = tmp_path.iterdir()
    assert sorted(p.name for p in folder.iterdir()) == ["pop-01", "rap-01"]
    for genre in ("pop", "rap"):
        assert len(list((folder / f"{genre}-01").iterdir())) == len(song.LEAVES)


def test_losing_the_race_keeps_a_whole_song(tmp_path):
    leaves = song.render("pop", 1, 0.3)
    place = tmp_path / "pop-01"
    demo._write_whole(leaves, place)
    demo._write_whole(leaves, place)
    assert [p.name for p in tmp_path.iterdir()] == ["pop-01"]
    assert {p.stem for p in place.iterdir()} == set(song.LEAVES)


def test_the_real_track_is_a_container_with_streams(tmp_path):
    if importlib.util.find_spec("stempeg") is None:
        pytest.skip("stempeg is not installed")
    track = DemoDataset(root=tmp_path, genres=[]).tracks()[0]
    assert track.track_id == "the-easton-ellises-falcon-69"
    assert track.mixture is not None
    assert track.mixture.stream == 0
    assert track.mixture.path.is_file()
    assert track.partition == ("vocals", "drums", "bass", "other")
    streams = {stem: r.sources[0].stream for stem, r in track.references.items()}
    assert streams == {"vocals": 4, "drums": 1, "bass": 2, "other": 3}


def test_without_stempeg_the_real_track_is_left_out_with_a_warning(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(demo.importlib.util, "find_spec", lambda _: None)
    with caplog.at_level(logging.WARNING):
        assert DemoDataset(root=tmp_path, genres=[]).tracks() == []
    assert "pip install 'stemwise[demo]'" in caplog.text


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"genres": ["polka"]}, "'polka' is unknown: choose from singer_songwriter, pop"),
        ({"duration_s": 0}, "duration_s=0 "),
        ({"duration_s": float("nan")}, "duration_s=nan "),
        ({"songs_per_genre": 0}, "songs_per_genre=0 "),
        ({"songs_per_genre": 1000}, "songs_per_genre=1000 "),
        ({"seed": -1}, "seed=-1 "),
        ({"genres": [], "real_track": False}, "no songs"),
    ],
)
def test_bad_settings_name_the_value(settings, says, tmp_path):
    with pytest.raises(ConfigError, match=says):
        DemoDataset(root=tmp_path, **settings)


@pytest.mark.parametrize("below", ["", "deeper"])
def test_a_root_that_is_a_file_is_an_output_error(below, tmp_path):
    (tmp_path / "file").write_text("")
    root = tmp_path / "file" / below if below else tmp_path / "file"
    dataset = DemoDataset(root=root, genres=["pop"], duration_s=0.1, real_track=False)
    with pytest.raises(OutputError, match=r"cannot be written to .*file"):
        dataset.tracks()


def test_the_default_root_follows_the_home_variable(tmp_path, monkeypatch):
    monkeypatch.setenv("STEMWISE_HOME", str(tmp_path))
    assert DemoDataset().root == tmp_path / "datasets" / "demo-v1"


def test_songs_that_the_demo_zoo_was_trained_on_are_never_evaluated():
    highest = DemoDataset(seed=9_999, songs_per_genre=999)
    assert max(song.seed for song in highest._songs()) < TRAINING_SEED
    with pytest.raises(ConfigError, match="trained"):
        DemoDataset(seed=10_000)
