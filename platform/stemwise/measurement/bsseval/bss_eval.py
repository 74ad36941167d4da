"""BSS Eval v4 of many models against one set of references: the numbers of `museval`, for less work.

Per stem j with reference s, estimate y and residual e = y − s, filters are fitted to e over the whole
track: w from the channels of s alone, q from those of all references, 512 taps from every channel to
every channel. (Fitting e, not y, subtracts the identity before rounding instead of after it.) With ∗
filtering a frame of a second that is silent outside, tail included, each frame has the ratios

    SDR = ‖s‖²/‖e‖²                          ISR = ‖s‖²/‖w∗x‖²
    SIR = ‖s + w∗x‖²/‖q∗x − w∗x‖²            SAR = ‖s + q∗x‖²/‖e − q∗x‖²

summed over channels (Vincent, Gribonval & Févotte 2006; version 4: Stöter, Liutkus & Ito 2018).
All but ‖s‖² and ‖e‖² are quadratic in the filters, with the frame's correlations as coefficients, so no
frame is filtered: the references are correlated once per track, the residuals with them in one pass per
model. Frames where rounding would show in that are filtered after all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from stemwise.core.errors import AudioError, ConfigError
from stemwise.core.types import SAMPLE_RATE, Audio
from stemwise.measurement.bsseval.energies import (
    ARTIFACTS,
    IMAGE,
    INTERFERENCE,
    MIXED,
    SPATIAL,
    ByFiltering,
    Filters,
    by_correlation,
    identity,
)
from stemwise.measurement.bsseval.frame_correlation import FrameCorrelator
from stemwise.measurement.bsseval.signals import Signals
from stemwise.measurement.bsseval.system import FilterSystem

TAPS = 512
# Up to it, museval was met to 2e-7 dB in trials; the difference grows with the condition number.
ILL_CONDITIONED = 1e10


@dataclass(frozen=True)
class StemFrames:
    """The ratios of one stem in dB, `(frames,)` each; NaN in all where any stem is silent."""

    sdr: npt.NDArray[np.float64]
    isr: npt.NDArray[np.float64]
    sir: npt.NDArray[np.float64]
    sar: npt.NDArray[np.float64]


class BssEval:
    """Scores estimates of one set of stems; the equations of the references are built once.

    Args:
        references: stem → `(channels, samples)`, float32 or float64; kept, not copied.
        window: samples per frame, and from frame to frame.
        device: torch device that computes; it must know float64.

    Attributes:
        condition: estimate of the condition number of the filters' equations (references scaled to unit
            energy); inf where they are singular up to rounding, NaN where no frame is defined.

    Raises:
        AudioError: references differ in shape, are empty, or hold NaN or infinity.
        ConfigError: `window` is shorter than the filters.
    """

    def __init__(
        self, references: Mapping[str, Audio], window: int = SAMPLE_RATE, device: str = "cpu"
    ) -> None:
        if window < TAPS:
            raise ConfigError(f"BSS Eval needs frames of at least {TAPS} samples, not {window}.")
        self._signals = signals = Signals(references, window, device)
        self.stems, self._shape = signals.names, next(iter(references.values())).shape
        self._rows, self._places = signals.distinct()
        self._correlator = FrameCorrelator(signals.window, TAPS)
        self._silent = [signals.is_silent(step) for step in range(signals.frames)]
        self.condition = math.nan
        if not all(self._silent):
            self._build()

    @property
    def problem(self) -> str | None:
        """A sentence about ill-conditioned references, or None where the numbers can be trusted."""
        if not self.condition > ILL_CONDITIONED:
            return None
        return (
            f"The references of {', '.join(self.stems)} lack a frequency band or depend on each "
            f"other (condition {self.condition:.0e}): museval's own ISR, SIR and SAR may differ."
        )

    def __call__(self, estimates: Mapping[str, Audio]) -> dict[str, StemFrames]:
        """Return stem → ratios per frame of one model.

        Args:
            estimates: the references' stems, in any order, `(channels, samples)` each.

        Raises:
            AudioError: a stem is missing, of another shape than its reference, or holds NaN or infinity.
        """
        ratios = np.full((4, self._signals.frames, len(self.stems)), math.nan)
        if not all(self._silent):
            self._score(self._checked(estimates), ratios)
        return {stem: StemFrames(*ratios[..., index]) for index, stem in enumerate(self.stems)}

    def _checked(self, estimates: Mapping[str, Audio]) -> Signals:
        for stem in self.stems:
            shape = estimates[stem].shape if stem in estimates else None
            if shape != self._shape:
                raise AudioError(
                    f"The estimate of {stem!r} has shape {shape} instead of its reference's "
                    f"{self._shape}: bring it to that length and layout."
                )
        ordered = {stem: estimates[stem] for stem in self.stems}
        return Signals(ordered, self._signals.window, self._signals.device)

    def _build(self) -> None:
        """Correlate the references; factorise the equations of all of them, and of each stem."""
        self._source: list[Tensor] = []

        def references(_: int, x: Tensor) -> Tensor:
            self._source.append(self._signals.energies(self._sources(x)))
            return x

        self._inside, total = self._correlate(references)
        self._all = FilterSystem(total)
        self.condition = self._all.condition
        width = self._signals.channels
        self._own = []
        for start in range(0, len(self._places), width):
            own = sorted({place for place in self._places[start : start + width] if place >= 0})
            self._own.append((own, FilterSystem(total[own][:, own])))

    def _score(self, found: Signals, ratios: npt.NDArray[np.float64]) -> None:
        """Fill in the ratios of frames in which no stem is silent, `(4, frames, stems)`."""
        frames = range(found.frames)
        silent = [self._silent[step] or found.is_silent(step) for step in frames]
        energies_of_residuals: list[Tensor] = []

        def residuals(step: int, x: Tensor) -> Tensor:
            e = found.read(step) - self._sources(x)
            energies_of_residuals.append(found.energies(e))
            return e

        cross, total = self._correlate(residuals)
        if not torch.isfinite(total).all():
            raise AudioError(
                f"An estimate of {', '.join(self.stems)} holds samples that are not finite numbers: "
                f"separate the track again."
            )
        filters = self._fit(total)
        residual = torch.stack(energies_of_residuals[: found.frames])
        energies, lost = by_correlation(filters, self._inside, cross, residual)
        self._filter(
            found, filters, energies, [step for step in frames if lost[step] and not silent[step]]
        )
        ratios[:] = _ratios(torch.stack(self._source[: found.frames]), residual, energies)
        ratios[:, silent] = math.nan

    def _filter(
        self, found: Signals, filters: Filters, energies: Tensor, steps: Sequence[int]
    ) -> None:
        """Replace the energies of the frames `steps` by those of filtering them."""
        if not steps:
            return
        exact = ByFiltering(filters, self._signals.window)
        for step in steps:
            x = self._signals.read(step, self._rows)
            s = self._sources(x)
            energies[:, step] = exact(x, s, found.read(step) - s)

    def _sources(self, x: Tensor) -> Tensor:
        """Return each stem's reference channels from the distinct ones; silent ones have place −1."""
        if self._places == list(range(len(x))):
            return x
        return torch.cat((x, torch.zeros_like(x[:1])))[self._places]

    def _correlate(self, left: Callable[[int, Tensor], Tensor]) -> tuple[Tensor, Tensor]:
        """Correlate signals with the distinct references, per scored frame and over the whole track.

        Args:
            left: returns a frame's signals, `(a, window)`, from its number and its references.

        Returns:
            `(frames, a, references, taps)` and `(a, references, taps)`.
        """
        signals, frames = self._signals, []
        before, total = torch.empty(0), torch.zeros(())
        for step in range(signals.steps):
            x = signals.read(step, self._rows)
            y = left(step, x)
            inside = self._correlator.inside(y, x)
            total = total.to(inside) + inside
            if step:
                total += self._correlator.across(y, before)
            if step < signals.frames:
                frames.append(inside)
            before = x[:, 1 - TAPS :]
        return torch.stack(frames), total

    def _fit(self, total: Tensor) -> Filters:
        """Fit the filters of one model's residuals, `(outputs, references, taps)`."""
        own, width = torch.zeros_like(total), self._signals.channels
        for stem, (places, system) in enumerate(self._own):
            outputs = slice(stem * width, (stem + 1) * width)
            own[outputs, places] = system.solve(total[outputs, places])
        unit = identity(self._places, len(self._rows), TAPS).to(total.device)
        return Filters(own, self._all.solve(total), unit, width)


def _ratios(source: Tensor, residual: Tensor, energies: Tensor) -> npt.NDArray[np.float64]:
    """Return the four ratios in dB, `(4, frames, stems)`; +inf for a denominator of 0, as museval."""
    above = torch.stack((source, source, energies[IMAGE], energies[MIXED]))
    below = torch.stack((residual, *energies[[SPATIAL, INTERFERENCE, ARTIFACTS]].clamp(min=0)))
    values = 10 * (above.clamp(min=0).log10() - below.log10())
    return values.masked_fill(below == 0, math.inf).cpu().numpy()
