"""A figure of a run's report, which shows itself in a notebook."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from stemwise.core.errors import ConfigError, OutputError


@dataclass(frozen=True)
class Figure:
    """A figure as the report has it.

    Attributes:
        name: of the figure.
        svg: as SVG, with its text as text.
        png: as PNG, 160 dots per inch.
    """

    name: str
    svg: str
    png: bytes

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the figure as `.svg` or `.png` and return the path.

        Raises:
            ConfigError: another suffix.
            OutputError: the file cannot be written.
        """
        target = Path(path).expanduser()
        contents = {".svg": self.svg.encode(), ".png": self.png}
        if target.suffix.lower() not in contents:
            raise ConfigError(f"{target} is neither .svg nor .png: name one of these.")
        try:
            target.write_bytes(contents[target.suffix.lower()])
        except OSError as error:
            raise OutputError(f"{target} cannot be written ({error.strerror or error}).") from error
        return target

    def _repr_png_(self) -> bytes:
        return self.png

    def __repr__(self) -> str:
        return f"Figure({self.name!r})"
