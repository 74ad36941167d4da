"""Files in whatever format people have them, written by PyAV where it has the encoder."""

import numpy as np
import pytest

from stemwise import audio
from stemwise.core.errors import AudioError

RATE = 44_100
# name: (encoder, format, largest difference of samples, or None where the codec delays, pads or drops)
LOSSLESS = 2.0**-14
FILES = {
    "a.wv": ("wavpack", None, LOSSLESS),
    "a.tta": ("tta", None, LOSSLESS),
    "a.mka": ("pcm_s16le", None, LOSSLESS),
    "a.m4a": ("alac", "ipod", LOSSLESS),
    "aac.m4a": ("aac", "ipod", None),
    "a.aiff": ("pcm_s16be", None, LOSSLESS),
    "a.caf": ("pcm_s16be", None, LOSSLESS),
    "a.mkv": ("pcm_s16le", None, LOSSLESS),
    "a.opus": ("libopus", None, None),
    "a.ac3": ("ac3", None, None),
    "a.eac3": ("eac3", None, None),
    "a.mp2": ("mp2", None, None),
    "a.wma": ("wmav2", None, None),
    # the content decides where the name says something else, or nothing
    "named.wav": ("wavpack", "wv", LOSSLESS),
    "nothing": ("alac", "ipod", LOSSLESS),
    "ac3.wav": ("ac3", "wav", None),
}
# bare streams, whose files do not say how long they are, and WMA, which says it roughly
UNSAID = {"a.ac3", "a.eac3", "a.mp2", "a.wma"}


def tone(channels=2, seconds=0.5):
    t = np.arange(int(RATE * seconds)) / RATE
    waves = [0.4 * np.sin(2 * np.pi * 220 * (channel + 1) * t) for channel in range(channels)]
    return np.asarray(waves, np.float32)


def encode(path, samples, codec, container=None):
    av = pytest.importorskip("av")
    try:
        av.codec.Codec(codec, "w")
    except ValueError:
        pytest.skip(f"this build of PyAV has no encoder {codec}")
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[len(samples)]
    rate = 48_000 if codec == "libopus" else RATE
    with av.open(str(path), "w", format=container) as out:
        stream = out.add_stream(codec, rate=rate, layout=layout, bit_rate=192_000)
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout=layout)
        frame.sample_rate = RATE
        sixteen = [f for f in stream.codec.audio_formats or () if f.name in ("s16", "s16p")]
        stream.format = sixteen[0] if sixteen else stream.format
        stream.codec_context.open()
        resampler = av.AudioResampler(stream.format, layout, rate, stream.frame_size or 1024)
        for part in [*resampler.resample(frame), *resampler.resample(None)]:
            out.mux(stream.encode(part))
        out.mux(stream.encode(None))
    return path


def mapped(path):
    with audio.open_on_disk(path) as samples:
        return np.array(samples)


@pytest.mark.parametrize("name", FILES)
def test_a_whole_file_is_read_and_a_cut_one_refused(tmp_path, name):
    codec, container, near = FILES[name]
    samples = tone()
    path = encode(tmp_path / name, samples, codec, container)
    read = audio.load(path)
    np.testing.assert_array_equal(read, mapped(path))
    length = samples.shape[1]
    if near is None:
        assert abs(read.shape[1] - length) <= 5_000
    else:
        assert read.shape[1] == length
        np.testing.assert_allclose(read[:, 2000:-2000], samples[:, 2000:-2000], atol=near)
    power = float(np.mean(np.square(read[:, 5000:-5000], dtype=np.float64)))
    assert power == pytest.approx(0.08, abs=0.004)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    if name not in UNSAID:
        for reader in (audio.load, mapped):
            with pytest.raises(AudioError, match=path.name):
                reader(path)


@pytest.mark.parametrize("name", ["a.wv", "a.ac3", "a.eac3"])
def test_mono_is_doubled_and_surround_refused(tmp_path, name):
    mono = audio.load(encode(tmp_path / f"mono_{name}", tone(1), FILES[name][0]))
    np.testing.assert_array_equal(mono[0], mono[1])
    surround = encode(tmp_path / name, tone(6), FILES[name][0])
    for reader in (audio.load, mapped):
        with pytest.raises(AudioError, match="6 channels, but separators take mono or stereo"):
            reader(surround)


@pytest.mark.parametrize("name", ["a.wv", "a.txt", "a", "a.wav"])
def test_a_playlist_leads_to_no_other_file(tmp_path, name):
    encode(tmp_path / "secret.wv", tone(), "wavpack")
    path = tmp_path / name
    path.write_text("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nsecret.wv\n#EXT-X-ENDLIST\n")
    for reader in (audio.load, mapped):
        with pytest.raises(AudioError, match="cannot be decoded"):
            reader(path)


def test_noise_is_no_music(tmp_path):
    path = tmp_path / "noise"
    path.write_bytes(np.random.default_rng(0).bytes(200_000))
    with pytest.raises(AudioError, match="cannot be decoded"):
        audio.load(path)
