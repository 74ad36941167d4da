"""Ray Data: tracks stream to actors that each hold all models of the run.

This is the only file that knows Ray Data. A track is a row, and a worker's processes do all that is to
be done on it (`song_stages`), so nothing big travels between machines, and with N GPUs N workers take
N tracks apart. Results go through an idempotent sink, one file per track.

Ray replaces an actor that dies and tries its tracks again without end, which is right where a machine
was lost, and wrong where the track was at fault: hence the processes below the actor (`song_process`).
"""

from __future__ import annotations

import logging
import pickle
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from stemwise.core import config_dirs
from stemwise.core.errors import StemwiseError
from stemwise.evaluation.cluster import (
    ClusterSettings,
    in_flight,
    measurers,
    most_measurers,
    pool,
)
from stemwise.evaluation.connection import (
    connect,
    head_answers,
    in_our_words,
    quiet_data,
    this_node,
)
from stemwise.evaluation.passes import passes
from stemwise.evaluation.song_process import Answer
from stemwise.evaluation.song_stages import SongStages
from stemwise.evaluation.work import Work
from stemwise.storage import parts

_POLL_S = 0.5
_LOG = logging.getLogger(__name__)


@dataclass
class Progress:
    """What a person wants to see during a run.

    `stages` maps a track in progress to its stage; `speeds` maps a model to (audio seconds, seconds).
    """

    done: int = 0
    failures: int = 0
    stages: dict[str, str] = field(default_factory=dict)
    speeds: dict[str, tuple[float, float]] = field(default_factory=dict)

    def add(self, track: str, stage: str, audio_s: float, seconds: float) -> None:
        """Note that `stage` (a model's name, decode or measure) of `track` is finished."""
        self.stages[track] = stage
        if stage not in ("decode", "measure"):
            audio, work = self.speeds.get(stage, (0.0, 0.0))
            self.speeds[stage] = (audio + audio_s, work + seconds)

    def finish(self, track: str, failures: int) -> None:
        """Note that `track` is done."""
        self.stages.pop(track, None)
        self.done += 1
        self.failures += failures

    def snapshot(self) -> Progress:
        """Return this object (Ray sends a copy)."""
        return self


class _Worker:
    """Ray actor: turns tracks into encoded rows; as many threads call it as songs are in flight."""

    def __init__(self, work: Work, cluster: ClusterSettings, progress: Any, share: float) -> None:
        self.work = work
        beside = measurers(cluster, this_node(), share) if work.stage != "measure" else 0
        self.songs = SongStages(work, cluster, progress.add.remote, beside)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        (number,) = (int(number) for number in batch["number"])
        try:
            answer, error = self.songs.evaluate(number), None
        except StemwiseError as impossible:
            # raised by the sink: of what is raised here Ray Data keeps the text only
            answer, error = Answer(b"", 0), impossible
        return {
            "name": np.array([self.work.tracks[number].track_id], dtype=object),
            "part": np.array([answer.encoded], dtype=object),
            "failures": np.array([answer.failures]),
            "error": np.array([pickle.dumps(error)], dtype=object),
        }


def run(
    work: Work,
    cluster: ClusterSettings,
    watch: Callable[[Progress], None] = lambda _: None,
    tell: Callable[[str], None] = lambda _: None,
) -> None:
    """Evaluate all tracks of `work` and store each as a part.

    Args:
        work: tracks, models and settings.
        cluster: what to use.
        watch: called twice a second with the state of the run.
        tell: called with what a person should know before it begins.

    Raises:
        ClusterError: Ray itself failed.
        StemwiseError: something that is true of every track.
    """
    import ray

    started_here = connect(cluster.address)
    try:
        progress = _progress()
        stop = threading.Event()
        watcher = threading.Thread(target=_watch, args=(progress, watch, tell, stop), daemon=True)
        watcher.start()
        try:
            with in_our_words(), quiet_data():
                _pass_by_pass(work, cluster, progress, tell)
        finally:
            stop.set()
            watcher.join()
        _show(progress, watch)
    finally:
        if started_here:
            ray.shutdown()


def _progress() -> Any:
    """Start what collects progress: beside the driver, and again where it is lost."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
    options = {"num_cpus": 0, "max_restarts": -1, "scheduling_strategy": here}
    return ray.remote(**options)(Progress).remote()


def _show(progress: Any, watch: Callable[[Progress], None]) -> bool:
    """Show the state of the run, if it is known: a courtesy, whose failure ends nothing."""
    import ray

    try:
        watch(ray.get(progress.snapshot.remote(), timeout=10 * _POLL_S))
    except Exception:  # noqa: BLE001 - told by `_watch`; the run goes on
        _LOG.debug("The progress of the run cannot be shown.", exc_info=True)
        return False
    return True


def _pass_by_pass(
    work: Work, cluster: ClusterSettings, progress: Any, tell: Callable[[str], None]
) -> None:
    """Run all tracks through each group of models that fits a GPU, through the last one to the end."""
    import ray

    resources = ray.cluster_resources()
    actors, share = pool(cluster, resources, len(work.tracks), work.device)
    gpus = resources.get("GPU", 0.0)
    if actors * share > gpus:
        tell(
            f"The cluster has {gpus:g} GPUs now, and {actors} workers ask for {share:g} each: the run "
            "starts with those available and waits for the others."
        )
    *before, last = passes(work, _gpu_memory_gb(cluster, share), cluster.batch_size)
    for step in before:
        states = step.states(cluster.max_attempts)
        tracks = [track for track in work.tracks if states[track.track_id] is None]
        if tracks:
            _stream(replace(step, tracks=tracks), cluster, progress, (actors, share))
    _stream(last, cluster, progress, (actors, share))


def _gpu_memory_gb(cluster: ClusterSettings, share: float) -> float | None:
    """Return the 1e9 bytes of a worker's share of a GPU, asked of one of them; None on CPUs."""
    import ray

    if cluster.gpu_memory_gb is not None or share <= 0:
        return cluster.gpu_memory_gb
    whole: float | None = ray.get(ray.remote(num_gpus=share, num_cpus=0)(_memory_here_gb).remote())
    return None if whole is None else whole * min(1.0, share)


def _memory_here_gb() -> float | None:
    import torch

    if not torch.cuda.is_available():
        return None
    return torch.cuda.get_device_properties(0).total_memory / 1e9


def _stream(
    work: Work, cluster: ClusterSettings, progress: Any, workers: tuple[int, float]
) -> None:
    """Run the Ray Data pipeline: numbers → workers → sink."""
    import ray
    from ray.data import ActorPoolStrategy

    actors, gpus = workers
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    beside = most_measurers(cluster, nodes, gpus) if work.stage != "measure" else 0
    numbers = [{"number": number} for number in range(len(work.tracks))]
    dataset = ray.data.from_items(numbers, override_num_blocks=len(numbers))
    results = dataset.map_batches(
        _Worker,
        fn_constructor_args=(work, cluster, progress, gpus),
        batch_size=1,
        # no song waits for a worker that has enough, so that a short queue at the end is shared
        compute=ActorPoolStrategy(
            size=actors,
            max_tasks_in_flight_per_actor=in_flight(beside),
            max_concurrent_calls_per_actor=in_flight(beside),
            enable_true_multi_threading=True,
        ),
        # less than a whole core: the sink's tasks must find room beside the workers
        num_cpus=0.9 * cluster.cpus_per_actor,
        num_gpus=gpus,
        **_where_yamls_are(),
    )
    results.write_datasink(_sink(work, progress), ray_remote_args={"num_cpus": 0.01})


def _where_yamls_are() -> dict[str, Any]:
    """Return what lets workers find the config dirs of users, where there are any."""
    own = config_dirs.environment()
    return {"runtime_env": {"env_vars": own}} if own else {}


def _sink(work: Work, progress: Any) -> Any:
    """Return a Datasink that writes one file per track; repeating a write changes nothing.

    A track counts as done when its file is there, so that what is shown is what a restart finds.
    """
    from ray.data import Datasink
    from ray.data.block import BlockAccessor

    folder, last = work.parts, work.last

    class PartsSink(Datasink):  # type: ignore[misc]
        def write(self, blocks: Iterable[Any], ctx: Any) -> None:  # noqa: ARG002 - Ray's interface
            for block in blocks:
                table = BlockAccessor.for_block(block).to_arrow()
                for row in table.to_pylist():
                    if (error := pickle.loads(row["error"])) is not None:
                        raise error
                    parts.write(folder, row["name"], row["part"])
                    if last:
                        progress.finish.remote(row["name"], row["failures"])

    return PartsSink()


def _watch(
    progress: Any,
    watch: Callable[[Progress], None],
    tell: Callable[[str], None],
    stop: threading.Event,
) -> None:
    shown = well = True
    while not stop.wait(_POLL_S):
        were, shown, well = (shown, well), _show(progress, watch), head_answers()
        if were[1] and not well:
            tell(
                "Ray's head does not answer. If it is lost, the run ends within minutes; the same "
                "command resumes where it stopped."
            )
        elif were[0] and not shown:
            tell("Progress cannot be shown at the moment; the run continues.")
