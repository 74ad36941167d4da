"""Who is making an entry of the estimate store, so that runs that share it do not make it twice.

Of a local store, a claim is a lock of the system on `<root>/.claim-<key>`, which the death of its holder
frees. Of a remote one it is a lease (`lease.py`): an object below `<root>/.claims/<key>` that the holder
renews, and that others take over once it stands still.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, TypeVar

from stemwise.core.places import Place, is_local
from stemwise.storage.lease import HeldError, Lease, Pace

if TYPE_CHECKING:
    from upath import UPath

T = TypeVar("T")
_LOOK_S = 0.2


class Claim:
    """A key that is ours to make, until `release`."""

    def __init__(self, release: Callable[[], None]) -> None:
        self._release = release

    def release(self, when: Callable[[], bool] = lambda: True) -> None:
        """Leave the key to others: now, or as soon as something is the case."""
        if when():
            self._release()
            return
        Thread(target=self._wait, args=(when,), daemon=True).start()

    def _wait(self, when: Callable[[], bool]) -> None:
        while not when():
            time.sleep(_LOOK_S)
        self._release()


class Claims:
    """The claims on a store's keys.

    Args:
        root: of the store.
        pace: intervals of the leases of a remote one.
    """

    def __init__(self, root: Place, pace: Pace | None = None) -> None:
        self._root, self._pace = root, pace

    def take(self, key: str) -> Claim | None:
        """Claim a key; None where somebody else is making it now.

        Raises:
            OSError: the store cannot be written.
        """
        if is_local(self._root):
            return _locked(self._root / f".claim-{key}")
        lease = self._lease(key)
        return Claim(lease.release) if lease.take_free() else None

    def wait(self, key: str, made: Callable[[], T | None]) -> Claim | T:
        """Wait until a key can be claimed, or until somebody else has made what belongs to it.

        Args:
            key: of the entry.
            made: tells whether it is there.

        Raises:
            OSError: the store cannot be written.
        """
        while True:
            if (claim := self._take_from_the_dead(key)) is not None:
                return claim
            if (found := made()) is not None:
                return found
            time.sleep(_LOOK_S)

    def _take_from_the_dead(self, key: str) -> Claim | None:
        if is_local(self._root):
            return self.take(key)
        lease = self._lease(key)
        try:
            lease.take()
        except HeldError:
            return None
        return Claim(lease.release)

    def _lease(self, key: str) -> Lease:
        assert not is_local(self._root)
        folder: UPath = self._root / ".claims" / key
        # who was taken over, since he was not heard of, makes an equal entry: nothing is lost
        return Lease(folder, pace=self._pace, on_lost=lambda: None)


def _locked(path: Path) -> Claim | None:
    path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # its last holder may have removed it between the two lines above
        gone = path.stat().st_ino != os.fstat(file).st_ino
    except (BlockingIOError, FileNotFoundError):
        gone = True
    except BaseException:
        os.close(file)
        raise
    if gone:
        os.close(file)
        return None

    def release() -> None:
        path.unlink(missing_ok=True)
        os.close(file)

    return Claim(release)


@contextmanager
def claiming(claim: Claim, when: Callable[[], bool]) -> Iterator[None]:
    """Hold a claim while something is made; afterwards it is released as soon as `when` is the case."""
    try:
        yield
    except BaseException:
        claim.release()
        raise
    claim.release(when)
