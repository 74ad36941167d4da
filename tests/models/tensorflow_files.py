"""TensorFlow checkpoints in archives, written without TensorFlow in its format (tensor_bundle.cc)."""

from __future__ import annotations

import io
import struct
import tarfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

MAGIC = 0xDB4775248B80FB57


def archive(path: Path, variables: Mapping[str, np.ndarray], per_block: int = 7) -> Path:
    """Write what `tf.train.Saver` and `tar` make of these variables."""
    index, data = bundle(variables, per_block)
    files = {
        "./checkpoint": b'model_checkpoint_path: "model"\n',
        "./._model.index": b"a Mac's shadow",
        "./model.data-00000-of-00001": data,
        "./model.index": index,
        "./model.meta": b"a graph",
    }
    with tarfile.open(path, "w:gz", compresslevel=1) as made:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            made.addfile(member, io.BytesIO(content))
    return path


def bundle(variables: Mapping[str, np.ndarray], per_block: int) -> tuple[bytes, bytes]:
    """Return index and data file."""
    entries, data = [(b"", field(1, 1) + field(3, field(1, 1)))], b""
    for name in sorted(variables):
        value = np.asarray(variables[name])
        content, kind = value.tobytes(), 1 if value.dtype == np.float32 else 9
        dims = b"".join(field(2, field(1, size) if size else b"") for size in value.shape)
        entry = field(1, kind) + field(2, dims) + (field(4, len(data)) if data else b"")
        entry += field(5, len(content)) + varint(6 << 3 | 5) + struct.pack("<I", 0)
        entries.append((name.encode(), entry))
        data += content
    return table(entries, per_block), data


def table(entries: list[tuple[bytes, bytes]], per_block: int) -> bytes:
    """Return a sorted table with blocks of so many entries."""
    out, places = b"", []
    for start in range(0, len(entries), per_block):
        part = block(entries[start : start + per_block])
        places.append((entries[min(start + per_block, len(entries)) - 1][0], handle(out, part)))
        out += part + b"\0" + bytes(4)
    meta, root = block([]), block(places)
    footer = handle(out, meta)
    out += meta + b"\0" + bytes(4)
    footer += handle(out, root)
    out += root + b"\0" + bytes(4)
    return out + footer.ljust(40, b"\0") + struct.pack("<Q", MAGIC)


def block(entries: list[tuple[bytes, bytes]], every: int = 3) -> bytes:
    """Return entries without shared prefixes, which begin anew at restart points."""
    out, restarts, before = b"", [], b""
    for number, (key, value) in enumerate(entries):
        shared = 0
        if number % every == 0:
            restarts.append(len(out))
        else:
            while shared < min(len(before), len(key)) and before[shared] == key[shared]:
                shared += 1
        out += (
            varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        )
        before = key
    restarts = restarts or [0]
    return out + struct.pack(f"<{len(restarts) + 1}I", *restarts, len(restarts))


def handle(before: bytes, part: bytes) -> bytes:
    return varint(len(before)) + varint(len(part))


def field(number: int, value: int | bytes) -> bytes:
    """Return a field of a protocol buffer."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def varint(value: int) -> bytes:
    out = b""
    while value >= 128:
        out, value = out + bytes([value & 127 | 128]), value >> 7
    return out + bytes([value])
