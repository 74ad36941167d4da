"""What MSST and demucs do with a whole track, written plainly or called, to compare with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from demucs.apply import apply_model
from demucs.states import load_model
from torch import Tensor, nn
from torch.nn import functional

Forward = Callable[[Tensor], Tensor]


def msst_demix(forward: Forward, mix: Tensor, chunk: int, num_overlap: int) -> Tensor:
    """Separate `(channels, n)` with one chunk per batch, all in memory, as MSST does."""
    step, fade, length = chunk // num_overlap, chunk // 10, mix.shape[1]
    border = chunk - step
    extended = length > 2 * border and border > 0
    if extended:
        mix = functional.pad(mix[None], (border, border), mode="reflect")[0]
    total, weights = torch.zeros(1), torch.zeros(mix.shape[1])
    position = 0
    while position < mix.shape[1]:
        part = mix[:, position : position + chunk]
        held = part.shape[1]
        mode = "reflect" if held > chunk // 2 else "constant"
        part = functional.pad(part[None], (0, chunk - held), mode=mode)
        window = torch.ones(chunk)
        window[:fade] *= torch.linspace(0, 1, fade)
        window[-fade:] *= torch.linspace(1, 0, fade)
        if position == 0:
            window[:fade] = 1
        elif position + step >= mix.shape[1]:
            window[-fade:] = 1
        # a network of one stem leaves the stem axis out
        out = forward(part).reshape(-1, *part.shape[1:])[..., :held]
        if position == 0:
            total = torch.zeros(len(out), *mix.shape)
        here = slice(position, position + held)
        total[..., here] += out * window[:held]
        weights[here] += window[:held]
        position += step
    out = total / weights
    return out[..., border:-border] if extended else out


def msst_separate(
    forward: Forward, mixture: np.ndarray, chunk: int, num_overlap: int, normalize: bool
) -> Tensor:
    """Separate a track as MSST's inference script does, in float64 outside of the network."""
    track = mixture.astype(np.float64)
    mono = track.mean(0)
    # its deviation is the biased one and has no epsilon
    mean, deviation = (mono.mean(), mono.std()) if normalize else (0.0, 1.0)
    scaled = torch.from_numpy((track - mean) / deviation).float()
    with torch.inference_mode():
        return msst_demix(forward, scaled, chunk, num_overlap) * deviation + mean


def demucs_separate(path: Path, mixture: np.ndarray, segment: float | None = None) -> Tensor:
    """Return what `demucs.api.Separator(shifts=0)` computes with the package at `path`."""
    network = load_model(torch.load(path, weights_only=False)).eval()
    return demucs_apply(network, mixture, segment)


def demucs_apply(
    network: nn.Module,
    mixture: np.ndarray,
    segment: float | None = None,
    device: torch.device | None = None,
) -> Tensor:
    """Do the same with a loaded network, which may lie on another device than the CPU."""
    wav = torch.from_numpy(mixture.copy())
    ref = wav.mean(0)
    wav = (wav - ref.mean()) / (ref.std() + 1e-8)
    out = apply_model(network, wav[None], shifts=0, overlap=0.25, segment=segment, device=device)[0]
    return out.cpu() * (ref.std() + 1e-8) + ref.mean()


def off_centre_noise(length: int, seed: int = 0) -> np.ndarray:
    """Loud on the left, off centre: so that channels, mean and deviation all matter."""
    random = np.random.default_rng(seed)
    return (random.normal(size=(2, length)) * [[0.3], [0.1]] + 0.05).astype(np.float32)
