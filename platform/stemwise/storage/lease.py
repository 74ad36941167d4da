"""Holding a remote folder: an object that its owner renews, and that others take over if he does not.

Machines' clocks differ, so none is compared: the owner counts up, and whoever finds the object watches
by a clock of his own whether the count moves.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from errno import ENOSYS
from pathlib import Path
from typing import TYPE_CHECKING

from stemwise.core.errors import OutputError
from stemwise.core.places import cause, read_bytes, remove, write_whole

if TYPE_CHECKING:
    from upath import UPath

NAME = ".lock"


class HeldError(OutputError):
    """Somebody who is alive holds the folder."""


@dataclass(frozen=True)
class Pace:
    """How often a lease is renewed and looked at, in seconds.

    Attributes:
        beat_s: between renewals.
        watch_s: how long a lease must stand still to be taken over.
        look_s: between looks at one.
        settle_s: after which a lease that was taken must still be ours.
        warn_s: without a renewal before that is told.
    """

    beat_s: float = 10.0
    watch_s: float = 45.0
    look_s: float = 1.0
    settle_s: float = 1.0
    warn_s: float = 60.0


@dataclass(frozen=True)
class Holder:
    """Who holds a folder, as the object says."""

    host: str
    pid: int
    id: str
    beat: int = 0

    @classmethod
    def here(cls) -> Holder:
        """Return this process as a holder."""
        return cls(this_host(), os.getpid(), uuid.uuid4().hex)

    @property
    def ended(self) -> bool:
        """Whether it was a process of this machine that is no more."""
        if self.host != this_host():
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except OSError:  # it is another user's
            return False
        return False


def this_host() -> str:
    """Return what tells apart where process ids count: machine, its start, its group of processes."""
    marks = [socket.gethostname()]
    with suppress(OSError):  # not Linux
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
        marks += [boot.strip(), str(Path("/proc/self/ns/pid").readlink())]
    return " ".join(marks)


def interrupt_main() -> None:
    """Interrupt the main thread as Ctrl-C does, also while it waits for the system."""
    main = threading.main_thread().ident
    assert main is not None
    signal.pthread_kill(main, signal.SIGINT)


class Lease:
    """A hold on a remote folder, renewed in the background.

    Args:
        folder: what is held.
        tell: called with sentences for people.
        pace: intervals.
        on_lost: called, in a thread, when another has taken over; by default interrupts the main thread.
    """

    def __init__(
        self,
        folder: UPath,
        tell: Callable[[str], None] = lambda _: None,
        pace: Pace | None = None,
        on_lost: Callable[[], None] | None = None,
    ) -> None:
        self._folder, self._path = folder, folder / NAME
        self._tell, self._pace = tell, pace or Pace()
        self._on_lost = on_lost or interrupt_main
        self._own = Holder.here()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._renew, daemon=True)
        self.lost = False

    def take(self) -> None:
        """Take the folder and begin to renew.

        Raises:
            OutputError: another run holds it, or it cannot be written.
        """
        try:
            if not self._create():
                self._wait_for_the_dead()
                self._write()
                time.sleep(
                    self._pace.settle_s
                )  # two may have found it dead at once: the last has it
                if not self._is_ours():
                    raise self._taken()
        except OSError as error:
            raise OutputError(
                f"{self._folder} cannot be written ({cause(error)}): choose another output=, or check "
                "the bucket, the credentials and the connection."
            ) from error
        self._thread.start()

    def take_free(self) -> bool:
        """Take the folder and begin to renew if nobody holds it; tell whether that is so.

        Raises:
            OSError: it cannot be written.
        """
        if not self._create():
            return False
        self._thread.start()
        return True

    def release(self) -> None:
        """Stop renewing, and leave the folder to others."""
        self._stop.set()
        self._thread.join()
        try:
            if self._is_ours():
                remove(self._path)
        except OSError as error:
            self._tell(
                f"{self._path} could not be removed ({cause(error)}); the next run waits "
                f"{self._pace.watch_s:.0f} s for it."
            )

    def lost_error(self) -> OutputError:
        """Return the error of a run whose folder another has taken over."""
        return OutputError(
            f"Another run has taken over {self._folder}, so this one stops: let it finish, or choose "
            "another output=."
        )

    def _create(self) -> bool:
        """Write the object in one step if there is none; tell whether that could be done."""
        try:
            self._path.fs.pipe_file(self._path.path, self._content(), mode="create")
        except (FileExistsError, NotImplementedError):
            return False
        except OSError as error:
            if error.errno != ENOSYS:  # else a store that knows no conditions
                raise
            return False
        except Exception as error:
            raise OSError(cause(error)) from error
        return True

    def _wait_for_the_dead(self) -> None:
        """Return when the holder is known or seen to be dead (OutputError where he lives)."""
        found = self._read()
        if found is None or found.ended:
            return
        self._tell(
            f"{self._folder} is held by process {found.pid} of {found.host.split(' ')[0]}: watching up "
            f"to {self._pace.watch_s:.0f} s whether it is alive."
        )
        began = time.monotonic()
        while time.monotonic() - began < self._pace.watch_s:
            time.sleep(self._pace.look_s)
            now = self._read()
            if now is None:
                return
            if now != found:
                raise self._taken()

    def _taken(self) -> HeldError:
        return HeldError(
            f"Another run is writing {self._folder}: wait for it or choose another output=."
        )

    def _renew(self) -> None:
        renewed, told = time.monotonic(), False
        while not self._stop.wait(self._pace.beat_s):
            try:
                found = self._read()
                if found is not None and found.id != self._own.id:
                    self.lost = True
                    self._on_lost()
                    return
                self._own = replace(self._own, beat=self._own.beat + 1)
                self._write()
                renewed, told = time.monotonic(), False
            except OSError as error:
                if not told and time.monotonic() - renewed > self._pace.warn_s:
                    told = True
                    self._tell(
                        f"{self._path} could not be renewed for {self._pace.warn_s:.0f} s "
                        f"({cause(error)}): the run continues."
                    )

    def _is_ours(self) -> bool:
        found = self._read()
        return found is not None and found.id == self._own.id

    def _read(self) -> Holder | None:
        """Return who holds the folder; None where nobody does."""
        try:
            return Holder(**json.loads(read_bytes(self._path)))
        except FileNotFoundError:
            return None
        except (ValueError, TypeError):  # of another version: it can only be watched
            return Holder("", 0, "")

    def _content(self) -> bytes:
        return json.dumps(asdict(self._own)).encode()

    def _write(self) -> None:
        write_whole(self._path, self._content())
