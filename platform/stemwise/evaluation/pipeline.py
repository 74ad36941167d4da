"""Ray Data: tracks stream to actors that each hold all models of the run.

This is the only file that knows Ray Data. A track is a row, and a worker's processes do all that is to
be done on it (`song_stages`), so nothing big travels between machines, and with N GPUs N workers take
N tracks apart. Results go through an idempotent sink, one file per track.

Ray replaces an actor that dies and tries its tracks again without end, which is right where a machine
was lost, and wrong where the track was at fault: hence the processes below the actor (`song_process`).
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from stemwise.evaluation.cluster import (
    ClusterSettings,
    check_address,
    in_flight,
    measurers,
    most_measurers,
    pool,
)
from stemwise.evaluation.passes import passes
from stemwise.evaluation.song_stages import SongStages
from stemwise.evaluation.work import Work
from stemwise.storage import parts

_POLL_S = 0.3
_LOG = logging.getLogger(__name__)


@dataclass
class Progress:
    """What a person wants to see while a run goes on.

    `stages` maps a track in work to its stage; `speeds` maps a model to (audio seconds, seconds).
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
        beside = measurers(cluster, _this_node(), share) if work.stage != "measure" else 0
        self.songs = SongStages(work, cluster, progress.add.remote, beside)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        numbers = [int(number) for number in batch["number"]]
        answers = [self.songs.evaluate(number) for number in numbers]
        return {
            "name": np.array([self.work.tracks[n].track_id for n in numbers], dtype=object),
            "part": np.array([answer.encoded for answer in answers], dtype=object),
            "failures": np.array([answer.failures for answer in answers]),
        }


def _this_node() -> Mapping[str, float]:
    import ray

    here = ray.get_runtime_context().get_node_id()
    found: Mapping[str, float] = next(
        node["Resources"] for node in ray.nodes() if node["NodeID"] == here
    )
    return found


def run(
    work: Work,
    cluster: ClusterSettings,
    watch: Callable[[Progress], None] = lambda _: None,
) -> None:
    """Evaluate all tracks of `work` and store each as a part.

    Args:
        work: tracks, models and settings.
        cluster: what to use.
        watch: called a few times a second with the state of the run.
    """
    import ray

    started_here = _connect(cluster)
    try:
        progress = _progress()
        stop = threading.Event()
        watcher = threading.Thread(target=_watch, args=(progress, watch, stop), daemon=True)
        watcher.start()
        try:
            _pass_by_pass(work, cluster, progress)
        finally:
            stop.set()
            watcher.join()
        _show(progress, watch)
    finally:
        if started_here:
            ray.shutdown()


def _progress() -> Any:
    """Start what collects progress: beside the driver, and anew where it is lost."""
    import ray
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=True)
    options = {"num_cpus": 0, "max_restarts": -1, "scheduling_strategy": here}
    return ray.remote(**options)(Progress).remote()


def _show(progress: Any, watch: Callable[[Progress], None]) -> None:
    """Show the state of the run; what is shown is a courtesy, and its failure ends nothing."""
    import ray

    try:
        watch(ray.get(progress.snapshot.remote(), timeout=10 * _POLL_S))
    except Exception:  # noqa: BLE001 - the display may fail, the run goes on
        _LOG.warning("The progress of the run cannot be shown.", exc_info=True)


def _pass_by_pass(work: Work, cluster: ClusterSettings, progress: Any) -> None:
    """Run all tracks through each group of models that fits a GPU, through the last one to the end."""
    import ray

    actors, share = pool(cluster, ray.cluster_resources(), len(work.tracks), work.device)
    *before, last = passes(work, _gpu_memory_gb(cluster, share), cluster.batch_size)
    for step in before:
        tracks = [track for track in work.tracks if not step.state(track, cluster.max_attempts)]
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
    from ray.data import ActorPoolStrategy, DataContext

    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
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
    )
    results.write_datasink(_sink(work, progress), ray_remote_args={"num_cpus": 0.01})


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
                    parts.write(folder, row["name"], row["part"])
                    if last:
                        progress.finish.remote(row["name"], row["failures"])

    return PartsSink()


def _connect(cluster: ClusterSettings) -> bool:
    """Start or join Ray; return whether this process must shut it down."""
    import ray
    import ray.data  # configures its loggers, which are set below

    # Ray's own progress lines would break ours; what fails is raised or recorded in the tables
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    for name in [name for name in logging.Logger.manager.loggerDict if name.startswith("ray.data")]:
        logging.getLogger(name).setLevel(logging.ERROR)
    if ray.is_initialized():
        return False
    check_address(cluster.address)
    with _stderr_unless_error():
        ray.init(
            address=cluster.address,
            include_dashboard=None if cluster.address else False,
            logging_level=logging.ERROR,
            log_to_driver=False,
        )
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


def _watch(progress: Any, watch: Callable[[Progress], None], stop: threading.Event) -> None:
    while not stop.wait(_POLL_S):
        _show(progress, watch)
