"""Telling from its first bytes what an uploaded file is; its name does not matter.

Only what this module recognises ever reaches a decoder, so that no decoder gets to choose a format
by content: FFmpeg, for one, would follow a playlist to other files.
"""

from __future__ import annotations

import codecs
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from stemwise.core.errors import UnsupportedAudioError
from stemwise.serving.intake.dolby import ac3_length, eac3_length
from stemwise.serving.intake.formats import format_names
from stemwise.serving.intake.mpeg import HEADER, adts_length, frame_length

_WANTED = f"send {format_names()}"
_HEAD = 4096
# Brands of pictures in the same container as MP4.
_PICTURES = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1", b"avif", b"avis")
_OGG_AUDIO = (b"\x01vorbis", b"OpusHead", b"\x7fFLAC")
_OGG_VIDEO = (b"\x80theora", b"BBCD\x00", b"\x80daala", b"OVP80")
# First bytes → what people call it. Nothing here is decoded; the names only help the sender.
_KNOWN = (
    (b"\x1aE\xdf\xa3", "a Matroska or WebM file"),
    (b"PK\x03\x04", "a zip archive"),
    (b"PK\x05\x06", "a zip archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"caff", "a CAF file"),
    (b"MThd", "a MIDI file"),
    (b"\x30\x26\xb2\x75", "a WMA file"),
    (b"#EXTM3U", "a playlist"),
)


def suffix_of(path: Path) -> str:
    """Return a suffix of `formats.UPLOAD_FORMATS` that says what the content is.

    `.m4a` stands for all of MP4's family (ISO 14496-12); whether it holds only audio, its decoder says.

    Raises:
        UnsupportedAudioError: it is none of them; the sentence names what it is where known.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD)
        if head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:12] == b"WAVE":
            return ".wav"
        if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
            return ".aiff"
        if head[:4] == b"fLaC":
            return ".flac"
        if head[:4] == b"OggS":
            _check_ogg(file)
            return ".ogg"
        if head[:4] == b"wvpk":
            return ".wv"
        if head[:3] == b"ID3":
            return _behind_tags(file)
        if head[4:8] == b"ftyp" and head[8:12] not in _PICTURES:
            return ".m4a"
        if _is_stream(file, 0, frame_length):
            return ".mp3"
        if _is_stream(file, 0, adts_length):
            return ".aac"
        for suffix, length_of in ((".ac3", ac3_length), (".eac3", eac3_length)):
            if _is_stream(file, 0, length_of):
                return suffix
    raise UnsupportedAudioError(f"The file is {_name_of(head)}: {_WANTED}.")


def _check_ogg(file: BinaryIO) -> None:
    """Refuse an Ogg file whose streams (all begin in its first pages) are not one of audio."""
    audio, start = 0, 0
    for _ in range(16):
        file.seek(start)
        header = file.read(27)
        if len(header) < 27 or header[:4] != b"OggS" or not header[5] & 2:
            break
        lengths = file.read(header[26])
        packet = file.read(8)
        if packet.startswith(_OGG_VIDEO):
            raise UnsupportedAudioError(f"The file is an Ogg video: {_WANTED}.")
        audio += packet.startswith(_OGG_AUDIO)
        start += 27 + len(lengths) + sum(lengths)
    if audio != 1:
        raise UnsupportedAudioError(
            f"The file is Ogg with {audio or 'no'} streams of Vorbis, Opus or FLAC, but exactly "
            "one is needed: export it again."
        )


def _behind_tags(file: BinaryIO) -> str:
    """Return what follows the ID3 tags at the beginning, `.mp3` or `.flac`."""
    start, head = 0, b""
    for _ in range(8):
        file.seek(start)
        head = file.read(10)
        if head[:3] != b"ID3" or len(head) < 10:
            break
        # The size has seven bits per byte; flag 16 says that a footer of 10 bytes follows.
        size = sum(byte << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))
        start += 10 + size + (10 if head[5] & 16 else 0)
    if head[:4] == b"fLaC":
        return ".flac"
    if _is_stream(file, start, frame_length):
        return ".mp3"
    if _is_stream(file, start, adts_length):
        return ".aac"
    raise UnsupportedAudioError(f"The file has an ID3 tag, but no MP3 follows it: {_WANTED}.")


def _is_stream(file: BinaryIO, start: int, length_of: Callable[[bytes], int | None]) -> bool:
    """Tell whether a frame of a bare stream is at `start`, and where it ends another or the end."""
    file.seek(start)
    length = length_of(file.read(HEADER))
    if length is None:
        return False
    if start + length >= os.fstat(file.fileno()).st_size:
        return True
    file.seek(start + length)
    following = file.read(HEADER)
    # Tags, too, may follow the last frame; their beginnings are "TAG" and "APETAGEX".
    return length_of(following) is not None or following[:3] in (b"TAG", b"APE")


def _name_of(head: bytes) -> str:
    if not head:
        return "empty"
    for magic, name in _KNOWN:
        if head.startswith(magic):
            return name
    if head[4:8] == b"ftyp":
        return "a HEIF picture"
    if head[:4] == b"RIFF":
        return "a RIFF file that is not WAV"
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<!doctype html", b"<html")):
        return "a web page"
    return "text" if _is_text(head) else "not in a format that this server knows"


def _is_text(head: bytes) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)  # a letter may be cut at the end
    except UnicodeDecodeError:
        return False
    return not any(byte < 9 or 13 < byte < 32 for byte in head)
