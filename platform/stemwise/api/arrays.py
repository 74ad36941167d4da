"""Audio as people hold it in notebooks: files, numpy arrays and torch tensors, by one rule."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from stemwise.audio.decoding import MAX_PEAK, Decoded
from stemwise.core.errors import AudioError, ConfigError
from stemwise.core.types import CHANNELS

if TYPE_CHECKING:
    import torch

AudioFile: TypeAlias = "str | os.PathLike[str]"
# a file, or floats of shape (samples,), (1, samples) or (2, samples)
AudioLike: TypeAlias = "AudioFile | npt.NDArray[np.floating[Any]] | torch.Tensor"

_MOST_HZ = 768_000


def is_file(audio: object) -> bool:
    """Tell whether audio is named by a path or URI."""
    return isinstance(audio, str | os.PathLike)


def check_rate(rate: Any, what: str = "audio") -> int:
    """Return the sample rate of an array in Hz (ConfigError where there is none, or it is no rate)."""
    if rate is None:
        raise ConfigError(
            f"rate= is not set: give the sample rate of {what} in Hz, for example rate=44100."
        )
    number = isinstance(rate, int | float | np.integer) and not isinstance(rate, bool)
    if not number or not 1 <= rate <= _MOST_HZ or rate != int(rate):
        raise ConfigError(f"rate={rate} is not usable: give a whole number of Hz up to {_MOST_HZ}.")
    return int(rate)


def decoded(audio: object, rate: object, what: str = "audio") -> Decoded:
    """Return an array or tensor as `(channels, samples)` float32 with its rate.

    Args:
        audio: floats of shape `(samples,)`, `(1, samples)` or `(2, samples)`; 1.0 is full scale.
        rate: in Hz.
        what: it is called in messages.

    Raises:
        ConfigError: another shape or type, or no rate.
        AudioError: no samples, NaN or infinity, or values beyond any level.
    """
    hertz = check_rate(rate, what)
    samples = _numpy(audio, what)
    samples = _shaped(samples[None] if samples.ndim == 1 else samples, what)
    if not samples.shape[1]:
        raise AudioError(f"{what} holds no samples.")
    if bad := samples.size - int(np.count_nonzero(np.isfinite(samples))):
        raise AudioError(f"{what} holds {bad} samples that are NaN or infinite: replace them.")
    if (peak := float(np.abs(samples).max())) > MAX_PEAK:
        raise AudioError(
            f"{what} has a peak of {peak:.3g}, and full scale is 1: divide it (16-bit steps by 32768)."
        )
    return Decoded(np.ascontiguousarray(samples, dtype=np.float32), hertz)


def _numpy(audio: object, what: str) -> npt.NDArray[Any]:
    if type(audio).__module__.split(".")[0] == "torch" and hasattr(audio, "detach"):
        tensor = audio.detach().cpu()
        audio = (tensor.float() if tensor.is_floating_point() else tensor).numpy()
    if not hasattr(audio, "__array__"):
        raise ConfigError(
            f"{what} is a {type(audio).__name__}: give a path, a numpy array or a torch tensor."
        )
    samples = np.asarray(audio)
    if not np.issubdtype(samples.dtype, np.floating):
        how = f": divide it by {-np.iinfo(samples.dtype).min}" if samples.dtype.kind == "i" else ""
        raise ConfigError(
            f"{what} is of {samples.dtype}, but floats from -1 to 1 are expected{how}."
        )
    return samples


def _shaped(samples: npt.NDArray[Any], what: str) -> npt.NDArray[Any]:
    if samples.ndim == 2 and 1 <= samples.shape[0] <= CHANNELS:
        return samples
    hint = ""
    if samples.ndim == 2 and 1 <= samples.shape[1] <= CHANNELS:
        hint = ": give its transpose, audio.T"
    elif samples.ndim == 3 and samples.shape[0] == 1:
        hint = ": give audio[0]"
    elif samples.ndim == 2 and samples.shape[0] < 32:
        hint = ": mix it down to mono or stereo first"
    raise ConfigError(
        f"{what} has the shape {samples.shape}, but (samples,), (1, samples) or (2, samples) is "
        f"expected{hint}."
    )
