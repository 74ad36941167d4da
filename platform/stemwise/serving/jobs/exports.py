"""Stems and mixes in the format that a download asks for, made from a job's stored stems."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from stemwise.audio.mp3 import write_mp3
from stemwise.core.types import Audio
from stemwise.separation.spool import FULL_SCALE, SUBTYPES, encode

# What a download may be, with its media type.
MEDIA_TYPES = {"flac": "audio/flac", "wav": "audio/wav", "mp3": "audio/mpeg"}
_BLOCK = 1 << 16


@dataclass(frozen=True)
class Mix:
    """Σ gain · stem, over encoded files of one length, read block by block."""

    parts: Sequence[tuple[Path, float]]

    def frames(self, block: int) -> Iterator[Audio]:
        """Yield the sum, `(n, 2)` float32, `block` frames at a time."""
        with ExitStack() as stack:
            opened = [
                (stack.enter_context(soundfile.SoundFile(path)), np.float32(gain))
                for path, gain in self.parts
            ]
            while True:
                heard = [file.read(block, dtype="float32") * gain for file, gain in opened]
                if not len(heard[0]):
                    return
                yield sum(heard[1:], heard[0])

    def peak(self) -> float:
        """Return the largest absolute sample."""
        return max((float(np.abs(part).max()) for part in self.frames(_BLOCK)), default=0.0)


def export(mix: Mix, path: Path, peak: float) -> None:
    """Write `mix` in the format that the suffix of `path` names, one of `MEDIA_TYPES`.

    FLAC and MP3 hold nothing above full scale: where `peak` is beyond it, everything is turned down by
    what makes this peak full scale. Stems that share a `peak` still add up.
    """
    kind = path.suffix[1:]
    gain = FULL_SCALE / peak if peak > FULL_SCALE and kind != "wav" else 1.0
    if kind == "mp3":
        write_mp3((part * np.float32(gain) for part in mix.frames(_BLOCK)), path)
    else:
        encode(mix, path, gain, SUBTYPES[kind])
