"""Ray Data: tracks stream to actors that each hold all models of the run.

This is the only file that knows Ray Data. A track is a row; a worker's process decodes it once and runs
every model on it, so nothing big travels between nodes, and with N GPUs N workers separate N tracks.
Beside GPUs a second pool of processes measures what lies in the estimate store, while the workers go on
with the next tracks; without GPUs each worker measures its own. Results go through an idempotent sink,
one file per track.

Ray replaces an actor that dies and tries its track again without end, which is right where a node was
lost, and wrong where the track was at fault: hence the process below the actor (`song_process`).
"""

from __future__ import annotations

import logging
import os
import pickle
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from stemwise.core.places import Place
from stemwise.evaluation.cluster import (
    ClusterSettings,
    check_address,
    cores_beside,
    measurers,
    pool,
)
from stemwise.evaluation.song_process import Answer, SongProcess
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
    """Ray actor: supervises a process that holds all models and turns tracks into encoded rows."""

    def __init__(self, work: Work, cluster: ClusterSettings, progress: Any) -> None:
        self.work = work
        self.songs = SongProcess(work, cluster, progress.add.remote)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        numbers = [int(number) for number in batch["number"]]
        return _rows(numbers, [self.songs.evaluate(number) for number in numbers], self.work)


class _Measurer:
    """Ray actor: supervises a process without models that measures what a worker has separated."""

    def __init__(self, work: Work, cluster: ClusterSettings, progress: Any) -> None:
        self.work = replace(work, stage="measure")
        self.songs = SongProcess(self.work, cluster, progress.add.remote)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        numbers = [int(number) for number in batch["number"]]
        columns = (batch["part"], batch["failures"], batch["known"])
        given = [Answer(p, int(f), pickle.loads(k)) for p, f, k in zip(*columns, strict=True)]
        answers = [
            # a song that was given up has its rows already
            answer if answer.known is None else self.songs.evaluate(number, answer.known)
            for number, answer in zip(numbers, given, strict=True)
        ]
        return _rows(numbers, answers, self.work)


def _rows(numbers: Sequence[int], answers: Sequence[Answer], work: Work) -> dict[str, Any]:
    """Return a batch of Ray Data."""
    return {
        "number": np.array(numbers),
        "name": np.array([work.tracks[number].track_id for number in numbers], dtype=object),
        "part": np.array([answer.encoded for answer in answers], dtype=object),
        "failures": np.array([answer.failures for answer in answers]),
        "known": np.array([pickle.dumps(answer.known) for answer in answers], dtype=object),
    }


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
            _stream(work, cluster, progress)
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


def _stream(work: Work, cluster: ClusterSettings, progress: Any) -> None:
    """Run the Ray Data pipeline: numbers → workers → sink."""
    import ray
    from ray.data import ActorPoolStrategy, DataContext

    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    resources = ray.cluster_resources()
    actors, gpus = pool(cluster, resources, len(work.tracks))
    beside = measurers(cluster, resources, actors, gpus) if work.stage == "all" else 0
    numbers = [{"number": number} for number in range(len(work.tracks))]
    dataset = ray.data.from_items(numbers, override_num_blocks=len(numbers))
    results = dataset.map_batches(
        _Worker,
        fn_constructor_args=(
            replace(work, stage="separate", hands_on=True) if beside else work,
            cluster,
            progress,
        ),
        batch_size=1,
        # one track in work and none waiting per worker, so that a short queue at the end is shared
        compute=ActorPoolStrategy(size=actors, max_tasks_in_flight_per_actor=1),
        # less than a whole core: the sink's tasks must find room beside the workers
        num_cpus=(0.45 if beside else 0.9) * cluster.cpus_per_actor,
        num_gpus=gpus,
    )
    if beside:
        # the worker goes on with the next song while this one is measured
        results = results.map_batches(
            _Measurer,
            fn_constructor_args=(work, cluster, progress),
            batch_size=1,
            compute=ActorPoolStrategy(size=beside, max_tasks_in_flight_per_actor=1),
            num_cpus=0.95 * cores_beside(cluster, resources, actors) / beside,
        )
    results.write_datasink(_sink(work.parts, progress), ray_remote_args={"num_cpus": 0.01})


def _sink(folder: Place, progress: Any) -> Any:
    """Return a Datasink that writes one file per track; repeating a write changes nothing.

    A track counts as done when its file is there, so that what is shown is what a restart finds.
    """
    from ray.data import Datasink
    from ray.data.block import BlockAccessor

    class PartsSink(Datasink):  # type: ignore[misc]
        def write(self, blocks: Iterable[Any], ctx: Any) -> None:  # noqa: ARG002 - Ray's interface
            for block in blocks:
                table = BlockAccessor.for_block(block).to_arrow()
                for row in table.to_pylist():
                    parts.write(folder, row["name"], row["part"])
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
