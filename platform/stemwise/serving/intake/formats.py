"""The formats that uploads may have: the one list that answers, the page and OpenAPI show."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class UploadFormat:
    """A format by the name that people know, and how its files' names end."""

    name: str
    suffixes: tuple[str, ...]


# What `sniff` recognises, and answers with one of the suffixes.
UPLOAD_FORMATS = (
    UploadFormat("WAV", (".wav",)),
    UploadFormat("FLAC", (".flac",)),
    UploadFormat("MP3", (".mp3",)),
    UploadFormat("M4A", (".m4a", ".mp4")),
    UploadFormat("AAC", (".aac",)),
    UploadFormat("Ogg", (".ogg", ".oga", ".opus")),
    UploadFormat("WavPack", (".wv",)),
    UploadFormat("AC-3", (".ac3", ".eac3", ".ec3")),
    UploadFormat("AIFF", (".aiff", ".aif", ".aifc")),
)


def format_names() -> str:
    """Return all names for a sentence: `WAV, FLAC or AIFF`."""
    *most, last = (known.name for known in UPLOAD_FORMATS)
    return f"{', '.join(most)} or {last}"
