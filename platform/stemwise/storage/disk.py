"""What a disk has room for and lets us write; light, since the command line asks before it works."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path


def disk_free(path: Path) -> int:
    """Return the free bytes on the disk that holds `path` or its nearest existing parent."""
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free


def writable(folder: Path) -> bool:
    """Tell whether files can be made in `folder` (created if absent)."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=folder):
            return os.access(folder, os.W_OK)
    except OSError:
        return False


def write_whole(path: Path, text: str) -> None:
    """Write a text file beside `path` and move it there, so that readers never see half of it.

    Raises:
        OSError: the folder cannot be made or written.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
