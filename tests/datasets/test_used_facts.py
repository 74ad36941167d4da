"""Facts of a stem are those of the recordings that were heard, not of files that were left out."""

from __future__ import annotations

import dataclasses

import pytest

from stemwise.core.types import Reference, Source
from stemwise.datasets.decode import TrackAudio
from stemwise.datasets.folder import Folder
from stemwise.datasets.moisesdb import MoisesDB
from stemwise.evaluation import rows
from stemwise.evaluation.rows import Origin


@pytest.fixture
def heard(tmp_path, moises_song):
    """Return a maker of a song whose recordings at `broken` places are no audio, decoded."""

    def make(stems, broken=(), rate=44_100):
        folder = moises_song(stems=stems, rate=rate)
        for name in broken:
            (folder / name).write_bytes(b"no audio")
        (track,) = MoisesDB(root=tmp_path).tracks()
        audio = TrackAudio(track)
        assert audio.mixture.shape[0] == 2
        return audio

    return make


def row_of(audio, stem):
    return rows.status_row(audio.used, Origin("m"), stem, "ok")


def singers(tone):
    return ("vocals", [("lead_male_singer", tone(), {}), ("lead_female_singer", tone(), {})])


def test_the_voice_is_that_of_the_singers_who_are_heard(heard, tone):
    assert row_of(heard([singers(tone)]), "lead_vocals")["voice"] == "mixed"
    audio = heard([singers(tone)], broken=["vocals/0-1.wav"])
    for stem in ("vocals", "lead_vocals"):
        assert row_of(audio, stem)["voice"] == "male"


def test_bleed_is_that_of_the_recordings_that_are_heard(heard, tone):
    stems = [("bass", [("bass_guitar", tone(), {}), ("bass_synth", tone(), {"has_bleed": True})])]
    whole = heard(stems)
    assert row_of(whole, "bass")["has_bleed"] is True and whole.used.has_bleed is True
    audio = heard(stems, broken=["bass/0-1.wav"])
    assert row_of(audio, "bass")["has_bleed"] is False
    row = rows.track_row(audio.used, audio.problems, audio.length, audio.file_format)
    assert row["has_bleed"] is False and row["stems"] == ["bass"]


def test_a_stem_without_a_usable_file_is_none_of_the_track(heard, tone):
    audio = heard(
        [("bass", [("bass_guitar", tone(), {})]), ("piano", [("grand", tone(), {})])],
        broken=["piano/1-0.wav"],
    )
    assert rows.track_row(audio.used, (), audio.length)["stems"] == ["bass"]
    assert row_of(audio, "piano")["voice"] is None


def test_an_overhead_that_was_left_out_makes_nothing_ambiguous(heard, tone):
    stems = [("drums", [("kick_drum", tone(), {}), ("overheads", tone(), {})])]
    assert heard(stems).used.references["kick"].status == "ambiguous_reference"
    audio = heard(stems, broken=["drums/0-1.wav"])
    assert audio.used.references["kick"].status == "ok"


def test_what_is_said_of_a_stem_and_not_of_a_file_stays():
    sources = (Source("a"), Source("b"))
    given = Reference(
        "vocals", sources, voice="female", has_bleed=True, status="ambiguous_reference"
    )
    left = given.without({sources[0]})
    assert left == dataclasses.replace(given, sources=sources[1:])
    assert given.without({Source("c")}) is given


def test_bleed_of_sums_follows_from_their_parts(heard, tone):
    audio = heard(
        [
            ("vocals", [("lead_male_singer", tone(), {"has_bleed": True})]),
            ("guitar", [("acoustic", tone(), {})]),
            ("bass", [("bass_guitar", tone(), {"has_bleed": None})]),
            ("piano", [("grand", tone(), {})]),
        ]
    )
    assert row_of(audio, "guitar+piano+other")["has_bleed"] is False  # it has no other: silent
    assert row_of(audio, "guitar+bass")["has_bleed"] is None
    assert row_of(audio, "instrumental")["has_bleed"] is None
    assert row_of(audio, "vocals+piano")["has_bleed"] is True
    assert row_of(audio, "drums+other")["has_bleed"] is None  # nothing of it is in the song


def test_bleed_of_the_instrumental_leaves_the_vocals_out(heard, tone):
    audio = heard(
        [
            ("vocals", [("lead_male_singer", tone(), {"has_bleed": True})]),
            ("bass", [("bass_guitar", tone(), {})]),
        ]
    )
    assert row_of(audio, "instrumental")["has_bleed"] is False


def test_rate_and_channels_are_those_of_the_files(heard, tone, tmp_path, write):
    mono = tone(channels=1)
    stems = [("bass", [("bass_guitar", mono, {})]), ("piano", [("grand", mono, {})])]
    audio = heard(stems, rate=48_000)
    row = rows.track_row(audio.used, (), audio.length, audio.file_format)
    assert (row["sample_rate"], row["channels"]) == (48_000, 1)
    write(tmp_path / "songs" / "a" / "mixture.wav", tone(), 32_000)
    write(tmp_path / "songs" / "a" / "bass.wav", mono)
    (track,) = Folder(root=tmp_path / "songs").tracks()
    audio = TrackAudio(track)
    assert audio.file_format is None  # nothing was read yet
    assert audio.mixture is not None and audio.reference("bass") is not None
    assert audio.file_format == (32_000, 2)


def test_files_of_several_formats_give_the_largest(heard, tone, write):
    audio = heard(
        [("bass", [("bass_guitar", tone(channels=1), {})]), ("piano", [("grand", tone(), {})])]
    )
    assert audio.file_format == (44_100, 2)
