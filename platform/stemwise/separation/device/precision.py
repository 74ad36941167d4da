"""A pass of a model in one precision; STFT and inverse STFT are float32 in all of them.

| precision | products are of |
|---|---|
| fp32 | IEEE float32, also the convolutions that PyTorch lets cuDNN round to TF32 by default |
| tf32 | TensorFloat-32 (10 bits of mantissa), sums and all else float32 |
| bf16, fp16 | bfloat16 or float16 where PyTorch's autocast takes them, all else float32 |
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_map

from stemwise.core.errors import DeviceError
from stemwise.core.precision import AUTO, FP32, Choice, Precision
from stemwise.separation.device.inverse_stft import inverse_stft

HALVES: dict[Precision, torch.dtype] = {"bf16": torch.bfloat16, "fp16": torch.float16}
_AMPERE = (8, 0)  # compute capability of the first GPUs with TF32 and bfloat16
# PyTorch's switches belong to the process; one pass at a time may set and use them.
_SWITCHES = threading.RLock()


@contextmanager
def computing(device: torch.device, precision: Precision) -> Iterator[None]:
    """Let what is inside compute in `precision` on `device`, and put PyTorch back as it was."""
    with ExitStack() as stack:
        if device.type == "cuda":
            stack.enter_context(switched("tf32" if precision == "tf32" else "ieee"))
            stack.enter_context(InversesThatDoNotWait())
        if precision in HALVES:
            # each weight is used once a pass, so there is nothing to gain from kept casts, and CUDA
            # graphs forbid them
            stack.enter_context(torch.autocast(device.type, HALVES[precision], cache_enabled=False))
            stack.enter_context(FloatSpectra(device.type))
        yield


@contextmanager
def switched(mode: str) -> Iterator[None]:
    """Switch the float32 products of cuBLAS and cuDNN to `ieee` or `tf32`."""
    backends: Any = torch.backends
    places = (backends.cuda.matmul, backends.cudnn.conv, backends.cudnn.rnn)
    with _SWITCHES:
        before = [place.fp32_precision for place in places]
        try:
            for place in places:
                place.fp32_precision = mode
            yield
        finally:
            for place, old in zip(places, before, strict=True):
                place.fp32_precision = old


class FloatSpectra(TorchFunctionMode):
    """Keeps Fourier transforms and complex numbers float32 inside of autocast.

    A network that transforms inside its forward would otherwise hand half-precision masks to
    `view_as_complex`, which makes complex halves of float16 and takes no bfloat16 on a GPU.
    """

    def __init__(self, device: str) -> None:
        super().__init__()
        self._device = device

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run `func`, one of `_SPECTRAL` on float32 tensors and outside of autocast."""
        if func not in _SPECTRAL:
            return func(*args, **(kwargs or {}))
        wide_args, wide_kwargs = tree_map(_widened, (tuple(args), dict(kwargs or {})))
        with torch.autocast(self._device, enabled=False):
            return func(*wide_args, **wide_kwargs)


class InversesThatDoNotWait(TorchFunctionMode):
    """Lets `inverse_stft` stand in for `torch.istft`, whoever calls it."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Run `func`, or ours in its place."""
        if func in (torch.istft, torch.Tensor.istft):
            return inverse_stft(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


_FFT = [getattr(torch.fft, name) for name in torch.fft.__all__]
_SPECTRAL = frozenset(
    [
        *(torch.stft, torch.istft, torch.Tensor.stft, torch.Tensor.istft),
        *(torch.view_as_complex, torch.complex, torch.polar),
        *(function for function in _FFT if callable(function)),
    ]
)


def _widened(value: Any) -> Any:
    halves = isinstance(value, Tensor) and value.dtype in HALVES.values()
    return value.float() if halves else value


def supported(device: torch.device) -> tuple[Precision, ...]:
    """Return the precisions in which a device computes."""
    if device.type == "cuda":
        return of_capability(torch.cuda.get_device_capability(device))
    return {"cpu": (FP32, "bf16"), "mps": (FP32, "fp16")}.get(device.type, (FP32,))  # type: ignore[return-value]


def of_capability(capability: tuple[int, int]) -> tuple[Precision, ...]:
    """Return the precisions of a CUDA GPU of a compute capability."""
    return (FP32, "tf32", "bf16", "fp16") if capability >= _AMPERE else (FP32, "fp16")


def check_supported(precision: Choice, device: torch.device) -> None:
    """Refuse a precision in which a device does not compute (DeviceError)."""
    known = supported(device)
    if precision != AUTO and precision not in known:
        raise DeviceError(
            f"precision={precision} is not for {device} here, which computes in "
            f"{', '.join(known)}: use precision=auto, or one of these."
        )
