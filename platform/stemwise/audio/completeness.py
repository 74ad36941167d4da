"""Telling a cut audio file from a whole one.

Scoring half a song as if it were whole would be worse than not scoring it, and decoders are happy
with half a file, so what its own header or structure promises is compared with what is there.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO, Literal

from stemwise.core.errors import AudioError

# Without a length in its header, a file promises about 2^63 frames.
LENGTH_UNKNOWN = 1 << 60


def check_complete(path: Path, promised: int, frames: int) -> None:
    """Raise `AudioError` unless all frames were read that the file's header promises.

    libsndfile shortens `promised` itself for some formats, so their own structure is read as well.
    """
    if frames < promised < LENGTH_UNKNOWN or _is_cut(path):
        raise AudioError(
            f"{path} is cut: its header promises more audio than the file holds "
            f"({frames} frames read); copy or export it again."
        )


def _is_cut(path: Path) -> bool:
    """Tell whether a file ends before its own structure says so.

    RIFF, RF64, AIFF, Ogg, MP4, CAF and Matroska are known; others are not cut as far as one can see.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        magic = file.read(4)
        if file.read(4) == b"ftyp":
            return _mp4_is_cut(file, size)
        if magic == b"\x1aE\xdf\xa3":
            return _matroska_is_cut(file, size)
        if magic == b"caff":
            return _caf_is_cut(file, size)
        if magic == b"OggS":
            file.seek(max(0, size - (1 << 17)))  # a page has at most 65,307 bytes
            tail = file.read()
            flags = tail[tail.rfind(b"OggS") + 5 :][:1]
            return not (flags and flags[0] & 4)  # the last page is marked as such
        if magic in (b"RIFF", b"RF64", b"BW64", b"FORM"):
            return _audio_chunk_is_cut(file, size, "big" if magic == b"FORM" else "little")
    return False


def _mp4_is_cut(file: BinaryIO, size: int) -> bool:
    """Tell whether a box of the outermost level reaches beyond the file's `size`."""
    start = 0
    while start < size:
        file.seek(start)
        head = file.read(16)
        length = int.from_bytes(head[:4], "big")
        if length == 1:  # the true length follows, since it needs 64 bits
            length = int.from_bytes(head[8:], "big")
        if length < 8:  # 0: up to the end of the file
            return False
        start += length
    return start > size


def _caf_is_cut(file: BinaryIO, size: int) -> bool:
    """Tell whether the chunk of samples reaches beyond the file's `size`; −1 is up to its end."""
    file.seek(8)
    while len(head := file.read(12)) == 12:
        length = int.from_bytes(head[4:], "big", signed=True)
        if head[:4] == b"data" or length < 0:
            return file.tell() + length > size
        file.seek(length, os.SEEK_CUR)
    return False


def _matroska_is_cut(file: BinaryIO, size: int) -> bool:
    """Tell whether an element of the outermost level reaches beyond the file's `size`."""
    start = 0
    while start < size:
        file.seek(start + 4)  # behind the four bytes of its name
        first = file.read(1)
        width = 9 - first[0].bit_length() if first and first[0] else 0
        digits = bytes([first[0] & (0xFF >> width)]) + file.read(width - 1) if width else b""
        # a length of ones only stands for one that was not known (RFC 8794, section 6.2)
        if not digits or int.from_bytes(digits, "big") == (1 << 7 * width) - 1:
            return False
        start += 4 + width + int.from_bytes(digits, "big")
    return start > size


def _audio_chunk_is_cut(file: BinaryIO, size: int, order: Literal["big", "little"]) -> bool:
    """Tell whether the chunk of samples reaches beyond the file's `size`."""
    file.seek(12)
    long_length = 0
    while len(head := file.read(8)) == 8:
        length = int.from_bytes(head[4:], order)
        if head[:4] == b"ds64":  # RF64: the true length, since `data` has only 32 bits for it
            long_length = int.from_bytes(file.read(16)[8:], "little")
            file.seek(-16, os.SEEK_CUR)
        if head[:4] in (b"data", b"SSND"):
            # 0 and 0xFFFFFFFF are what streaming writers leave when they could not seek back.
            length = long_length if length == 0xFFFFFFFF else length
            return file.tell() + length > size
        file.seek(length + (length & 1), os.SEEK_CUR)
    return False
