"""Builders of small datasets in their true layouts; all tones are exact in float32."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

RATE = 44_100
FRAMES = 4_410


@pytest.fixture
def tone():
    """Return a maker of `(channels, frames)` sines; powers of two as amplitudes sum exactly."""

    def make(amplitude=0.25, *, frames=FRAMES, channels=2, periods=10):
        wave = np.sin(2 * np.pi * periods * np.arange(frames) / FRAMES)
        wave = (np.round(wave * 2**15) / 2**15).astype(np.float32)  # so few bits never round
        return np.tile(np.float32(amplitude) * wave, (channels, 1))

    return make


@pytest.fixture
def write():
    """Return a writer of audio files that makes the folders they lie in."""

    def save(path, samples, rate=RATE):
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        lossy = path.suffix.lower() in (".mp3", ".ogg", ".flac")
        soundfile.write(path, samples.T, rate, subtype=None if lossy else "FLOAT")
        return path

    return save


@pytest.fixture
def moises_song(tmp_path, write):
    """Return a builder of one MoisesDB song.

    `stems` is a list of (stemName, [(trackType, samples or None, overrides of the JSON entry)]);
    without samples the file is listed only.
    """

    def build(uuid="song-1", stems=(), *, root=tmp_path, rate=RATE, **facts):
        folder = root / "moisesdb_v0.1" / uuid
        folder.mkdir(parents=True, exist_ok=True)
        listed = []
        for stem_name, recordings in stems:
            entry = {"id": f"stem-{len(listed)}", "stemName": stem_name, "tracks": []}
            for track_type, samples, overrides in recordings:
                item = {
                    "id": f"{len(listed)}-{len(entry['tracks'])}",
                    "trackType": track_type,
                    "extension": "wav",
                    "has_bleed": False,
                } | overrides
                entry["tracks"].append(item)
                if samples is not None:
                    write(folder / stem_name / f"{item['id']}.{item['extension']}", samples, rate)
            listed.append(entry)
        data = {"song": "A Song", "artist": "Somebody", "genre": "rock", "stems": listed} | facts
        (folder / "data.json").write_text(json.dumps(data), encoding="utf-8")
        return folder

    return build


@pytest.fixture
def write_stem_mp4():
    """Return a writer of a `.stem.mp4`: one AAC stream per `(2, frames)` array."""

    def save(path, streams):
        import av

        path.parent.mkdir(parents=True, exist_ok=True)
        with av.open(str(path), "w", format="mp4") as container:
            outputs = [container.add_stream("aac", rate=RATE, layout="stereo") for _ in streams]
            for output, samples in zip(outputs, streams, strict=True):
                for start in range(0, samples.shape[1], 1024):
                    block = np.ascontiguousarray(samples[:, start : start + 1024])
                    frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
                    frame.sample_rate = RATE
                    frame.pts = start
                    container.mux(output.encode(frame))
                container.mux(output.encode(None))
        return path

    return save


@pytest.fixture
def real_data():
    """Return a finder of real datasets; it skips where they are absent."""
    default = Path(__file__).resolve().parents[3] / "shared" / "data"
    root = Path(os.environ.get("STEMWISE_TEST_DATA", default))

    def find(name):
        if not (root / name).is_dir():
            pytest.skip(f"no real data {name!r} under STEMWISE_TEST_DATA ({root})")
        return root / name

    return find


@pytest.fixture
def repository():
    """Return the checkout's root."""
    return Path(__file__).resolve().parents[2]
