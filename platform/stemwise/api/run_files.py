"""The files of a finished run, on this machine: those of a remote run are fetched when first needed."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from pathlib import Path

from stemwise.core.errors import OutputError
from stemwise.core.places import Place, cause, fetch, files_below, is_local, name_of, sizes


class RunFiles:
    """A run's folder.

    Args:
        place: a folder or URI.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self._fetched: set[str] = set()
        if is_local(place):
            self.local = place
        else:
            scratch = tempfile.mkdtemp(prefix="stemwise-")
            self.local = Path(scratch) / name_of(place)
            weakref.finalize(self, shutil.rmtree, scratch, ignore_errors=True)

    def need(self, name: str) -> Path:
        """Return a file or folder of the run on this machine; it need not exist.

        Raises:
            OutputError: a remote one cannot be fetched.
        """
        if not is_local(self.place) and name not in self._fetched:
            try:
                self._fetch(name)
            except OSError as error:
                raise OutputError(
                    f"{self.place / name} cannot be read ({cause(error)}): check that it is there, the "
                    "credentials and the connection."
                ) from error
            self._fetched.add(name)
        return self.local / name

    def names(self, folder: str) -> list[str]:
        """Return the names of the folders in a folder of the run, sorted."""
        if is_local(self.place):
            there = self.local / folder
            found = {item.name for item in there.iterdir()} if there.is_dir() else set()
        else:
            found = {name.partition("/")[0] for name in files_below(self.place / folder)}
        return sorted(found)

    def forget(self) -> None:
        """Fetch anew what is needed after this."""
        self._fetched.clear()
        if not is_local(self.place):
            shutil.rmtree(self.local, ignore_errors=True)

    def _fetch(self, name: str) -> None:
        assert not is_local(self.place)
        found = {f"{name}/{b}": self.place / name / b for b in files_below(self.place / name)}
        above, _, last = name.rpartition("/")
        if not found and last in sizes(self.place / above if above else self.place):
            found = {name: self.place / name}
        for below, where in found.items():
            target = self.local / below
            target.parent.mkdir(parents=True, exist_ok=True)
            fetch(where, target)
