"""Copies of a recording are found, other recordings are not, and both decide what is a cluster."""

import io
import os
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemwise.analysis.dependence import cluster_labels, duplicates_of
from stemwise.analysis.statistics import statistics
from stemwise.datasets.decode import TrackAudio
from stemwise.datasets.demo import DemoDataset
from stemwise.datasets.folder import Folder
from stemwise.datasets.musdb18 import MUSDB18
from stemwise.measurement.fingerprint import BINS, fingerprint
from stemwise.storage.tables import to_table

RATE = 44_100


def frame(songs, artists=None):
    """Return rows of `tracks` with the fingerprints of songs by their names."""
    rows = [
        {
            "dataset": "d",
            "track_id": name,
            "artist": (artists or {}).get(name),
            "fingerprint": song if song is None or len(song) == BINS else fingerprint(song),
        }
        for name, song in songs.items()
    ]
    return pl.DataFrame(pl.from_arrow(to_table("tracks", rows)))


def pairs(songs):
    found = duplicates_of(frame(songs))
    return {row[:2]: row[2] for row in found.select("track_id", "other_track_id", "kind").rows()}


def noise(seconds, seed):
    random = np.random.default_rng(seed)
    return random.standard_normal((2, round(seconds * RATE))).astype(np.float32) / 8


def as_mp3(song, bits):
    av = pytest.importorskip("av")
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp3") as container:
        stream = container.add_stream("mp3", rate=RATE, layout="stereo")
        stream.bit_rate = bits
        for start in range(0, song.shape[1], 1152):
            block = np.ascontiguousarray(song[:, start : start + 1152])
            part = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
            part.sample_rate, part.pts = RATE, start
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    buffer.seek(0)
    with av.open(buffer) as container:
        return np.concatenate([part.to_ndarray() for part in container.decode(audio=0)], axis=1)


def through(song, rate):
    soxr = pytest.importorskip("soxr")
    return soxr.resample(soxr.resample(song.T, RATE, rate), rate, RATE).T


@pytest.fixture(scope="module")
def music(tmp_path_factory):
    """Return two songs of the embedded band, 14 s each."""
    root = tmp_path_factory.mktemp("demo")
    dataset = DemoDataset(root=root, songs_per_genre=1, genres=["pop", "jazz"], real_track=False)
    return [TrackAudio(track).mixture for track in dataset.tracks()]


@pytest.mark.parametrize(
    ("copy", "kind"),
    [
        (lambda song: song.copy(), "equal"),
        (lambda song: song * np.float32(-0.3), "equal"),
        (lambda song: np.round(song * 2**15) / np.float32(2**15), "equal"),
        (lambda song: np.pad(song, ((0, 0), (2 * RATE, 0))), "nearly equal"),
        (lambda song: song[:, RATE:], "nearly equal"),
        (lambda song: song[:, RATE // 3 : -RATE], "nearly equal"),
        (lambda song: as_mp3(song, 128_000), "nearly equal"),
        (lambda song: as_mp3(song, 64_000), "nearly equal"),
        (lambda song: as_mp3(song, 128_000)[:, RATE:], "nearly equal"),
        (lambda song: through(song, 48_000), "equal"),
        (lambda song: through(song, 22_050), "equal"),
    ],
    ids=["same", "gain", "bits", "late", "later", "cut", "mp3", "64k", "mp3cut", "48k", "22k"],
)
def test_copies_are_found(music, copy, kind):
    found = pairs({"a": music[0], "b": music[1], "copy": copy(music[0])})
    assert found == {("a", "copy"): kind}


def test_songs_of_equal_sound_length_and_level_are_told_apart():
    """Noise: block energies of ten seconds would be equal but for 0.01 dB."""
    assert pairs({f"s{seed:02}": noise(10, seed) for seed in range(40)}) == {}


def test_silence_and_what_has_no_fingerprint_are_no_copies():
    assert pairs({"a": np.zeros((2, RATE)), "b": np.zeros((2, RATE)), "c": None}) == {}
    assert duplicates_of(frame({})).is_empty() and duplicates_of(frame({"a": None})).is_empty()


def test_beats_of_one_tempo_and_length_with_other_sounds_are_told_apart():
    random = np.random.default_rng(1)
    songs = {}
    for number in range(12):
        decay = np.exp(-np.arange(4000) / random.uniform(100, 1500))
        sound = random.standard_normal(4000) * decay
        cut = random.uniform(0.02, 0.5)
        spectrum = np.fft.rfft(sound)
        spectrum *= np.exp(-((np.linspace(0, 1, len(spectrum)) / cut) ** 2))
        beat = np.zeros(RATE // 2)
        beat[:4000] = np.fft.irfft(spectrum, 4000)
        songs[f"s{number:02}"] = np.tile(beat, (2, 40)).astype(np.float32)
    assert pairs(songs) == {}


def test_no_song_of_the_demo_is_taken_for_another(tmp_path):
    songs = DemoDataset(root=tmp_path, duration_s=6.0).tracks()
    assert len(songs) >= 12
    assert pairs({song.track_id: TrackAudio(song).mixture for song in songs}) == {}


def test_no_real_song_is_taken_for_another():
    """Real songs of 7 s, and one groove on two drum kits."""
    default = Path(__file__).resolve().parents[3] / "shared" / "data"
    root = Path(os.environ.get("STEMWISE_TEST_DATA", default))
    if not (root / "musdb18-7").is_dir():
        pytest.skip(f"no real songs under STEMWISE_TEST_DATA ({root})")
    songs = MUSDB18(root=root / "musdb18-7").tracks() + Folder(root=root / "stemgmd").tracks()
    found = {song.track_id: TrackAudio(song).mixture for song in songs}
    assert len(found) > 30 and pairs(found) == {}
    copies = {f"{name}-copy": song[:, RATE // 4 :] for name, song in found.items()}
    assert pairs(found | copies) == {(name, f"{name}-copy"): "nearly equal" for name in found}


def fabricated(count, seed=0):
    """Return levels as those of `count` songs of noise: exponential energies."""
    random = np.random.default_rng(seed)
    return 10 * np.log10(random.standard_exponential((count, BINS)))


def test_ten_thousand_songs_take_seconds_and_raise_no_false_alarm():
    levels = fabricated(10_000)
    levels[9_000:9_100] = levels[:100]
    levels[5_000] = levels[200] + np.random.default_rng(1).normal(0, 1.0, BINS)
    tracks = frame({f"{number:05}": list(row) for number, row in enumerate(levels)})
    started = time.process_time()
    found = duplicates_of(tracks)
    labels = cluster_labels(tracks, found)
    assert time.process_time() - started < 30  # about 3 s of one quiet core
    expected = {(f"{n:05}", f"{9_000 + n:05}") for n in range(100)} | {("00200", "05000")}
    assert set(found.select("track_id", "other_track_id").rows()) == expected
    assert labels["cluster"].n_unique() == 10_000 - 101


def test_many_equal_songs_have_one_row_each():
    one = list(fabricated(1)[0])
    found = duplicates_of(frame({f"{number:04}": one for number in range(3_000)}))
    assert found.height == 2_999 and set(found["track_id"]) == {"0000"}
    assert set(found["similarity"]) == {1.0}


def listed(*rows):
    names = ("dataset", "track_id", "other_dataset", "other_track_id")
    content = [dict(zip(names, row, strict=True)) for row in rows]
    return pl.DataFrame(pl.from_arrow(to_table("duplicates", content)))


def test_a_cluster_is_an_artist_or_a_track_of_an_unknown_one():
    tracks = frame(dict.fromkeys("abcd"), {"a": "Z", "b": "Z", "d": ""})
    labels = cluster_labels(tracks, listed())
    assert labels.columns == ["dataset", "track_id", "cluster"]
    assert labels["cluster"].to_list() == ["Z", "Z", "d/c", "d/d"]


def test_a_recording_joins_the_artists_that_have_it():
    """b (of X) and c (of Y) are one recording, so a, which is of X, and d, of Y, are joined too."""
    tracks = frame(dict.fromkeys("abcde"), {"a": "X", "b": "X", "c": "Y", "d": "Y", "e": "V"})
    labels = cluster_labels(tracks, listed(("d", "b", "d", "c")))
    assert labels["cluster"].to_list() == ["X", "X", "X", "X", "V"]
    unknown = frame(dict.fromkeys("ab"))
    assert cluster_labels(unknown, listed(("d", "a", "d", "b")))["cluster"].to_list() == ["d/a"] * 2


def test_datasets_of_a_run_share_artists_and_recordings():
    tracks = pl.concat(
        [
            frame({"a": noise(2, 0), "b": noise(2, 1)}, {"b": "X"}),
            frame({"a": noise(2, 0) / 2, "c": None}, {"a": "Y", "c": "X"}).with_columns(
                dataset=pl.lit("e")
            ),
        ]
    )
    found = duplicates_of(tracks)
    assert found.select(pl.exclude("similarity", "kind")).rows() == [("d", "a", "e", "a")]
    assert cluster_labels(tracks, found)["cluster"].to_list() == ["Y", "X", "Y", "X"]


def test_tracks_that_are_not_there_join_nothing():
    tracks = frame(dict.fromkeys("ab"))
    assert cluster_labels(tracks, listed(("d", "a", "d", "x")))["cluster"].to_list() == [
        "d/a",
        "d/b",
    ]


@given(
    st.lists(st.sampled_from("XYZ") | st.none(), min_size=1, max_size=12),
    st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=8),
)
def test_labels_are_the_finest_partition_that_keeps_artists_and_copies_together(artists, links):
    names = [f"t{number}" for number in range(len(artists))]
    links = [(a, b) for a, b in links if max(a, b) < len(names)]
    tracks = frame(dict.fromkeys(names), dict(zip(names, artists, strict=True)))
    found = cluster_labels(tracks, listed(*(("d", names[a], "d", names[b]) for a, b in links)))
    together = {frozenset((a, b)) for a, b in links}
    together |= {
        frozenset((a, b))
        for a in range(len(names))
        for b in range(a)
        if artists[a] is not None and artists[a] == artists[b]
    }
    groups = [{number} for number in range(len(names))]
    for pair in together:
        touched = [group for group in groups if group & pair]
        groups = [group for group in groups if not group & pair] + [set().union(*touched)]
    labels = found["cluster"].to_list()
    by_label = {label: {n for n, own in enumerate(labels) if own == label} for label in labels}
    assert sorted(map(sorted, by_label.values())) == sorted(map(sorted, groups))


def scored(names, values, models=("a", "b")):
    rows = [
        {"dataset": "d", "track_id": name, "parent": "mixture", "parent_source": "mixture"}
        | {"stem": "vocals", "model": model, "status": "ok", "genre": None, "realtime_factor": 1.0}
        | {"score": float(value)}
        for name, pair in zip(names, values, strict=True)
        for model, value in zip(models, pair, strict=True)
    ]
    return pl.DataFrame(pl.from_arrow(to_table("scores", rows)))


def test_songs_that_are_there_twice_make_no_interval_narrower():
    """Every song once more under another artist: the interval and p-value as without them.

    Up to the weight that the number of tracks has in degrees of freedom.
    """
    values = np.random.default_rng(0).normal((1.5, 0), 2, (9, 2))
    names = [f"t{number}" for number in range(9)]
    artists = {name: f"artist {number // 2}" for number, name in enumerate(names)}
    again = {f"{name}-again": f"another {number}" for number, name in enumerate(names)}
    once = frame(dict.fromkeys(names), artists)
    both = frame(dict.fromkeys([*names, *again]), artists | again)
    copies = listed(*(("d", name, "d", f"{name}-again") for name in names))
    alone = statistics(scored(names, values), once, ["a", "b"], {})
    doubled = scored([*names, *again], np.vstack([values, values]))
    joined = statistics(doubled, both, ["a", "b"], {}, duplicates=copies)
    unnoticed = statistics(doubled, both, ["a", "b"], {})
    for table, numbers in (
        ("leaderboard", ("mean_score", "low", "high")),
        ("comparisons", ("difference", "low", "high", "p_value")),
    ):
        found = (frames[table].to_dicts() for frames in (alone, joined, unnoticed))
        for one, two, three in zip(*found, strict=True):
            near = 0.02 * (one["high"] - one["low"])
            assert [two[n] for n in numbers] == pytest.approx([one[n] for n in numbers], abs=near)
            assert (one["artists"], two["artists"], three["artists"]) == (5, 5, 14)
            assert three["high"] - three["low"] < 0.9 * (one["high"] - one["low"])
