"""Short clips of mixtures and true stems, which no table of a run links to."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

import soundfile

from stemwise.core.errors import OutputError, StemwiseError
from stemwise.core.stems import MIXTURE
from stemwise.core.types import SAMPLE_RATE, Audio, Track
from stemwise.datasets.decode import TrackAudio
from stemwise.report.page.spectrogram import SECONDS

FOLDER = "audio"
_SUFFIX = ".flac"  # as in the store; and encoding it takes a tenth of the time that MP3 takes


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
        making = folder.with_name(f".{folder.name}.making")
        try:
            making.mkdir(parents=True, exist_ok=True)
            written += _clips(track, wanted, making)
            making.replace(folder)  # whole or not at all
        except (OSError, soundfile.SoundFileError) as error:
            shutil.rmtree(making, ignore_errors=True)
            raise OutputError(f"{folder} cannot be written ({error}): make room.") from error
    return written


def _clips(track: Track, stems: Sequence[str], folder: Path) -> int:
    audio, written = TrackAudio(track), 0
    for stem in stems:
        try:
            samples = audio.mixture if stem == MIXTURE else audio.reference(stem)
        except StemwiseError:
            continue  # the run's tables say why
        soundfile.write(folder / f"{stem}{_SUFFIX}", _middle(samples).T, SAMPLE_RATE, "PCM_16")
        written += 1
    return written


def _middle(samples: Audio) -> Audio:
    length = min(samples.shape[1], int(SECONDS * SAMPLE_RATE))
    start = (samples.shape[1] - length) // 2
    return samples[:, start : start + length].clip(-1, 1)


def existing(page: Path, track_ids: Sequence[str]) -> dict[int, dict[str, Path]]:
    """Return the clips that there are: number of the track → stem → file."""
    found = {}
    for number, track_id in enumerate(track_ids):
        clips = sorted((page / FOLDER / track_id).glob(f"*{_SUFFIX}"))
        if clips:
            found[number] = {clip.stem: clip for clip in clips}
    return found
