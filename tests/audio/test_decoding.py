import math

import numpy as np
import pytest
import soundfile

from stemwise import audio
from stemwise.core.errors import AudioError
from stemwise.core.types import Source

RATE = 44_100


def noise(frames=88_200, channels=2, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((channels, frames)) / 8).astype(np.float32)


def save(path, samples, rate=RATE, **kinds):
    soundfile.write(path, samples.T, rate, **kinds)
    return path


def encode(path, samples, **metadata):
    """Write AAC in an MP4 container."""
    import av

    layout = "stereo" if len(samples) == 2 else "mono"
    with av.open(str(path), "w", format="mp4", options={"movflags": "faststart"}) as container:
        container.metadata.update(metadata)
        stream = container.add_stream("aac", rate=RATE, layout=layout)
        for start in range(0, samples.shape[1], 1024):
            block = np.ascontiguousarray(samples[:, start : start + 1024])
            frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=layout)
            frame.sample_rate, frame.pts = RATE, start
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def mapped(path):
    with audio.open_on_disk(path) as samples:
        return np.array(samples)


@pytest.mark.parametrize("channels", [1, 2])
def test_float_wav_is_read_exactly(tmp_path, channels):
    samples = noise(1000, channels)
    decoded = audio.read(save(tmp_path / "a.wav", samples, 32_000, subtype="FLOAT"))
    np.testing.assert_array_equal(decoded.samples, samples)
    assert (decoded.sample_rate, decoded.samples.dtype) == (32_000, np.float32)


FORMATS = {
    "a.wav": {"subtype": "PCM_24"},
    "a.flac": {"subtype": "PCM_16"},
    "a.aiff": {"subtype": "PCM_16"},
    "a.ogg": {"subtype": "VORBIS"},
    "a.mp3": {},
    "rf64.wav": {"format": "RF64", "subtype": "PCM_16"},
}


@pytest.mark.parametrize("reader", [audio.load, mapped])
@pytest.mark.parametrize("name", FORMATS)
def test_a_whole_file_is_read_and_a_cut_one_refused(tmp_path, name, reader):
    path = save(tmp_path / name, noise(), **FORMATS[name])
    assert reader(path).shape == (2, 88_200)
    content = path.read_bytes()
    for share in (0.5, 0.9):
        path.write_bytes(content[: int(share * len(content))])
        with pytest.raises(AudioError, match=r"is cut|cannot be decoded"):
            reader(path)


@pytest.mark.parametrize("reader", [audio.load, mapped])
@pytest.mark.parametrize("share", [0.5, 0.9, 0.99])
def test_a_cut_container_is_refused(tmp_path, reader, share):
    path = encode(tmp_path / "a.m4a", noise())
    assert reader(path).shape[0] == 2
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(AudioError, match=r"is cut|cannot be decoded"):
        reader(path)


def test_a_cut_that_spares_the_first_stream_is_seen(tmp_path):
    path = encode(tmp_path / "a.m4a", noise())
    with path.open("ab") as file:
        file.write((1000).to_bytes(4, "big") + b"free" + bytes(10))
    with pytest.raises(AudioError, match="is cut"):
        audio.read(path)


def test_boxes_of_64_bits_and_up_to_the_end_are_whole(tmp_path):
    path = encode(tmp_path / "a.m4a", noise())
    with path.open("ab") as file:
        file.write((1).to_bytes(4, "big") + b"free" + (20).to_bytes(8, "big") + bytes(4))
        file.write(bytes(4) + b"free" + bytes(10))
    assert audio.read(path).samples.shape[1] >= 88_200


def test_tags_that_are_not_utf8_do_not_matter(tmp_path):
    path = encode(tmp_path / "a.m4a", noise(), title="ABCDEFGH")
    content = path.read_bytes()
    assert b"ABCDEFGH" in content
    path.write_bytes(content.replace(b"ABCDEFGH", b"AB\xe9DEFGH"))
    assert audio.read(path).samples.shape[0] == 2


@pytest.mark.parametrize("reader", [audio.load, mapped])
@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE"])
def test_an_mp3_without_its_length_is_read_whole(tmp_path, reader, mode):
    # Louder towards the end, so that an estimate from the first frames' bit rate is wrong.
    samples = noise(10 * RATE) * np.linspace(0, 2, 10 * RATE, dtype=np.float32)
    path = save(tmp_path / "a.mp3", samples, bitrate_mode=mode, compression_level=0.5)
    content = path.read_bytes()
    mark = max(content.find(b"Xing"), content.find(b"Info"))
    path.write_bytes(content[content.find(b"\xff\xfb", mark) :])
    assert abs(reader(path).shape[1] - 10 * RATE) < 3 * 1152


@pytest.mark.parametrize("reader", [audio.load, mapped])
@pytest.mark.parametrize("tag", [b"", b"ID3\x04\0\0\0\0\0\x0a" + bytes(10)])
@pytest.mark.parametrize(
    "list_", [b"ffconcat version 1.0\nfile other.mp3\n", b"#EXTM3U\nother.mp3\n"]
)
def test_a_playlist_named_mp3_does_not_lead_to_other_files(tmp_path, reader, tag, list_):
    save(tmp_path / "other.mp3", noise())
    path = tmp_path / "a.mp3"
    path.write_bytes(tag + list_ + b"#" + b" " * 500)
    with pytest.raises(AudioError, match="cannot be decoded"):
        reader(path)


@pytest.mark.parametrize("reader", [audio.load, mapped])
def test_a_stream_that_changes_its_layout_is_refused(tmp_path, reader):
    path = tmp_path / "a.mp3"
    parts = []
    for rate, channels in ((RATE, 2), (RATE, 1)):
        content = save(tmp_path / "part.mp3", noise(RATE, channels), rate).read_bytes()
        mark = max(content.find(b"Xing"), content.find(b"Info"))
        parts.append(content[content.find(b"\xff\xfb", mark) :])
    path.write_bytes(b"".join(parts))
    with pytest.raises(AudioError, match="midway"):
        reader(path)


def test_an_opened_file_says_what_it_is_before_it_is_decoded(tmp_path):
    path = save(tmp_path / "nameless", noise(1000, 1), 22_050, format="WAV")
    with audio.open_blocks(path, ".wav") as opened:
        assert (opened.sample_rate, opened.channels, opened.frames) == (22_050, 1, 1000)
        assert sum(block.shape[1] for block in opened.blocks) == 2000
    with audio.open_blocks(encode(tmp_path / "a.m4a", noise())) as opened:
        assert (opened.sample_rate, opened.channels, opened.frames) == (RATE, 2, None)


def test_a_long_container_is_mapped_as_it_is_loaded(tmp_path):
    path = encode(tmp_path / "a.m4a", noise((1 << 20) + 5000))
    np.testing.assert_array_equal(mapped(path), audio.load(path))


def test_an_mp3_behind_a_long_tag_keeps_its_length(tmp_path):
    path = save(tmp_path / "a.mp3", noise())
    tag = b"ID3\x04\x00\x00" + bytes((0, 0, 40, 0)) + bytes(40 * 128)
    path.write_bytes(tag + path.read_bytes())
    assert audio.read(path).samples.shape == (2, 88_200)


def test_a_streamed_wav_without_lengths_is_read(tmp_path):
    path = save(tmp_path / "a.wav", noise())
    content = bytearray(path.read_bytes())
    start = content.index(b"data") + 4
    content[start : start + 4] = b"\xff" * 4
    path.write_bytes(content)
    assert audio.read(path).samples.shape == (2, 88_200)


@pytest.mark.parametrize("suffix", ["wav", "flac", "mp3", "ogg", "aiff", "m4a", "aac"])
@pytest.mark.parametrize("content", [b"", b"just some text\n" * 300])
def test_what_is_no_audio_is_refused(tmp_path, suffix, content):
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(content)
    for reader in (audio.read, mapped):
        with pytest.raises(AudioError, match=path.name):
            reader(path)


@pytest.mark.parametrize("reader", [audio.load, mapped])
def test_unusable_samples_are_refused(tmp_path, reader):
    path = tmp_path / "a.wav"
    for value in (np.nan, np.inf):
        samples = noise(100)
        samples[1, 5] = value
        save(path, samples, subtype="FLOAT")
        with pytest.raises(AudioError, match="NaN or infinite"):
            reader(path)
    for value, said in ((3e38, r"3e\+38 \(\+770 dB"), (-32767.0, r"3.28e\+04 \(\+90 dB")):
        samples = noise(100)
        samples[1, 5] = value
        save(path, samples, subtype="FLOAT")
        with pytest.raises(AudioError, match=rf"a\.wav has a peak of {said}.*from -1 to 1\.$"):
            reader(path)
    samples[1, 5] = 99.9  # loud beyond reason, but a level
    save(path, samples, subtype="FLOAT")
    assert float(np.max(reader(path))) == pytest.approx(99.9)
    save(path, noise(0))
    with pytest.raises(AudioError, match="no audio samples"):
        reader(path)
    save(path, noise(100, 6))
    with pytest.raises(AudioError, match="6 channels"):
        reader(path)
    for absent in (tmp_path, tmp_path / "absent.wav"):
        with pytest.raises(AudioError, match="not a file"):
            reader(absent)


def test_streams_beyond_the_last_are_refused(tmp_path):
    path = encode(tmp_path / "a.mp4", noise(channels=1))
    assert audio.read(Source(path, 0)).samples.shape[0] == 1
    with pytest.raises(AudioError, match=r"1 audio streams, but stream 3"):
        audio.read(Source(path, 3))


def test_layout_doubles_mono_and_resamples():
    mono = noise(4410, 1)
    np.testing.assert_array_equal(audio.to_layout(audio.Decoded(mono, RATE)), np.tile(mono, (2, 1)))
    time = np.arange(48_000) / 48_000
    sine = np.tile(np.sin(2 * np.pi * 1000 * time), (2, 1)).astype(np.float32)
    out = audio.to_layout(audio.Decoded(sine, 48_000))
    assert (out.shape, out.dtype, out.flags.c_contiguous) == ((2, RATE), np.float32, True)
    expected = np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE)
    np.testing.assert_allclose(out[0, 1000:-1000], expected[1000:-1000], atol=1e-5)


@pytest.mark.parametrize(
    ("rate", "channels", "frames"),
    [(RATE, 2, 1 << 20), (48_000, 2, (1 << 20) + 17), (22_050, 1, 3000), (8_000, 1, 1)],
)
def test_mapped_audio_equals_loaded_audio(tmp_path, rate, channels, frames):
    path = save(tmp_path / "a.wav", noise(frames, channels), rate, subtype="FLOAT")
    np.testing.assert_array_equal(mapped(path), audio.load(path))


def test_mapping_cleans_up(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temp"))
    (tmp_path / "temp").mkdir()
    path = save(tmp_path / "a.wav", noise(100))
    with audio.open_on_disk(path) as samples:
        assert samples.shape == (2, 100)
        assert list((tmp_path / "temp").iterdir())
    assert not list((tmp_path / "temp").iterdir())


def test_fit_length_trims_and_pads_at_the_end():
    samples = noise(10)
    np.testing.assert_array_equal(audio.fit_length(samples, 4), samples[:, :4])
    np.testing.assert_array_equal(audio.fit_length(samples, 10), samples)
    longer = audio.fit_length(samples, 12)
    np.testing.assert_array_equal(longer[:, :10], samples)
    assert longer.shape == (2, 12) and not longer[:, 10:].any()


def test_rms_in_decibels():
    assert audio.rms_dbfs(np.ones((2, 5), np.float32)) == 0
    assert audio.rms_dbfs(np.full((1, 5), 0.1, np.float32)) == pytest.approx(-20, abs=1e-5)
    for silent in (np.zeros((2, 5), np.float32), np.zeros((2, 0), np.float32)):
        assert audio.rms_dbfs(silent) == -math.inf
