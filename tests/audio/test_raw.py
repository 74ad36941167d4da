"""Raw files are read in slices, in blocks, and where they are cut."""

import numpy as np
import pytest

from stemwise.audio import raw
from stemwise.audio.raw import RawAudio

SAMPLES = 1000


@pytest.fixture
def audio(tmp_path, monkeypatch):
    """Return an array and the same in a raw file that is read in blocks of 64 frames."""
    monkeypatch.setattr(raw, "_BLOCK", 64)
    x = np.random.default_rng(0).standard_normal((2, SAMPLES), dtype=np.float32)
    path = tmp_path / "x.f32"
    path.write_bytes(x.T.tobytes())
    return x, RawAudio(path, SAMPLES)


@pytest.mark.parametrize(
    "span",
    [slice(None), slice(3, 67), slice(64, 65), slice(900, 5000), slice(500, 400), slice(-70, None)],
)
@pytest.mark.parametrize("channels", [slice(None), slice(0, 1), slice(1, 2), slice(0, 0)])
def test_slices_are_those_of_an_array(audio, channels, span):
    x, on_disk = audio
    found = on_disk[channels, span]
    assert found.tobytes() == np.ascontiguousarray(x[channels, span]).tobytes()
    assert found.shape == x[channels, span].shape
    assert found.dtype == np.float32
    assert found.flags.c_contiguous and found.flags.writeable


def test_frames_come_as_they_lie_on_disk(audio):
    x, on_disk = audio
    parts = list(on_disk.frames(300))
    assert [len(part) for part in parts] == [300, 300, 300, 100]
    np.testing.assert_array_equal(np.concatenate(parts), x.T)


def test_a_cut_file_has_fewer_samples(audio):
    x, on_disk = audio
    on_disk.path.write_bytes(x[:, :700].T.tobytes())
    np.testing.assert_array_equal(on_disk[:, 600:900], x[:, 600:700])
    np.testing.assert_array_equal(np.concatenate(list(on_disk.frames(300))), x[:, :700].T)


def test_only_steps_of_one(audio):
    with pytest.raises(IndexError, match="steps of 1"):
        audio[1][:, ::2]
