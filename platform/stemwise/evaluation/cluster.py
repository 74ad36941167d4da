"""How much of which machines a run uses: plain arithmetic, Ray itself is in `pipeline.py`."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from stemwise.core.checks import in_range
from stemwise.core.errors import ConfigError, DeviceError

AUTO: Literal["auto"] = "auto"
# Far above what a slow CPU needs, so that only what hangs is ended.
_LEAST_S, _PER_AUDIO_S = 900.0, 30.0
# Songs in the process that holds the models, where others measure: one on the GPU, one beside it.
SLOTS = 2
# A process that measures takes up to 1 GB, and more of them than this keep no GPU busier.
_MOST_BESIDE = 8


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
        gpu_memory_gb: of a worker's share of a GPU, in 1e9 bytes: models that need more together run in
            groups, one after another. None asks a GPU.
        measurers: processes per worker that measure while it separates the next songs; 0 lets it
            measure its own; None is the cores of its machine per GPU, and 0 without GPUs.
        scratch: folder of each machine for work in progress; None is the store where that is local,
            else the system's folder for temporary files.
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
    gpu_memory_gb: float | None = None
    measurers: int | None = None
    scratch: str | None = None
    max_attempts: int = 3
    track_timeout_s: float | Literal["auto"] | None = AUTO

    @property
    def scratch_folder(self) -> Path | None:
        """The folder of each machine for work in progress, if one was named."""
        return None if self.scratch is None else Path(self.scratch).expanduser().absolute()

    @property
    def grows(self) -> bool:
        """Whether machines may join while a run waits: a running cluster, and a size asked for."""
        return None not in (self.address, self.actors, self.gpus_per_actor)

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
            in_range(f"cluster.{name}", getattr(self, name), least=1)
        in_range("cluster.measurers", self.measurers, least=0)
        for name in ("gpu_memory_gb", "cpus_per_actor", "memory_per_actor_gb"):
            in_range(f"cluster.{name}", getattr(self, name), above=0)


def pool(
    cluster: ClusterSettings, resources: Mapping[str, float], tracks: int, device: str = "auto"
) -> tuple[int, float]:
    """Return (workers, GPU share of each) for what a cluster has.

    Where both are given for a running cluster, they are what it may grow to: an autoscaler brings the
    nodes when workers wait for them.

    Raises:
        ConfigError: a worker asks for more than there is.
        DeviceError: a worker asks for more GPUs than there are; Ray would wait for them forever.
    """
    share = cluster.gpus_per_actor
    if cluster.grows and cluster.actors is not None and share is not None:
        return max(1, min(cluster.actors, tracks)), share
    gpus, cpus = resources.get("GPU", 0.0), resources.get("CPU", 0.0)
    share = float(gpus >= 1) if share is None else share
    if share > gpus or (device.startswith("cuda") and not gpus):
        found = f"only {gpus:g}" if gpus else "no GPU"
        asked = f"cluster.gpus_per_actor={share:g}" if share > gpus else f"device={device}"
        raise DeviceError(
            f"{asked}, but Ray finds {found} here: use cluster.gpus_per_actor=null and device=auto, "
            "or on a cluster that grows name both cluster.actors and cluster.gpus_per_actor."
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


def measurers(cluster: ClusterSettings, node: Mapping[str, float], share: float) -> int:
    """Return how many processes measure beside a worker with a `share` of a GPU.

    Without GPUs separating needs all cores, and nothing would be gained.

    Args:
        cluster: what was asked for.
        node: cores and GPUs of the worker's machine.
        share: of a GPU.
    """
    if cluster.measurers is not None:
        return cluster.measurers
    if share <= 0:
        return 0
    workers = max(1.0, node.get("GPU", 1.0) / share)
    return min(_MOST_BESIDE, max(1, int(node.get("CPU", 1.0) / workers)))


def most_measurers(
    cluster: ClusterSettings, nodes: Iterable[Mapping[str, float]], share: float
) -> int:
    """Return the most processes that measure beside a worker on any machine of a cluster.

    Raises:
        ConfigError: more were asked for than the largest machine has cores.
    """
    nodes = list(nodes)
    cores = max((node.get("CPU", 0.0) for node in nodes), default=0.0)
    if cluster.measurers is not None and cluster.measurers > cores and not cluster.grows:
        raise ConfigError(
            f"cluster.measurers={cluster.measurers} is more than the {cores:g} cores of a machine here."
        )
    if cluster.grows:
        return _MOST_BESIDE if cluster.measurers is None else cluster.measurers
    return max((measurers(cluster, node, share) for node in nodes), default=0)


def in_flight(beside: int) -> int:
    """Return how many songs a worker has in progress at once: one more than its processes can take."""
    return SLOTS + beside + 1 if beside else 1


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
