"""The inverse STFT that never waits for the device.

`torch.istft` looks at its window's sums on the CPU, which ends the capture of a CUDA graph and lets a
GPU wait for the CPU once a pass. This one leaves the look out: where no window reaches, it gives NaN.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def inverse_stft(
    input: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    normalized: bool = False,
    onesided: bool | None = None,
    length: int | None = None,
    return_complex: bool = False,
) -> Tensor:
    """Return what `torch.istft` returns of one-sided spectra `(…, bins, frames)`: `(…, samples)`.

    The frames' inverse transforms, times the window, are summed and divided by the sums of the squared
    window (Griffin & Lim 1984, eq. 6).

    Raises:
        NotImplementedError: spectra of complex signals.
    """
    if return_complex or onesided is False:
        raise NotImplementedError("The inverse STFT of complex signals.")
    hop, width = hop_length or n_fft // 4, win_length or n_fft
    if window is None:
        window = torch.ones(width, device=input.device, dtype=input.real.dtype)
    before = (n_fft - width) // 2
    window = functional.pad(window, (before, n_fft - width - before))
    norm = "ortho" if normalized else "backward"
    frames = torch.fft.irfft(input.reshape(-1, *input.shape[-2:]), n=n_fft, dim=-2, norm=norm)
    total = _summed(frames * window[:, None], hop)
    weights = _summed(window.square()[None, :, None].expand(1, n_fft, input.shape[-1]), hop)
    start = n_fft // 2 if center else 0
    stop = total.shape[-1] - start if length is None else min(start + length, total.shape[-1])
    made = total[:, start:stop] / weights[:, start:stop]
    if length is not None:
        made = functional.pad(made, (0, length - made.shape[-1]))
    return made.reshape(*input.shape[:-2], made.shape[-1])


def _summed(frames: Tensor, hop: int) -> Tensor:
    """Return the sums `(batch, samples)` of frames `(batch, n_fft, frames)` that begin every hop."""
    _, size, count = frames.shape
    whole = (1, size + hop * (count - 1))
    return functional.fold(frames, whole, (1, size), stride=(1, hop)).flatten(1)
