"""The stems of a song as a mapping of arrays."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from stemwise.audio.decoding import rms_dbfs
from stemwise.core.nearest import did_you_mean
from stemwise.core.types import SAMPLE_RATE, Audio
from stemwise.jobs.separate_options import checked_format, suffix
from stemwise.jobs.separation import write_stems
from stemwise.report.markup import el
from stemwise.separation.spool import Spool


class Stems(Mapping[str, Audio]):
    """The stems of a song: stem → float32 array of shape `(2, samples)`, 1.0 is full scale.

    All have the same length, and add up as the recipe lets them. Made by `stemwise.separate`.

    Attributes:
        rate: sample rate in Hz.
        recipe: name of the recipe or model that made them.

    Example:
        >>> stems = stemwise.separate("song.flac", "htdemucs_6s")
        >>> stems["vocals"].shape, stems.rate
        ((2, 10584000), 44100)
        >>> stems.save("stems/song")
    """

    def __init__(self, arrays: Mapping[str, Audio], rate: int = SAMPLE_RATE, recipe: str = ""):
        self._arrays, self.rate, self.recipe = dict(arrays), rate, recipe

    def __getitem__(self, stem: str) -> Audio:
        if stem not in self._arrays:
            near = did_you_mean(stem, self._arrays)
            raise KeyError(f"{stem!r} is not a stem of this song: {near}it has {', '.join(self)}.")
        return self._arrays[stem]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    @property
    def samples(self) -> int:
        """Length in samples."""
        return next((array.shape[1] for array in self._arrays.values()), 0)

    @property
    def seconds(self) -> float:
        """Length in seconds."""
        return self.samples / self.rate

    def save(self, folder: str | os.PathLike[str], format: str = "flac") -> list[Path]:
        """Write `<folder>/<stem>.<format>` and return the files.

        All formats but `wav` hold nothing above full scale: where a stem would clip, all are attenuated
        alike, with a warning.

        Args:
            folder: made if absent.
            format: `flac` or `wav24` (24 bits), `wav` (the floats as they are), or `mp3` (320 kbit/s,
                at 44.1 kHz only).

        Raises:
            ConfigError: another format, or an MP3 at another rate.
            OutputError: the folder cannot be written.
        """
        kind = checked_format(format)
        target = Path(folder).expanduser()
        with tempfile.TemporaryDirectory(prefix="stemwise-") as scratch:
            spool = Spool(Path(scratch), self._arrays)
            spool.add(np.stack(list(self._arrays.values())))
            gain = write_stems(dict.fromkeys(self._arrays, spool), target, kind, self.rate)
        if gain < 1:
            warnings.warn(
                f"The stems peak above full scale: all are attenuated to {100 * gain:.0f} % "
                "(format='wav' keeps them as they are).",
                stacklevel=2,
            )
        return [target / f"{stem}.{suffix(kind)}" for stem in self]

    def __repr__(self) -> str:
        made = f" by {self.recipe}" if self.recipe else ""
        return f"Stems({', '.join(self)}: {self.seconds:.1f} s at {self.rate} Hz{made})"

    def _repr_html_(self) -> str:
        """Show stems, levels and peaks as a table."""
        head = el("tr", *(el("th", name) for name in ("stem", "level, dBFS", "peak")))
        rows = [
            el(
                "tr",
                el("td", stem),
                el("td", f"{rms_dbfs(a):.1f}"),
                el("td", f"{np.abs(a).max():.2f}"),
            )
            for stem, a in self._arrays.items()
        ]
        return f"{el('p', repr(self))}{el('table', head, *rows)}"
