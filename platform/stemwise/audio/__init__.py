"""Decoding audio files: whole, in blocks, or on disk; what cut and odd files need."""

from stemwise.audio.containers import CODECS
from stemwise.audio.decoding import (
    Decoded,
    Opened,
    append_frames,
    fit_length,
    load,
    open_blocks,
    open_on_disk,
    read,
    resample,
    rms_dbfs,
    to_layout,
)
from stemwise.core.suffixes import AUDIO_SUFFIXES

__all__ = [
    "AUDIO_SUFFIXES",
    "CODECS",
    "Decoded",
    "Opened",
    "append_frames",
    "fit_length",
    "load",
    "open_blocks",
    "open_on_disk",
    "read",
    "resample",
    "rms_dbfs",
    "to_layout",
]
