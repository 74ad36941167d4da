"""Which library decodes a file: by its suffix, and by its content where the suffix is wrong or absent.

libsndfile decodes what it knows; MP4, WavPack, AC-3, Monkey's Audio, WMA and the like go to PyAV
(FFmpeg's libraries).
"""

from __future__ import annotations

from pathlib import Path

import soundfile

from stemwise.audio import containers
from stemwise.core.suffixes import AV_SUFFIXES


def is_for_sndfile(path: Path, suffix: str, told: bool = False) -> bool:
    """Tell whether libsndfile decodes the file, else PyAV.

    Args:
        path: an existing file.
        suffix: in lower case, with its dot.
        told: the suffix is known to be right, so the content is not asked.
    """
    if suffix == ".mp3":
        return _mp3_knows_its_length(path)
    if suffix in AV_SUFFIXES:
        return False
    return told or _opens(path) or not containers.recognised(path)


def _opens(path: Path) -> bool:
    try:
        soundfile.SoundFile(path).close()
    except (soundfile.SoundFileError, RuntimeError):
        return False  # why is said when the file is read
    return True


def _mp3_knows_its_length(path: Path) -> bool:
    """Tell whether an mp3's first frame holds its length.

    Where it does not, libsndfile estimates: it would cut a song of variable bit rate short.
    """
    with path.open("rb") as file:
        head = file.read(10)
        if head[:3] == b"ID3":  # the tag's size has seven bits per byte
            size = sum(byte << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=False))
            file.seek(10 + size)
            head = b""
        head += file.read(2048)
    return any(mark in head for mark in (b"Xing", b"Info", b"VBRI"))
