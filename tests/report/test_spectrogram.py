"""Spectrograms: a tone lies where its pitch says, files are small, damage is no crash."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest
import soundfile

from stemwise.report.page.spectrogram import HEIGHT, WIDTH, Gallery, middle, picture

RATE = 44_100


def pixels(png: bytes):
    """Return the palette indices of a PNG as this module writes it."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    chunks, at = {}, 8
    while at < len(png):
        (size,) = struct.unpack(">I", png[at : at + 4])
        name, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + size]
        (crc,) = struct.unpack(">I", png[at + 8 + size : at + 12 + size])
        assert crc == zlib.crc32(name + data)
        chunks[name], at = data, at + 12 + size
    width, height = struct.unpack(">II", chunks[b"IHDR"][:8])
    assert (width, height) == (WIDTH, HEIGHT)
    lines = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, width + 1)
    assert not lines[:, 0].any()
    assert lines.max() < len(chunks[b"PLTE"]) // 3
    return lines[:, 1:]


@pytest.mark.parametrize("hertz", [200, 1000, 8000])
def test_a_tone_is_a_line_at_its_pitch(hertz):
    time = np.arange(2 * RATE) / RATE
    tone = np.sin(2 * np.pi * hertz * time).astype(np.float32)
    image = pixels(picture(np.stack([tone, tone], 1), RATE))
    rows = np.argmax(image, axis=0)
    expected = HEIGHT * (1 - np.log(hertz / 40) / np.log(RATE / 2 / 40))
    assert np.abs(np.median(rows) - expected) < 4


def test_time_runs_to_the_right():
    noise = np.random.default_rng(0).standard_normal((4 * RATE, 2)).astype(np.float32)
    noise[: 2 * RATE] = 0
    image = pixels(picture(noise, RATE))
    assert image[:, : WIDTH // 2 - 8].max() == 0
    assert image[:, WIDTH // 2 + 8 :].mean() > 5


@pytest.mark.parametrize("length", [0, 1, 500, 2048, 2049])
def test_short_and_silent_sounds(length):
    assert pixels(picture(np.zeros((length, 1), np.float32), RATE)).shape == (HEIGHT, WIDTH)


def test_noise_stays_small():
    noise = np.random.default_rng(0).standard_normal((30 * RATE, 2)).astype(np.float32)
    assert len(picture(noise, RATE)) < 30_000


def test_the_middle_of_a_file(tmp_path):
    ramp = np.linspace(0, 0.9, 10 * RATE, dtype=np.float32)
    soundfile.write(tmp_path / "a.flac", ramp, RATE, subtype="PCM_24")
    samples, rate = middle(tmp_path / "a.flac", seconds=2)
    assert (samples.shape, rate) == ((2 * RATE, 1), RATE)
    assert samples.mean() == pytest.approx(0.45, abs=1e-4)
    assert len(middle(tmp_path / "a.flac", seconds=99)[0]) == 10 * RATE


def test_the_gallery(tmp_path):
    soundfile.write(tmp_path / "a.flac", np.zeros((RATE, 2)), RATE)
    (tmp_path / "broken.flac").write_bytes(b"fLaC, but no more")
    gallery = Gallery(tmp_path / "pictures")
    name = gallery.add(tmp_path / "a.flac")
    assert gallery.add(tmp_path / "a.flac") == name
    assert gallery.add(tmp_path / "broken.flac") is None
    assert gallery.add(tmp_path / "absent.flac") is None
    (tmp_path / "pictures" / "old.png").write_bytes(b"x")
    gallery.sweep()
    assert [path.name for path in (tmp_path / "pictures").iterdir()] == [name]
    soundfile.write(tmp_path / "a.flac", np.zeros((2 * RATE, 2)), RATE)
    assert Gallery(tmp_path / "pictures").add(tmp_path / "a.flac") != name
