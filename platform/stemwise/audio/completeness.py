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
    """Tell whether a RIFF, RF64, AIFF, Ogg or MP4 file ends before its own structure says so."""
    size = path.stat().st_size
    with path.open("rb") as file:
        magic = file.read(4)
        if file.read(4) == b"ftyp":
            return _mp4_is_cut(file, size)
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
