"""The built web page: its files by exact name, from memory."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

INDEX = "index.html"
# Every file that may be asked for, with its media type. Names come from clients: they are looked up
# here and never become a path.
_MEDIA_TYPES = {
    INDEX: "text/html; charset=utf-8",
    "assets/page.js": "text/javascript; charset=utf-8",
    "assets/page.css": "text/css; charset=utf-8",
    "assets/wavesurfer.js": "text/javascript; charset=utf-8",
    "assets/icon.svg": "image/svg+xml",
    "assets/licences.txt": "text/plain; charset=utf-8",
}


@dataclass(frozen=True)
class PageFile:
    """One file of the page. `etag` is a strong HTTP validator, with its quotes."""

    content: bytes
    media_type: str
    etag: str


@cache
def page_files() -> MappingProxyType[str, PageFile]:
    """Return all files of the page by name, as `index.html` and `assets/page.js`."""
    return MappingProxyType({name: _read(name, kind) for name, kind in _MEDIA_TYPES.items()})


def page_file(name: str) -> PageFile | None:
    """Return one file of the page, or None where `name` is no file of it."""
    return page_files().get(name)


def _read(name: str, media_type: str) -> PageFile:
    folder = files("stemwise.serving.page") / "built"
    content = folder.joinpath(*name.split("/")).read_bytes()
    return PageFile(content, media_type, f'"{hashlib.sha256(content).hexdigest()[:32]}"')
