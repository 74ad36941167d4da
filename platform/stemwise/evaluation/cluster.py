"""How much of which machines a run uses: plain arithmetic, Ray itself is in `pipeline.py`."""

from __future__ import annotations

import math
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from stemwise.core.errors import ConfigError, DeviceError

AUTO = "auto"
# Far above what a slow CPU needs, so that only what hangs is ended.
_LEAST_S, _PER_AUDIO_S = 900.0, 30.0


@dataclass(frozen=True)
class ClusterSettings:
    """How much of which machines a run uses (conf/cluster).

    Args:
        address: of a running Ray cluster; None starts one on this machine.
        actors: workers, each with all models; None is one per GPU, or on CPUs as many as cores and
            memory allow.
        cpus_per_actor: cores of a worker; they are its torch threads too.
        gpus_per_actor: share of a GPU of a worker; None is 1 where there is a GPU, else 0.
        memory_per_actor_gb: what a worker may need, for the number of workers on CPUs.
        batch_size: chunks per forward pass; None lets the engine choose.
        measurers: processes that measure while the workers separate the next songs; 0 lets each worker
            measure its own; None is the cores that workers on GPUs leave, and 0 without GPUs.
        max_attempts: how often a song may end its process before it is given up.
        track_timeout_s: seconds after which a song is ended; `auto` is generous and grows with its
            length and the models (`time_limit`), None is no limit.
    """

    address: str | None = None
    actors: int | None = None
    cpus_per_actor: float = 1
    gpus_per_actor: float | None = None
    memory_per_actor_gb: float = 6
    batch_size: int | None = None
    measurers: int | None = None
    max_attempts: int = 3
    track_timeout_s: float | str | None = AUTO

    def __post_init__(self) -> None:
        limit = self.track_timeout_s
        if (isinstance(limit, str) and limit != AUTO) or (
            isinstance(limit, float | int) and limit <= 0
        ):
            raise ConfigError(
                f"cluster.track_timeout_s={limit} is not usable: give seconds, auto, or null for no "
                "limit."
            )
        for name in ("actors", "batch_size", "max_attempts"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or value < 1):
                raise ConfigError(
                    f"cluster.{name}={value} must be a whole number from 1 up, or null."
                )
        if self.measurers is not None and self.measurers < 0:
            raise ConfigError(f"cluster.measurers={self.measurers} must be 0 or more, or null.")
        if self.cpus_per_actor <= 0 or self.memory_per_actor_gb <= 0:
            raise ConfigError("cluster.cpus_per_actor and memory_per_actor_gb must be positive.")


def pool(
    cluster: ClusterSettings, resources: Mapping[str, float], tracks: int
) -> tuple[int, float]:
    """Return (workers, GPU share of each) for what a cluster has.

    Raises:
        ConfigError: a worker asks for more than there is.
        DeviceError: a worker asks for more GPUs than there are; Ray would wait for them forever.
    """
    gpus, cpus = resources.get("GPU", 0.0), resources.get("CPU", 1.0)
    share = cluster.gpus_per_actor if cluster.gpus_per_actor is not None else float(gpus >= 1)
    if share > gpus:
        found = f"only {gpus:g}" if gpus else "no GPU"
        raise DeviceError(
            f"cluster.gpus_per_actor={share:g}, but Ray finds {found} here: "
            "use cluster.gpus_per_actor=null."
        )
    if cluster.cpus_per_actor > cpus:
        raise ConfigError(
            f"cluster.cpus_per_actor={cluster.cpus_per_actor:g} is more than the {cpus:g} cores here."
        )
    by_cpu = int(cpus // cluster.cpus_per_actor)
    if share > 0:
        fit = min(by_cpu, int(gpus / share))
    else:
        memory = resources.get("memory", 0.0) / 2**30
        fit = min(by_cpu, int(memory // cluster.memory_per_actor_gb) or 1)
    wanted = cluster.actors or fit
    if wanted > by_cpu or (share > 0 and wanted * share > gpus):
        raise ConfigError(
            f"cluster.actors={wanted} with {cluster.cpus_per_actor:g} cores and {share:g} GPUs each "
            f"do not fit on {cpus:g} cores and {gpus:g} GPUs."
        )
    return max(1, min(wanted, tracks)), share


def measurers(
    cluster: ClusterSettings, resources: Mapping[str, float], actors: int, share: float
) -> int:
    """Return how many processes measure beside `actors` workers with a `share` of a GPU each.

    Without GPUs separating needs all cores, and nothing would be gained.

    Raises:
        ConfigError: more than there are cores for.
    """
    room = max(1, math.ceil(cores_beside(cluster, resources, actors)))
    if cluster.measurers is None:
        return room if share > 0 else 0
    if cluster.measurers > room:
        raise ConfigError(
            f"cluster.measurers={cluster.measurers} beside {actors} workers do not fit on "
            f"{resources.get('CPU', 1.0):g} cores: {room} would."
        )
    return cluster.measurers


def cores_beside(cluster: ClusterSettings, resources: Mapping[str, float], actors: int) -> float:
    """Return the cores for measuring: a worker that waits for its GPU needs half of its own."""
    return max(0.5, resources.get("CPU", 1.0) - 0.5 * actors * cluster.cpus_per_actor)


def time_limit(setting: float | str | None, audio_s: float, passes: int) -> float | None:
    """Return how many seconds a song may take; None is no limit.

    Args:
        setting: `cluster.track_timeout_s`.
        audio_s: length of the song; 0 before it is known.
        passes: how many times models hear it.
    """
    if setting is None or not isinstance(setting, str):
        return setting
    return _LEAST_S + _PER_AUDIO_S * audio_s * max(1, passes)


def check_address(address: str | None) -> None:
    """Refuse a cluster that does not answer; Ray itself would try for minutes."""
    host, _, port = (address or "").removeprefix("ray://").rpartition(":")
    if host and port.isdigit():
        try:
            socket.create_connection((host, int(port)), timeout=5).close()
        except OSError as error:
            raise ConfigError(
                f"cluster.address={address} does not answer ({error.strerror or error}): "
                "start Ray there, or use cluster.address=null."
            ) from error
