"""Files that somebody might upload, by accident or to do harm; all small, all made here.

`corpus()` gives name → `Hostile(content, filename, statuses)`: what to send, and which HTTP statuses
a server that is started with `MAX_DURATION_S` may answer with. Where it accepts a file, the job must
come to an end; nothing may ever give a 500.
"""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
import soundfile

MAX_DURATION_S = 60.0
RATE = 44_100
ACCEPTED = frozenset({200, 202})
UNKNOWN = frozenset({415})
UNUSABLE = frozenset({415, 422})
UNPROCESSABLE = frozenset({422})
TOO_LONG = frozenset({413})
ANY = ACCEPTED | UNUSABLE | TOO_LONG


class Hostile(NamedTuple):
    """One upload, and the HTTP statuses that are right for it."""

    content: bytes
    filename: str
    statuses: frozenset[int]


def noise(frames: int = RATE, channels: int = 2) -> np.ndarray:
    """Return `(frames, channels)` of quiet noise."""
    return np.random.default_rng(0).standard_normal((frames, channels)).astype(np.float32) / 8


def encoded(samples: np.ndarray, form: str, subtype: str | None = None, rate: int = RATE) -> bytes:
    """Return the file that libsndfile makes of `(frames, channels)`."""
    out = io.BytesIO()
    soundfile.write(out, samples, rate, format=form, subtype=subtype)
    return out.getvalue()


def chunk(name: bytes, content: bytes, length: int | None = None) -> bytes:
    """Return a RIFF chunk, which may lie about its `length`."""
    return name + struct.pack("<I", len(content) if length is None else length) + content


def wav(
    samples: np.ndarray | bytes = b"\0" * 4000,
    *,
    tag: int = 1,
    channels: int = 2,
    rate: int = RATE,
    bits: int = 16,
    align: int | None = None,
    length: int | None = None,
    before: bytes = b"",
) -> bytes:
    """Return a WAV file of any header; `length` is what its data chunk promises."""
    align = (channels * bits // 8) % 65_536 if align is None else align
    form = struct.pack("<HHIIHH", tag, channels, rate, rate * align % (1 << 32), align, bits)
    data = samples if isinstance(samples, bytes) else samples.tobytes()
    body = b"WAVE" + chunk(b"fmt ", form) + before + chunk(b"data", data, length)
    return chunk(b"RIFF", body)


def float_wav(value: float) -> bytes:
    """Return noise as a float WAV with `value` in its middle."""
    samples = noise()
    samples[RATE // 2, 1] = value
    return wav(samples, tag=3, bits=32)


def flac_of_silence(seconds: float, *, says: float | None = None, rate: int = RATE) -> bytes:
    """Return digital silence as FLAC, some ten bytes for each 1.5 s: a bomb once it is decoded.

    The header promises `says` seconds; 0 is FLAC's way of not promising anything.
    """
    block = 65_535
    total = int((seconds if says is None else says) * rate)
    packed = rate << 44 | 0 << 41 | 15 << 36 | total  # mono, 16 bits
    info = struct.pack(">HH6s", block, block, bytes(6)) + packed.to_bytes(8, "big") + bytes(16)
    head = b"fLaC" + b"\x80" + len(info).to_bytes(3, "big") + info
    return head + b"".join(_silent_frame(n, block) for n in range(int(seconds * rate) // block))


@cache
def _silent_frame(number: int, block: int) -> bytes:
    # 16-bit block size after the header, rate and size from STREAMINFO, mono, one constant of 0.
    header = b"\xff\xf8\x70\x00" + _utf8(number) + struct.pack(">H", block - 1)
    frame = header + bytes([_crc(header, 8, 0x07)]) + b"\x00\x00\x00"
    return frame + struct.pack(">H", _crc(frame, 16, 0x8005))


def _utf8(number: int) -> bytes:
    """Code a number up to 65,535 as FLAC does, which is UTF-8 with no gap for surrogates."""
    return chr(number).encode("utf-8", "surrogatepass")


@cache
def _crc_table(bits: int, polynomial: int) -> list[int]:
    table = []
    for byte in range(256):
        value = byte << (bits - 8)
        for _ in range(8):
            value = value << 1 ^ (polynomial if value >> (bits - 1) & 1 else 0)
        table.append(value & ((1 << bits) - 1))
    return table


def _crc(data: bytes, bits: int, polynomial: int) -> int:
    table, value, mask = _crc_table(bits, polynomial), 0, (1 << bits) - 1
    for byte in data:
        value = (value << 8 ^ table[value >> (bits - 8) ^ byte]) & mask
    return value


def ogg_page(packet: bytes, flags: int = 2) -> bytes:
    """Return an Ogg page (with a wrong checksum) that holds one short packet."""
    head = b"OggS" + bytes([0, flags]) + bytes(8) + b"\1\0\0\0" + bytes(8)
    return head + bytes([1, len(packet)]) + packet


def id3(size: int, content: bytes | None = None) -> bytes:
    """Return an ID3v2.4 tag that says it is `size` bytes long."""
    digits = bytes(size >> shift & 127 for shift in (21, 14, 7, 0))
    return b"ID3\x04\0\0" + digits + (bytes(size) if content is None else content)


def bare_mp3(samples: np.ndarray) -> bytes:
    """Return an MP3 without the Xing frame, which does not say how long it is."""
    content = encoded(samples, "MP3")
    mark = max(content.find(b"Xing"), content.find(b"Info"))
    return content[content.find(b"\xff\xfb", mark) :]


def container(suffix: str, codec: str) -> bytes:
    """Return a second of noise as a file that only PyAV can write."""
    import av

    with TemporaryDirectory() as folder:
        path = Path(folder) / f"a{suffix}"
        with av.open(str(path), "w") as out:
            stream = out.add_stream(codec, rate=48_000, layout="stereo")
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(noise(48_000).T), format="fltp", layout="stereo"
            )
            frame.sample_rate = 48_000
            resampler = av.AudioResampler(
                format=stream.format, rate=48_000, frame_size=stream.frame_size or 960
            )
            for part in (*resampler.resample(frame), *resampler.resample(None)):
                out.mux(stream.encode(part))
            out.mux(stream.encode(None))
        return path.read_bytes()


def box(kind: bytes, content: bytes = b"") -> bytes:
    """Return a box of an MP4 file."""
    return (8 + len(content)).to_bytes(4, "big") + kind + content


def video() -> bytes:
    """Return a second of black pictures with silence."""
    import av

    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.mp4"
        with av.open(str(path), "w") as out:
            pictures = out.add_stream("mpeg4", rate=10, width=32, height=32)
            pictures.pix_fmt = "yuv420p"
            sound = out.add_stream("aac", rate=48_000, layout="stereo")
            for _ in range(10):
                out.mux(pictures.encode(av.VideoFrame(32, 32, "yuv420p")))
            for start in range(0, 48_000, 1024):
                frame = av.AudioFrame.from_ndarray(
                    np.zeros((2, 1024), np.float32), format="fltp", layout="stereo"
                )
                frame.sample_rate, frame.pts = 48_000, start
                out.mux(sound.encode(frame))
            out.mux(pictures.encode(None))
            out.mux(sound.encode(None))
        return path.read_bytes()


def _mp4() -> Iterator[tuple[str, bytes, str, frozenset[int]]]:
    m4a, aac = container(".m4a", "aac"), container(".aac", "aac")
    yield "m4a", m4a, "a.m4a", ACCEPTED
    yield "m4a_named_wav", m4a, "a.wav", ACCEPTED
    yield "mp4", container(".mp4", "aac"), "a.mp4", ACCEPTED
    yield "alac", container(".m4a", "alac"), "a.m4a", ACCEPTED
    yield "m4a_cut", m4a[: len(m4a) // 2], "a.m4a", UNUSABLE
    yield "m4a_cut_at_its_end", m4a[:-20], "a.m4a", UNUSABLE
    yield "m4a_damaged", damaged(m4a), "a.m4a", ANY
    yield "m4a_without_movie", m4a.replace(b"moov", b"mooX"), "a.m4a", UNKNOWN
    yield "mp4_video", video(), "a.mp4", UNKNOWN
    yield "mp4_nothing", box(b"ftyp", b"M4A \0\0\0\0"), "a.m4a", UNKNOWN
    nested = box(b"moov")
    for _ in range(2000):
        nested = box(b"moov", nested)
    yield "mp4_nested", box(b"ftyp", b"M4A \0\0\0\0") + nested, "a.m4a", UNKNOWN
    yield "mp4_playlist", box(b"ftyp", b"M4A ") + b"#EXTM3U\nfile:///etc/passwd\n", "a", UNKNOWN
    times = m4a.find(b"stts")  # how many samples there are: 4 billion
    yield "mp4_4e9_samples", m4a[: times + 8] + b"\xff" * 8 + m4a[times + 16 :], "a.m4a", ANY
    yield "aac", aac, "a.aac", ACCEPTED
    yield "aac_behind_id3", id3(100) + aac, "a.aac", ACCEPTED
    yield "aac_cut", aac[: len(aac) // 2], "a.aac", ANY  # a bare stream does not say its length
    yield "aac_damaged", damaged(aac), "a.aac", ANY
    for suffix, codec in ((".wv", "wavpack"), (".ac3", "ac3"), (".eac3", "eac3")):
        yield codec, container(suffix, codec), f"a{suffix}", ACCEPTED
    yield "wavpack_damaged", damaged(container(".wv", "wavpack")), "a.wv", ANY
    yield "aac_junk_behind_sync", aac[:7] + b"junk" * 5000, "a.aac", UNKNOWN


def zipped(content: bytes) -> bytes:
    """Return a zip archive with one compressed file."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("song.wav", content)
    return out.getvalue()


def damaged(content: bytes) -> bytes:
    """Return `content` with 64 bytes of its middle inverted."""
    middle = len(content) // 2
    broken = bytes(byte ^ 0xFF for byte in content[middle : middle + 64])
    return content[:middle] + broken + content[middle + 64 :]


def _no_audio() -> Iterator[tuple[str, bytes, str, frozenset[int]]]:
    yield "empty", b"", "a.wav", UNUSABLE
    yield "one_byte", b"R", "a.wav", UNKNOWN
    yield "text", b"just some text\n" * 300, "a.wav", UNKNOWN
    yield "html", b"<!DOCTYPE html><script>alert(1)</script>", "a.mp3", UNKNOWN
    yield "json", json.dumps({"a": [1] * 100}).encode(), "a.flac", UNKNOWN
    yield "zip", zipped(b"hello"), "a.zip", UNKNOWN
    yield "zip_bomb", zipped(bytes(20_000_000)), "a.wav", UNKNOWN
    yield "png", b"\x89PNG\r\n\x1a\n" + bytes(500), "a.wav", UNKNOWN
    yield "pdf", b"%PDF-1.7\n" + bytes(500), "a.wav", UNKNOWN
    yield "playlist", b"#EXTM3U\n/etc/passwd\n", "a.mp3", UNKNOWN
    yield "avi", b"RIFF\xff\0\0\0AVI LIST" + bytes(500), "a.wav", UNKNOWN
    yield "heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(500), "a.heic", UNKNOWN
    yield "webm", container(".webm", "libopus"), "a.webm", UNKNOWN
    yield "random", np.random.default_rng(1).bytes(5000), "a.wav", UNKNOWN
    yield "ogg_theora", ogg_page(b"\x80theora\3\2\1") + bytes(500), "a.ogg", UNKNOWN
    vorbis = ogg_page(b"\x01vorbis" + bytes(23))
    yield "ogg_theora_behind_vorbis", vorbis + ogg_page(b"\x80theora\3"), "a.ogg", UNKNOWN
    yield "ogg_header_only", vorbis, "a.ogg", UNUSABLE


def _wav_headers() -> Iterator[tuple[str, bytes, str, frozenset[int]]]:
    data = np.zeros(2000, np.int16)
    yield "wav_promises_4_gb", wav(data, length=0xFFFF_FFF0), "a.wav", UNUSABLE
    yield "wav_without_length", wav(data, length=0xFFFF_FFFF), "a.wav", ACCEPTED
    yield "wav_cut", encoded(noise(), "WAV")[:50_000], "a.wav", UNPROCESSABLE
    yield "wav_header_cut", wav(data)[:30], "a.wav", UNUSABLE
    yield "wav_0_frames", wav(b""), "a.wav", UNPROCESSABLE
    yield "wav_65535_channels", wav(data, channels=65_535), "a.wav", UNUSABLE
    yield "wav_1024_channels", wav(data, channels=1024), "a.wav", UNUSABLE
    yield "wav_6_channels", encoded(noise(1000, 6), "WAV"), "a.wav", UNPROCESSABLE
    yield "wav_0_channels", wav(data, channels=0), "a.wav", UNUSABLE
    yield "wav_rate_0", wav(data, rate=0), "a.wav", UNUSABLE
    yield "wav_rate_1_hz", wav(data, rate=1), "a.wav", UNPROCESSABLE
    yield "wav_rate_4_ghz", wav(data, rate=4_000_000_000), "a.wav", UNUSABLE
    yield "wav_align_0", wav(data, align=0), "a.wav", ANY
    yield "wav_align_65535", wav(data, align=65_535), "a.wav", ANY
    yield "wav_0_bits", wav(data, bits=0), "a.wav", ANY
    yield "wav_unknown_codec", wav(data, tag=0x1234), "a.wav", UNUSABLE
    before = chunk(b"LIST", b"INFO", 1 << 31)
    yield "wav_list_of_2_gb", wav(data, before=before), "a.wav", UNUSABLE
    yield "wav_1000_lists", wav(data, before=chunk(b"LIST", b"INFO") * 1000), "a.wav", ANY
    yield (
        "wav_10_hours_of_mulaw",
        wav(b"\xff" * 400_000, tag=7, channels=1, rate=4000, bits=8),
        ("a.wav"),
        TOO_LONG,
    )


def _wav_samples() -> Iterator[tuple[str, bytes, str, frozenset[int]]]:
    yield "wav_nan", float_wav(np.nan), "a.wav", UNPROCESSABLE
    yield "wav_inf", float_wav(-np.inf), "a.wav", UNPROCESSABLE
    yield "wav_largest_floats", float_wav(3e38), "a.wav", UNPROCESSABLE
    yield "wav_16_bits_as_floats", float_wav(32767.0), "a.wav", UNPROCESSABLE
    yield "wav_12_db_over", float_wav(4.0), "a.wav", ACCEPTED
    yield (
        "wav_double_beyond_float",
        encoded(np.full((1000, 2), 1e300), "WAV", "DOUBLE"),
        ("a.wav"),
        UNPROCESSABLE,
    )
    denormals = np.full((RATE, 2), 1e-40, np.float32)
    yield "wav_denormals", wav(denormals, tag=3, bits=32), "a.wav", ACCEPTED
    yield "wav_silence", encoded(np.zeros((RATE, 2)), "WAV"), "a.wav", ACCEPTED
    for subtype in ("DOUBLE", "PCM_U8", "PCM_24", "PCM_32", "ULAW", "ALAW", "IMA_ADPCM"):
        yield f"wav_{subtype.lower()}", encoded(noise(), "WAV", subtype), "a.wav", ACCEPTED
    yield "rf64", encoded(noise(), "RF64", "PCM_16"), "a.wav", ACCEPTED
    yield "wav_1_sample", encoded(noise(1), "WAV"), "a.wav", ACCEPTED
    yield "wav_10_samples_8_khz", encoded(noise(10, 1), "WAV", rate=8000), "a.wav", ACCEPTED


def _compressed() -> Iterator[tuple[str, bytes, str, frozenset[int]]]:
    flac, ogg, mp3 = (encoded(noise(), form) for form in ("FLAC", "OGG", "MP3"))
    yield "flac", flac, "a.flac", ACCEPTED
    yield "flac_broken_crc", damaged(flac), "a.flac", UNPROCESSABLE
    yield "flac_cut", flac[: len(flac) // 2], "a.flac", UNPROCESSABLE
    yield "flac_10_hours", flac_of_silence(36_000), "a.flac", TOO_LONG
    yield "flac_10_hours_unsaid", flac_of_silence(36_000, says=0), "a.flac", TOO_LONG
    yield "flac_10_hours_says_1_s", flac_of_silence(36_000, says=1), "a.flac", ANY
    yield "flac_says_10_hours", flac_of_silence(2, says=36_000), "a.flac", TOO_LONG
    yield "flac_rate_1_hz", flac_of_silence(100_000, rate=1), "a.flac", UNPROCESSABLE
    yield "ogg", ogg, "a.ogg", ACCEPTED
    yield "opus", encoded(noise(48_000), "OGG", "OPUS", 48_000), "a.opus", ACCEPTED
    yield "ogg_cut", ogg[: len(ogg) // 2], "a.ogg", UNPROCESSABLE
    yield "ogg_damaged", damaged(ogg), "a.ogg", ANY
    yield "mp3", mp3, "a.mp3", ACCEPTED
    yield "mp3_named_wav", mp3, "a.wav", ACCEPTED
    yield "mp3_bare", bare_mp3(noise()), "a.mp3", ACCEPTED
    yield "mp3_bare_long", bare_mp3(np.zeros((90 * RATE, 1))), "a.mp3", TOO_LONG
    yield "mp3_damaged", damaged(mp3), "a.mp3", ANY
    yield "mp3_changes_layout", bare_mp3(noise()) + bare_mp3(noise(RATE, 1)), "a.mp3", ANY
    yield "mp3_then_junk", bare_mp3(noise()) + b"junk" * 5000, "a.mp3", ANY
    yield "mp3_junk_behind_sync", b"\xff\xfb\x90\x64" + b"junk" * 5000, "a.mp3", UNKNOWN
    yield "id3_playlist", id3(50) + b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n", "a.mp3", UNKNOWN
    yield "id3_of_256_mb", id3((1 << 28) - 1, b"\0" * 1000), "a.mp3", UNKNOWN
    yield "id3_of_1_mb", id3(1_000_000) + mp3, "a.mp3", ACCEPTED
    yield "aiff", encoded(noise(), "AIFF"), "a.aiff", ACCEPTED
    yield "aiff_nonsense", b"FORM\0\0\x10\0AIFFCOMM" + b"\xff" * 4096, "a.aiff", UNUSABLE


_PARTS: tuple[Callable[[], Iterator[tuple[str, bytes, str, frozenset[int]]]], ...] = (
    _no_audio,
    _wav_headers,
    _wav_samples,
    _compressed,
    _mp4,
)


@cache
def corpus() -> dict[str, Hostile]:
    """Return all files: name → (content, filename, statuses)."""
    return {name: Hostile(*rest) for part in _PARTS for name, *rest in part()}


# What browsers and people call files; each must come out harmless (see `form.display_name`).
FILENAMES = {
    "../../etc/passwd": "passwd",
    "C:\\music\\song.wav": "song.wav",
    "": "audio",
    "...": "audio",
    "a\r\nSet-Cookie: b.wav": "a Set-Cookie: b.wav",
    "\u202egpj.wav": "gpj.wav",
    "a\0b\x1b[31m.wav": "a b [31m.wav",
    "x" * 1000: "x" * 120,
    "Größe ♫.flac": "Größe ♫.flac",
}
