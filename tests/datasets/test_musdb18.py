import numpy as np
import pytest

from stemwise import audio
from stemwise.core.errors import AudioError, DatasetError
from stemwise.datasets.decode import TrackAudio
from stemwise.datasets.musdb18 import MUSDB18

# Tones of different pitch, so that each stream is known by the bin of its peak.
PERIODS = {"mixture": 0, "drums": 20, "bass": 40, "other": 60, "vocals": 80}


@pytest.fixture
def song(tmp_path, write_stem_mp4, tone):
    def build(name="Band - Song", split="train"):
        parts = [tone(0.125, frames=8820, periods=PERIODS[stem]) for stem in list(PERIODS)[1:]]
        return write_stem_mp4(tmp_path / split / f"{name}.stem.mp4", [sum(parts), *parts])

    return build


def peak_bin(samples):
    return int(np.abs(np.fft.rfft(samples[0, :8820])).argmax())


def test_streams_are_the_right_stems(tmp_path, song):
    song()
    (tmp_path / "tracks.csv").write_text("track,genre,source,licence\nBand - Song,Rap,DSD,free\n")
    (track,) = MUSDB18(root=tmp_path).tracks()
    assert (track.artist, track.title, track.genre) == ("Band", "Song", "Rap")
    assert (track.track_id, track.split) == ("band-song", "train")
    decoded = TrackAudio(track)
    for stem in track.partition:
        assert peak_bin(decoded.reference(stem)) == 2 * PERIODS[stem]
        assert decoded.reference(stem).shape == (2, decoded.length)
    # The instrumental is the sum of the given stems, not the difference from the lossy mixture.
    rest = [decoded.reference(stem) for stem in ("drums", "bass", "other")]
    np.testing.assert_allclose(decoded.reference("instrumental"), sum(rest), atol=1e-6)
    assert decoded.problems == []


def test_a_cut_container_fails_when_decoded(tmp_path, song):
    path = song()
    path.write_bytes(path.read_bytes()[:-2000])
    (track,) = MUSDB18(root=tmp_path, split="train").tracks()
    with pytest.raises(AudioError, match="is cut"):
        _ = TrackAudio(track).mixture


def test_a_container_with_too_few_streams_fails_by_stem(tmp_path, write_stem_mp4, tone):
    write_stem_mp4(tmp_path / "test" / "x.stem.mp4", [tone(), tone()])
    decoded = TrackAudio(MUSDB18(root=tmp_path).tracks()[0])
    assert decoded.reference("drums").shape == (2, decoded.length)
    with pytest.raises(AudioError, match="2 audio streams"):
        decoded.reference("vocals")


def test_layouts_that_do_not_fit(tmp_path, write, tone):
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    for name in ("file", "empty", "none"):
        with pytest.raises(DatasetError, match=rf"{name} .*stem\.mp4.*dataset\.root"):
            MUSDB18(root=tmp_path / name).tracks()
    write(tmp_path / "train" / "A - B" / "mixture.wav", tone())
    with pytest.raises(DatasetError, match="use dataset=musdb18hq"):
        MUSDB18(root=tmp_path).tracks()


def test_the_root_may_be_one_split(tmp_path, song):
    song(split="test")
    song("._Band - Song", split="test")
    (track,) = MUSDB18(root=tmp_path / "test", split="test").tracks()
    assert track.split == "test"


def test_real_songs(real_data):
    tracks = MUSDB18(root=real_data("musdb18-7")).tracks()
    assert len(tracks) == 31
    assert all(track.genre and track.artist and not track.problems for track in tracks)
    for track in (tracks[0], tracks[-1]):
        decoded = TrackAudio(track)
        lengths = {decoded.reference(stem).shape[1] for stem in track.partition}
        assert lengths == {decoded.length}
        error = decoded.mixture - decoded.reference("+".join(track.partition))
        assert audio.rms_dbfs(error) < audio.rms_dbfs(decoded.mixture) - 20
        assert decoded.problems == []
