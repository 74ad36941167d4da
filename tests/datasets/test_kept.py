"""Stems that are decoded once and kept: the same samples, sentences and facts, in any process."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from stemwise import audio
from stemwise.core.errors import AudioError
from stemwise.datasets.decode import TrackAudio
from stemwise.datasets.kept import KeptStems
from stemwise.datasets.moisesdb import MoisesDB

STEMS = ("drums", "bass", "other", "kick+snare", "drums+bass", "instrumental")


@pytest.fixture
def song(tmp_path, moises_song, tone):
    """A song that is trimmed, padded, resampled, doubled, and has a broken file."""
    drums = [("kick_drum", tone(0.25), {}), ("snare_drum", tone(0.5, frames=2205), {})]
    bass = [("bass_guitar", tone(0.125, frames=4000, channels=1), {})]
    wind = [("flute", tone(frames=3000), {}), ("horn", tone(0.1), {})]
    folder = moises_song(stems=[("drums", drums), ("bass", bass), ("wind", wind)])
    (folder / "wind" / "2-1.wav").write_text("not audio")
    return MoisesDB(root=tmp_path).tracks()[0]


def all_of(decoded):
    signals = {stem: decoded.reference(stem) for stem in STEMS}
    facts = (decoded.length, decoded.file_format, decoded.used, list(decoded.problems))
    return {"mixture": decoded.mixture, **signals}, facts


def same(one, other):
    for name, signal in one[0].items():
        np.testing.assert_array_equal(signal, other[0][name], err_msg=name)
    assert one[1] == other[1]


def test_kept_and_restored_stems_are_those_that_were_decoded(song, tmp_path):
    plain = all_of(TrackAudio(song))
    assert len(plain[1][-1]) >= 3
    folder = tmp_path / "kept"
    folder.mkdir()
    first = TrackAudio(song, KeptStems(folder))
    same(plain, all_of(first))
    same(plain, all_of(first))
    first.save()
    same(plain, all_of(TrackAudio(song, KeptStems(folder))))


def test_each_stem_is_decoded_once(song, tmp_path, monkeypatch):
    seen, read = [], audio.read
    monkeypatch.setattr(audio, "read", lambda source: seen.append(source) or read(source))
    first = TrackAudio(song, KeptStems(tmp_path))
    all_of(first)
    assert max(Counter(seen).values()) == 2  # of drums: in the stem, and in its part
    first.save()
    seen.clear()
    all_of(TrackAudio(song, KeptStems(tmp_path)))
    assert seen == []


def test_what_is_decoded_under_other_conditions_is_decoded_again(tmp_path, moises_song, tone):
    """A stem asked for before a shorter recording of its take is known would be longer than it is."""
    kept = KeptStems(tmp_path)
    kept.put("drums", tone(), mark=("both files", 1.0))
    assert kept.get("drums", mark=("both files", 0.5)) is None
    assert kept.get("bass", mark=None) is None
    np.testing.assert_array_equal(kept.get("drums", mark=("both files", 1.0)), tone())


def test_without_room_stems_are_decoded_again(song, tmp_path):
    same(all_of(TrackAudio(song)), all_of(TrackAudio(song, KeptStems(tmp_path / "absent"))))


def test_what_was_cut_or_lost_is_decoded_again(song, tmp_path):
    plain = all_of(TrackAudio(song))
    first = TrackAudio(song, KeptStems(tmp_path))
    all_of(first)
    first.save()
    (tmp_path / "decoded-drums.f32").write_bytes(b"12345678")
    (tmp_path / "decoded-bass.f32").unlink()
    same(plain, all_of(TrackAudio(song, KeptStems(tmp_path))))
    (tmp_path / "decoded-mixture.f32").unlink()
    same(plain, all_of(TrackAudio(song, KeptStems(tmp_path))))


def test_errors_are_not_kept(tmp_path, moises_song, tone):
    folder = moises_song(stems=[("drums", [("kick_drum", tone(), {})]), ("bass", [])])
    song = MoisesDB(root=tmp_path).tracks()[0]
    (folder / "drums" / "0-0.wav").write_text("not audio")
    kept = KeptStems(tmp_path)
    for _ in range(2):
        with pytest.raises(AudioError):
            _ = TrackAudio(song, kept).mixture
