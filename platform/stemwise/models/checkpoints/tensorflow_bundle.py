"""Variables of a TensorFlow checkpoint, read without TensorFlow from the archive it is published in.

A checkpoint ("tensor bundle") is two files. `NAME.index` is a sorted table in LevelDB's format: blocks
of keys (each without the prefix that it shares with the one before) and values, an index of the blocks,
and a footer. The values are protocol buffers that say where in `NAME.data-00000-of-00001` a variable
lies, its type and shape. Nothing of it can carry code.
"""

from __future__ import annotations

import lzma
import struct
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

import numpy as np
import numpy.typing as npt

from stemwise.core.errors import CheckpointError

Variables = dict[str, npt.NDArray[np.float32]]
_MAGIC, _FOOTER = 0xDB4775248B80FB57, 48
_DATA, _INDEX = ".data-00000-of-00001", ".index"
_FLOAT = 1  # of TensorFlow's types
_MOST = 1 << 30  # bytes of a file in the archive that are unpacked
_BROKEN = (
    tarfile.TarError,
    zlib.error,
    lzma.LZMAError,
    ArithmeticError,
    EOFError,
    LookupError,
    OSError,
    ValueError,
    struct.error,
)


def load_variables(path: Path) -> Variables:
    """Return the float variables of the one checkpoint in a `.tar.gz`, by name.

    Raises:
        CheckpointError: another file, a cut one, or a checkpoint in several parts.
    """
    try:
        with tarfile.open(path) as archive:
            index, data = _member(archive, _INDEX), _member(archive, _DATA)
        return dict(_variables(index, data))
    except _BROKEN as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise CheckpointError(
            f"{path} is damaged or no archive of a TensorFlow checkpoint ({reason}): replace it with a "
            "complete copy."
        ) from error


def _member(archive: tarfile.TarFile, suffix: str) -> bytes:
    """Return the one file of that ending; archives of a Mac hold shadows whose names begin with ._"""
    found = [
        member
        for member in archive.getmembers()
        if member.isfile()
        and member.name.endswith(suffix)
        and not PurePosixPath(member.name).name.startswith("._")
    ]
    if len(found) != 1:
        raise ValueError(f"it holds {len(found)} files that end in {suffix}, not one")
    if found[0].size > _MOST:
        raise ValueError(f"{found[0].name} is larger than {_MOST} bytes")
    file: IO[bytes] | None = archive.extractfile(found[0])
    return b"" if file is None else file.read()


def _variables(index: bytes, data: bytes) -> Iterator[tuple[str, npt.NDArray[np.float32]]]:
    for key, value in _table(index):
        if not key:  # the header
            continue
        entry = dict(_fields(value))
        if entry.get(1) != _FLOAT:
            continue  # counters of the training
        shape = tuple(int(dict(_fields(dim)).get(1, 0)) for dim in _repeated(entry.get(2, b""), 2))
        offset, size = int(entry.get(4, 0)), int(entry.get(5, 0))
        if size != 4 * int(np.prod(shape, dtype=np.int64)) or offset + size > len(data):
            raise ValueError(f"{key.decode()} does not lie in the data file")
        values = np.frombuffer(data, "<f4", size // 4, offset)
        yield key.decode(), values.reshape(shape).astype(np.float32)


def _table(index: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield all keys and values of a sorted table."""
    footer = index[-_FOOTER:]
    if len(footer) < _FOOTER or struct.unpack("<Q", footer[-8:])[0] != _MAGIC:
        raise ValueError("its index is no table")
    _, place = _handle(footer, 0)  # of the metadata
    root, _ = _handle(footer, place)
    for _, value in _block(index, *root):
        yield from _block(index, *_handle(value, 0)[0])


def _handle(buffer: bytes, place: int) -> tuple[tuple[int, int], int]:
    offset, place = _varint(buffer, place)
    size, place = _varint(buffer, place)
    return (offset, size), place


def _block(index: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    if index[offset + size] != 0:
        raise ValueError("its index is compressed, which TensorFlow does not do")
    block = index[offset : offset + size]
    restarts = struct.unpack("<I", block[-4:])[0]
    end, place, key = len(block) - 4 * (restarts + 1), 0, b""
    while place < end:
        shared, place = _varint(block, place)
        fresh, place = _varint(block, place)
        length, place = _varint(block, place)
        key = key[:shared] + block[place : place + fresh]
        place += fresh
        yield key, block[place : place + length]
        place += length


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield number and value of a protocol buffer's fields."""
    place = 0
    while place < len(message):
        tag, place = _varint(message, place)
        kind = tag & 7
        value: int | bytes
        if kind == 0:
            value, place = _varint(message, place)
        elif kind in (1, 5):
            width = 8 if kind == 1 else 4
            value, place = message[place : place + width], place + width
        elif kind == 2:
            length, place = _varint(message, place)
            value, place = message[place : place + length], place + length
        else:
            raise ValueError("its index holds no protocol buffers")
        yield tag >> 3, value


def _repeated(message: int | bytes, number: int) -> list[bytes]:
    fields = _fields(message) if isinstance(message, bytes) else iter(())
    return [value for key, value in fields if key == number and isinstance(value, bytes)]


def _varint(buffer: bytes, place: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = buffer[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return value, place
        if shift > 63:
            raise ValueError("its index holds a number of more than 64 bits")
