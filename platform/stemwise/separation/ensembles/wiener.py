"""Wiener estimates without a parameter: the mixture, masked by the models' own magnitudes.

Stem s of what was heard, X, is P_s / Σ_r P_r · X in the short-time Fourier domain, where P_s is the mean
of |X̂_s|² over the models that make s, each channel for itself (Liutkus and Badeau, "Generalized Wiener
filtering with fractional power spectrograms", ICASSP 2015, with α = 2). It keeps the phase of X, and its
stems add up to X.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch

from stemwise.audio.raw import Signal
from stemwise.core.errors import ModelError
from stemwise.core.types import Audio

# 93 ms; with a Hann window before and after, every sample's weights add up to 1.5
LENGTH, HOP = 4096, 1024
_SUM = 1.5
_BLOCK = 64 * HOP  # of output: what a handful of spectrograms of it take stays below 100 MB


def wiener(
    heard: Signal, estimates: Mapping[str, Sequence[Signal]], block: int = _BLOCK
) -> Iterator[Audio]:
    """Yield consecutive stretches `(stems, channels, n)` of all stems, in the order of `estimates`.

    Frames lie where they lie in the whole track, so stretches do not depend on `block`.

    Args:
        heard: the mixture, or the parent that the models heard, `(channels, samples)`.
        estimates: each stem's estimates by the models that make it, of the same shape.
        block: samples of a stretch, at least one hop.

    Raises:
        ModelError: an estimate of another length.
    """
    for stem, signals in estimates.items():
        if any(signal.shape[1] != heard.shape[1] for signal in signals) or not signals:
            raise ModelError(f"The estimates of {stem} are not as long as what their models heard.")
    window = torch.hann_window(LENGTH, dtype=torch.float32)
    block = max(1, block // HOP) * HOP
    for start in range(0, heard.shape[1], block):
        stop = min(start + block, heard.shape[1])
        yield _stretch(heard, estimates, start, stop, window)


def _stretch(
    heard: Signal,
    estimates: Mapping[str, Sequence[Signal]],
    start: int,
    stop: int,
    window: torch.Tensor,
) -> Audio:
    powers = torch.stack(
        [
            sum(
                (_powers(signal, start, stop, window) for signal in own[1:]),
                _powers(own[0], start, stop, window),
            )
            / len(own)
            for own in estimates.values()
        ]
    )
    total = powers.sum(dim=0)
    # where no model hears anything, the stems share what there is
    masks = torch.where(total > 0, powers / total, 1 / len(powers))
    spectrum = _frames(heard, start, stop, window)
    return np.stack([_overlapped(spectrum * mask, stop - start, window) for mask in masks])


def _powers(signal: Signal, start: int, stop: int, window: torch.Tensor) -> torch.Tensor:
    spectra = _frames(signal, start, stop, window)
    return spectra.real.square().addcmul_(spectra.imag, spectra.imag)


def _frames(signal: Signal, start: int, stop: int, window: torch.Tensor) -> torch.Tensor:
    """Return the spectra `(channels, frames, bins)` of all frames that reach into [start, stop)."""
    # frame j of the track covers (j + 1)·HOP − LENGTH … (j + 1)·HOP − 1
    count = -(-(stop - start) // HOP) + LENGTH // HOP - 1
    first = start + HOP - LENGTH
    padded = np.zeros((signal.shape[0], (count - 1) * HOP + LENGTH), np.float32)
    inside = np.asarray(signal[:, max(0, first) : max(0, first) + padded.shape[1]], np.float32)
    inside = inside[:, : padded.shape[1] - (max(0, first) - first)]
    padded[:, max(0, first) - first :][:, : inside.shape[1]] = inside
    frames = torch.from_numpy(padded).unfold(1, LENGTH, HOP)
    spectra: torch.Tensor = torch.fft.rfft(frames * window)
    return spectra


def _overlapped(spectrum: torch.Tensor, samples: int, window: torch.Tensor) -> Audio:
    """Return the `samples` `(channels, samples)` that the frames of `_frames` add up to."""
    frames = torch.fft.irfft(spectrum, LENGTH) * (window / _SUM)
    channels, count = frames.shape[:2]
    parts = LENGTH // HOP
    total = torch.zeros(channels, count + parts - 1, HOP)
    for part in range(parts):
        total[:, part : part + count] += frames[..., part * HOP : (part + 1) * HOP]
    whole: Audio = total[:, parts - 1 :].reshape(channels, -1)[:, :samples].numpy()
    return whole
