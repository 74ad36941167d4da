"""Short clips of mixtures and true stems, which no table of a run links to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import quote

import soundfile

from stemwise.datasets.decode import TrackAudio
from stemwise.errors import OutputError, StemwiseError
from stemwise.report.spectrogram import SECONDS
from stemwise.stems import MIXTURE
from stemwise.types import SAMPLE_RATE, Audio, Track

FOLDER = "audio"
_SUFFIX = ".mp3"  # the one lossy format that every browser plays from a file


def write_previews(page: Path, tracks: Sequence[Track], stems: Iterable[str]) -> int:
    """Write clips of the mixture and references of `tracks` below the page; return how many.

    Each is the middle 30 s, as the spectrograms are. A track that has clips is not decoded again, and
    a stem that cannot be decoded has none.

    Raises:
        OutputError: the folder cannot be written.
    """
    wanted, written = sorted({MIXTURE, *stems}), 0
    for track in tracks:
        folder = page / FOLDER / track.track_id
        if folder.is_dir():
            continue
        audio = TrackAudio(track)
        for stem in wanted:
            try:
                samples = audio.mixture if stem == MIXTURE else audio.reference(stem)
            except StemwiseError:
                continue  # the run's tables say why
            written += _write(folder / f"{stem}{_SUFFIX}", samples)
    return written


def _write(path: Path, samples: Audio) -> int:
    length = min(samples.shape[1], int(SECONDS * SAMPLE_RATE))
    start = (samples.shape[1] - length) // 2
    clip = samples[:, start : start + length].clip(-1, 1)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, clip.T, SAMPLE_RATE, format="MP3", subtype="MPEG_LAYER_III")
    except (OSError, soundfile.SoundFileError) as error:
        raise OutputError(f"{path} cannot be written ({error}): make room.") from error
    return 1


def existing(page: Path, track_ids: Sequence[str]) -> dict[int, dict[str, str]]:
    """Return the clips that there are: number of the track → stem → link."""
    found = {}
    for number, track_id in enumerate(track_ids):
        clips = sorted((page / FOLDER / track_id).glob(f"*{_SUFFIX}"))
        if clips:
            found[number] = {c.stem: quote(f"{FOLDER}/{track_id}/{c.name}") for c in clips}
    return found
