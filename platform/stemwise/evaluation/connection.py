"""Joining Ray, and what it says in our words."""

from __future__ import annotations

import logging
import os
import socket
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from stemwise.core.errors import ClusterError, StemwiseError
from stemwise.evaluation.cluster import check_address

# What Ray Data adds to the text of whatever is raised in its tasks.
_ADDED = "\nFailed to apply UDF transform"
_LOG = logging.getLogger(__name__)


def connect(address: str | None) -> bool:
    """Start or join Ray; return whether this process must shut it down.

    Raises:
        ConfigError: nobody answers at the address.
        ClusterError: that cluster cannot be joined.
    """
    import ray
    import ray.data  # configures its loggers, which are set below

    # Ray's own progress lines would break ours; what fails is raised or recorded in the tables
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    for name in [name for name in logging.Logger.manager.loggerDict if name.startswith("ray.data")]:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    if ray.is_initialized():
        return False
    check_address(address)
    try:
        with _stderr_unless_error():
            ray.init(
                address=address
                or "local",  # with None it would join what `ray start` has left here
                include_dashboard=None if address else False,
                logging_level=logging.ERROR,
                log_to_driver=False,
            )
    except (RuntimeError, ConnectionError) as error:  # another version of Ray or Python, no cluster
        if address is None:
            raise
        raise ClusterError(
            f"The Ray cluster {address} cannot be joined: {' '.join(str(error).split())}"
        ) from error
    return True


@contextmanager
def _stderr_unless_error() -> Iterator[None]:
    """Hold back what Ray's C++ core writes to stderr while it starts; show it if that fails."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        real = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(real, held.read())
            raise
        finally:
            os.dup2(real, 2)
            os.close(real)


@contextmanager
def quiet_data() -> Iterator[None]:
    """Keep Ray Data from printing; whoever shares this process finds it as it was."""
    from ray.data import DataContext

    context = DataContext.get_current()
    before = context.enable_progress_bars, context.print_on_execution_start
    context.enable_progress_bars = context.print_on_execution_start = False
    try:
        yield
    finally:
        context.enable_progress_bars, context.print_on_execution_start = before


@contextmanager
def in_our_words() -> Iterator[None]:
    """Raise what a worker raised as it was, and what befell Ray as one sentence."""
    from ray.exceptions import RayError

    try:
        yield
    except Exception as error:
        for cause in _causes(error):
            if isinstance(cause, StemwiseError) and not isinstance(cause, RayError):
                sentence = str(cause).split(_ADDED)[0]
                raise type(cause)(sentence) from error
        if isinstance(error, RayError):
            _LOG.debug("Ray failed.", exc_info=True)
            raise ClusterError(
                f"Ray ended the run ({type(error).__name__}: {str(error).strip().splitlines()[0]}): "
                "the same command resumes where it stopped."
            ) from error
        raise


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = getattr(error, "cause", None) or error.__cause__


def this_node() -> Mapping[str, float]:
    """Return cores and GPUs of the machine that this process is on."""
    import ray

    here = ray.get_runtime_context().get_node_id()
    found: Mapping[str, float] = next(
        node["Resources"] for node in ray.nodes() if node["NodeID"] == here
    )
    return found


def head_answers() -> bool:
    """Tell whether anybody listens where the cluster's head was; without it Ray ends this process."""
    import ray
    from ray.util.client import ray as client

    if client.is_connected():
        return True  # through a client nobody sees the head
    host, _, port = ray.get_runtime_context().gcs_address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except OSError:
        return False
    return True


@dataclass(frozen=True)
class SharedRay:
    """A Ray that several processes use at once.

    Attributes:
        address: at which others join it.
        resources: cores, GPUs and memory of all its machines.
    """

    address: str
    resources: Mapping[str, float]


@contextmanager
def shared(address: str | None) -> Iterator[SharedRay]:
    """Start or join Ray for as long as the block runs, and tell how others join it.

    Raises:
        ConfigError: nobody answers at the address.
        ClusterError: that cluster cannot be joined.
    """
    import ray

    started_here = connect(address)
    try:
        through_client = address is not None and "://" in address
        where = address if through_client else ray.get_runtime_context().gcs_address
        yield SharedRay(str(where), ray.cluster_resources())
    finally:
        if started_here:
            ray.shutdown()
