"""Holding a run's folder, so that a second run on it does not mix its files with ours."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from stemwise.core.errors import OutputError
from stemwise.core.places import Place, is_local, unwritable
from stemwise.storage.lease import NAME, Lease, Pace


@contextmanager
def exclusive(
    output: Place, tell: Callable[[str], None] = lambda _: None, pace: Pace | None = None
) -> Iterator[None]:
    """Hold the output folder: a local one by a lock of the system, a remote one by a lease.

    Args:
        output: the folder.
        tell: called with sentences for people.
        pace: intervals of a lease.

    Raises:
        OutputError: another run holds it, or it cannot be written; or a remote one was taken over by
            another run while this one was not heard of.
    """
    if not is_local(output):
        lease = Lease(output, tell, pace)
        lease.take()
        try:
            yield
        except KeyboardInterrupt:
            if lease.lost:
                raise lease.lost_error() from None
            raise
        finally:
            lease.release()
        if lease.lost:
            raise lease.lost_error()
        return
    reason = unwritable(output)
    if reason is not None:
        raise OutputError(
            f"The output folder {output} cannot be written ({reason}): choose another output=."
        )
    lock = FileLock(output / NAME, timeout=0)
    try:
        with lock:
            yield
    except Timeout as error:
        raise OutputError(
            f"Another run is writing {output}: wait for it or choose another output=."
        ) from error
