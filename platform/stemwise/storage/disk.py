"""What a disk has room for and lets us write; light, since the command line asks before it works."""

from __future__ import annotations

import shutil
from pathlib import Path

from stemwise.core import places
from stemwise.core.places import Place, unwritable


def disk_free(path: Path) -> int:
    """Return the free bytes on the disk that holds `path` or its nearest existing parent."""
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free


def writable(folder: Place) -> bool:
    """Tell whether files can be made in `folder` (created if absent)."""
    return unwritable(folder) is None


def write_whole(path: Place, text: str) -> None:
    """Write a text file so that readers never see half of it.

    Raises:
        OSError: the folder cannot be made or written.
    """
    places.write_whole(path, text.encode("utf-8"))
