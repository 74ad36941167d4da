"""`precision=auto`: the fastest precision that agrees with float32 on a chunk of real audio."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from torch import Tensor

from stemwise.audio.raw import Signal
from stemwise.core.precision import FP32, Precision
from stemwise.models.tiling import Tile
from stemwise.separation.device.stopwatch import Stopwatch
from stemwise.separation.overlap_add import PLAIN, read_tile

# SNR that a precision must reach against float32, all stems of a chunk together: its errors are then
# fifty decibels below those that the best separators make.
AGREEMENT_DB = 60.0
# RMS of a chunk (-60 dBFS) below which it says nothing of music.
_SILENCE = 1e-3
_GAIN = 0.95  # of float32's time; less is not worth another arithmetic, and may be noise


@dataclass(frozen=True)
class Trial:
    """A precision on the chunk: milliseconds of a pass, and SNR in dB against float32.

    The SNR is None where the output is not finite, as float16 can overflow.
    """

    precision: Precision
    milliseconds: float
    agreement_db: float | None

    @property
    def agrees(self) -> bool:
        """Whether its output is near enough to that of float32."""
        return self.agreement_db is not None and self.agreement_db >= AGREEMENT_DB


@dataclass(frozen=True)
class Decision:
    """The precision of a model on a kind of device, and how it was found."""

    precision: Precision
    trials: tuple[Trial, ...] = ()


def decide(
    run: Callable[[Precision], Tensor],
    precisions: Iterable[Precision],
    kept: slice,
    timed: Stopwatch,
) -> Decision:
    """Return the fastest precision that agrees with float32.

    Args:
        run: runs the chunk in a precision, to `(batch, stems, channels, samples)`; all of a batch are
            equal, and the first is compared.
        precisions: those of the device; float32 is among them.
        kept: the samples of the chunk that are kept.
        timed: the device's stopwatch.
    """

    def part(made: Tensor) -> Tensor:
        return made[0, ..., kept].double()

    made, milliseconds = timed(lambda: run(FP32))
    reference = part(made)
    trials = [Trial(FP32, milliseconds, math.inf)]
    for precision in precisions:
        if precision != FP32:
            made, milliseconds = timed(lambda p=precision: run(p))  # type: ignore[misc]
            trials.append(Trial(precision, milliseconds, agreement(reference, part(made))))
    fastest = min((t for t in trials if t.agrees), key=lambda t: t.milliseconds)
    gains = fastest.milliseconds < _GAIN * trials[0].milliseconds
    return Decision(fastest.precision if gains else FP32, tuple(trials))


def agreement(reference: Tensor, found: Tensor) -> float | None:
    """Return the SNR in dB, 10·log10(‖x‖² / ‖x − x̂‖²); None where `found` is not finite."""
    error = float((reference - found).square().sum())
    energy = float(reference.square().sum())
    if not math.isfinite(error):
        return None
    if error == 0:
        return math.inf
    return 10 * math.log10(energy / error) if energy > 0 else -math.inf


def first_with_sound(track: Signal, tiles: Iterator[Tile]) -> Tile | None:
    """Return the first tile whose kept part is louder than -60 dBFS (RMS), None where there is none."""
    for tile in tiles:
        kept = read_tile(track, tile, PLAIN)[..., tile.kept]
        if float(kept.square().mean().sqrt()) > _SILENCE:
            return tile
    return None
