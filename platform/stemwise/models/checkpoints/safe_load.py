"""Opening files of weights without running what they carry.

Every file goes through torch's weights-only unpickler with an explicit allow-list: a pickle can
name any function of the system, and a stranger's checkpoint must not. Nothing here falls back to
the unsafe loader.
"""

from __future__ import annotations

import pickle
import pickletools
import re
import struct
import threading
import warnings
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, cast

from stemwise.core.errors import CheckpointError

Allowed = Callable[..., Any] | tuple[Callable[..., Any], str]

# What torch's unpickler and zip reader raise on bytes that are no checkpoint.
_BROKEN = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    struct.error,
    pickle.UnpicklingError,
)
_REFUSED = re.compile(r"GLOBAL (\S+) (?:was not an allowed|whose module)")
_REDUCED = re.compile(
    r"Trying to call reduce for unrecognized function (.+?)(?: which belongs|$)", re.M
)
# What a Demucs package is an instance of; other loaders do not allow it.
_DEMUCS = re.compile(r"demucs\.(demucs\.Demucs|hdemucs\.HDemucs|htdemucs\.HTDemucs)")
# What quantised Demucs packages name; allowed where the package diffq is installed.
_QUANTISED = re.compile(r"diffq\..+")
# torch keeps its allow-list in a global, so two threads must not edit it at once.
_LOCK = threading.Lock()


def load(path: Path, allow: Iterable[Allowed] = ()) -> object:
    """Return the content of a checkpoint on the CPU; `.safetensors` files need no allow-list.

    `allow` names the classes and functions that the pickle may use besides torch's own, each either
    as it is or with the full name under which older pickles know it.

    Raises:
        CheckpointError: unreadable, cut, not a checkpoint, or it asks for what is not allowed.
    """
    path = Path(path)
    head = _head(path)
    if looks_like_html(head):
        raise CheckpointError(
            f"{path} looks like an HTML page, the download was intercepted: "
            "delete it and fetch it again."
        )
    try:
        if path.suffix.lower() == ".safetensors":
            return _load_safetensors(path)
        return _load_torch(path, list(allow))
    except _BROKEN as error:
        raise _explain(path, head, error) from error


def numpy_globals() -> list[Allowed]:
    """Return what pickles of numeric numpy arrays use, under its old and its new name.

    Without `numpy.dtypes.ObjectDType`: arrays of numbers only.
    """
    import numpy as np

    # Found through an array, since naming numpy.core.multiarray warns and its new home is private.
    rebuild = cast("Callable[..., Any]", np.empty(0).__reduce__()[0])
    modules = ("numpy.core.multiarray", "numpy._core.multiarray")
    names: list[Allowed] = [(rebuild, f"{module}._reconstruct") for module in modules]
    kinds = [type(np.dtype(code)) for code in "?bhilqBHILQefdFD"]
    return [*names, np.ndarray, np.dtype, *dict.fromkeys(kinds)]


def looks_like_html(head: bytes) -> bool:
    """Tell an error or login page saved under a checkpoint's name by its first bytes."""
    text = head[:64].removeprefix(b"\xef\xbb\xbf").lstrip()
    # A safetensors file may begin with "<" too, but its length field brings zeros.
    return text.startswith(b"<") and b"\0" not in text


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            head = file.read(64)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read ({error.strerror}).") from error
    if not head:
        raise CheckpointError(f"{path} is empty: replace it with a complete copy.")
    return head


def _load_safetensors(path: Path) -> object:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path, device="cpu")
    except SafetensorError as error:
        raise ValueError(str(error)) from error


def _load_torch(path: Path, allow: list[Allowed]) -> object:
    import torch

    with _only(allow), warnings.catch_warnings():
        # Warnings about odd pickle protocols: such a file is refused below with a sentence.
        warnings.simplefilter("ignore", UserWarning)
        content: object = torch.load(path, map_location="cpu", weights_only=True)
    return content


def metadata(path: Path) -> dict[str, str]:
    """Return the metadata of a safetensors file that `load` has accepted."""
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        return dict(file.metadata() or {})


@contextmanager
def _only(allow: list[Allowed]) -> Iterator[None]:
    """Make `allow` torch's whole list of safe globals, without what other libraries added to it."""
    from torch import serialization

    with _LOCK:
        before = serialization.get_safe_globals()
        serialization.clear_safe_globals()
        try:
            with serialization.safe_globals(allow):
                yield
        finally:
            serialization.add_safe_globals(before)


def _explain(path: Path, head: bytes, error: Exception) -> CheckpointError:
    message = str(error)
    refused = _REFUSED.search(message) or _REDUCED.search(message)
    if refused is not None and _DEMUCS.fullmatch(refused.group(1)):
        return CheckpointError(
            f"{path} is a Demucs package (it names {refused.group(1)}), which this kind of model "
            "cannot use: choose a `base` of the Demucs family, such as demucs_package."
        )
    if refused is not None and _QUANTISED.fullmatch(refused.group(1)):
        return CheckpointError(
            f"{path} holds quantised weights, which need the package 'diffq': "
            "run `pip install 'stemwise[diffq]'`."
        )
    if refused is not None:
        return CheckpointError(
            f"{path} asks to run {refused.group(1)}, which is not among what a checkpoint of this "
            "kind may use: it was refused and nothing was executed, get the file from its author."
        )
    named = _first_global(path) if "Unsupported operand" in message else None
    if named is not None:
        return CheckpointError(
            f"{path} names {named} in a pickle protocol that cannot be opened safely: "
            "nothing was run, save it again with torch.save and its own protocol."
        )
    return CheckpointError(f"{path} {_damage(path, head, error)}")


def _damage(path: Path, head: bytes, error: Exception) -> str:
    if "TorchScript" in str(error):
        return "is a TorchScript program, not weights: take the checkpoint that it was made from."
    if head.startswith(b"PK") and not zipfile.is_zipfile(path):
        return "is truncated (its zip archive has no end): replace it with a complete copy."
    # torch wraps its unpickler's own words in advice that would not help here.
    reason = str(error).rpartition("WeightsUnpickler error:")[2].strip().partition("\n")[0]
    return (
        "is damaged or not a checkpoint of PyTorch or safetensors "
        f"({type(error).__name__}: {reason[:120].rstrip('.')}): replace it with a complete copy."
    )


def _first_global(path: Path) -> str | None:
    """Return the first function or class that the pickle names, by reading, not running it."""
    texts: list[str] = []
    with suppress(ValueError, OSError, zipfile.BadZipFile), _pickle_of(path) as file:
        for operation, argument, _ in pickletools.genops(file):
            if operation.name == "GLOBAL":
                return str(argument).replace(" ", ".")
            if operation.name == "STACK_GLOBAL":
                return ".".join(texts[-2:])
            if "UNICODE" in operation.name:
                texts.append(str(argument))
    return None


@contextmanager
def _pickle_of(path: Path) -> Iterator[IO[bytes]]:
    """Open the pickle inside a zip checkpoint, or the file itself where it is a bare pickle."""
    if not zipfile.is_zipfile(path):
        with path.open("rb") as file:
            yield file
        return
    with zipfile.ZipFile(path) as archive:
        name = next((name for name in archive.namelist() if name.endswith("data.pkl")), None)
        if name is None:
            raise zipfile.BadZipFile("no data.pkl")
        with archive.open(name) as member:
            yield member
