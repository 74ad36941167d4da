"""Passes that shrink where the memory of the device does not suffice."""

from __future__ import annotations

import logging
from collections.abc import Callable

import torch
from torch import Tensor

from stemwise.core.errors import DeviceMemoryError

_LOG = logging.getLogger(__name__)
# How the RuntimeErrors of CUDA's libraries, MPS and the CPU's allocator call it, in lower case.
_SIGNS = ("out of memory", "alloc_failed", "can't allocate memory")


class Halving:
    """Runs a model in passes of at most `limit` chunks; out of memory halves the limit for good.

    Args:
        forward: `(batch, channels, samples)` → `(batch, stems, channels, samples)`.
        limit: most chunks of a pass; None leaves them as they come until memory ends.
    """

    def __init__(self, forward: Callable[[Tensor], Tensor], limit: int | None = None) -> None:
        self._forward, self.limit = forward, limit

    def __call__(self, chunks: Tensor) -> Tensor:
        """Return the output of `chunks`, in one pass or several.

        Raises:
            DeviceMemoryError: there is no room for one chunk.
        """
        parts, done = [], 0
        while done < len(chunks):
            part = chunks[done : done + (self.limit or len(chunks))]
            made = self._run(part)
            # no error object is kept: its traceback would hold the tensors that must be freed
            if isinstance(made, str):
                self._halve(len(part), made, chunks.device)
                continue
            parts.append(made)
            done += len(part)
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _run(self, chunks: Tensor) -> Tensor | str:
        """Return the output of one pass, or the reason why memory did not suffice."""
        try:
            return self._forward(chunks)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            return _first_line(error)

    def _halve(self, size: int, reason: str, device: torch.device) -> None:
        free(device)
        if size == 1:
            raise too_small(device, reason)
        self.limit = size // 2
        _LOG.warning("%d chunks do not fit %s (%s): now %d.", size, device, reason, self.limit)


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error of PyTorch says that a device's memory does not suffice."""
    if isinstance(error, torch.OutOfMemoryError):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(sign in text for sign in _SIGNS)


def too_small(device: torch.device, error: BaseException | str) -> DeviceMemoryError:
    """Return the error that says so, with the way out."""
    reason = (error if isinstance(error, str) else _first_line(error)).rstrip(".")
    return DeviceMemoryError(
        f"The memory of {device} does not hold this model and one chunk ({reason}): run fewer "
        "models at a time there, or take device=cpu or a larger GPU."
    )


def free(device: torch.device) -> None:
    """Give what PyTorch keeps for later back to the device."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
    elif device.type == "mps":
        torch.mps.empty_cache()


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]
