"""How often a song has ended the process that worked on it, remembered beyond the end of a run.

`<output>/attempts/<track>.json` exists only while a song is in progress or once it killed a process.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace

from stemwise.core.errors import OutputError
from stemwise.core.places import Place, cause, read_bytes, remove
from stemwise.storage.disk import write_whole

# Attempts without a known end: their node was lost, or the run was stopped. They are seldom
# the song's fault, and yet a song must not be tried for ever.
MOST_UNFINISHED = 10


@dataclass(frozen=True)
class Attempts:
    """The attempts at one song.

    Attributes:
        path: the file.
        fingerprint: of the song and the run; attempts with another one do not count.
        reasons: why each attempt ended that is known to have ended the process.
        unfinished: attempts that began and of whose end nothing is known.
    """

    path: Place
    fingerprint: str
    reasons: Sequence[str] = ()
    unfinished: int = 0

    @property
    def count(self) -> int:
        """How many attempts have begun."""
        return len(self.reasons) + self.unfinished

    @classmethod
    def load(cls, folder: Place, track_id: str, fingerprint: str) -> Attempts:
        """Return what is remembered of a song: nothing, where the file is of another run."""
        path = folder / f"{track_id}.json"
        try:
            found = json.loads(read_bytes(path))
            if found["fingerprint"] == fingerprint:
                reasons = [str(reason) for reason in found["reasons"]]
                return cls(path, fingerprint, reasons, int(found["unfinished"]))
        except (OSError, ValueError, TypeError, LookupError):
            pass  # absent, or cut by the end of whoever wrote it: it only counts
        return cls(path, fingerprint)

    def begun(self) -> Attempts:
        """Remember that an attempt begins."""
        return replace(self, unfinished=self.unfinished + 1)._saved()

    def ended(self, reason: str) -> Attempts:
        """Remember why the attempt that began last has ended its process."""
        reasons = [*self.reasons, reason]
        return replace(self, reasons=reasons, unfinished=max(0, self.unfinished - 1))._saved()

    def excused(self) -> Attempts:
        """Take back the attempt that began last: something else ended the process."""
        return replace(self, unfinished=max(0, self.unfinished - 1))._saved()

    def forget(self) -> None:
        """Forget all attempts: the song is finished."""
        try:
            remove(self.path)
        except OSError as error:
            raise self._unwritable(error) from error

    def given_up(self, most: int) -> str | None:
        """Return why the song is given up after `most` attempts; None where it may be tried."""
        if len(self.reasons) >= most:
            times = "once" if most == 1 else f"{len(self.reasons)} times"
            last = self.reasons[-1]
            return f"Given up: this song ended its process {times}, most recently because {last}."
        if self.unfinished >= MOST_UNFINISHED:
            return (
                f"Given up: {self.unfinished} attempts at this song were cut off (a lost node, a "
                "stopped run, or too little memory)."
            )
        return None

    def _saved(self) -> Attempts:
        content = {
            "fingerprint": self.fingerprint,
            "reasons": list(self.reasons),
            "unfinished": self.unfinished,
        }
        try:
            write_whole(self.path, json.dumps(content))
        except OSError as error:
            raise self._unwritable(error) from error
        return self

    def _unwritable(self, error: OSError) -> OutputError:
        return OutputError(
            f"{self.path} cannot be written ({cause(error)}): choose another output= "
            "folder or make room."
        )
