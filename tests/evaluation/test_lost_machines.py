"""A cluster that loses machines or its head: no song is lost or doubled, and the tables are equal."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from stemwise.storage import tables

from .test_pipeline import Songs, check_complete, finished, run_to_end, start, wait_for

pytestmark = [pytest.mark.ray, pytest.mark.faults]
TIMES = {"wall_s", "realtime_factor", "uri", "seconds_per_minute", "attempt"}


@pytest.fixture
def machines() -> Iterator[Any]:
    """A head without cores, to which tests add machines of one core."""
    from ray.cluster_utils import Cluster

    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    yield made
    made.shutdown()


def start_on(machines: Any, root: Path, output: Path, *more: str) -> subprocess.Popen[str]:
    return start(root, output, "cluster=ray", f"cluster.address={machines.address}", *more)


def end(process: subprocess.Popen[str], seconds: float = 250) -> tuple[int, str]:
    try:
        printed, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        printed, _ = process.communicate()
        pytest.fail(f"it did not end: {printed}")
    return process.returncode, printed


def content(output: Path) -> dict[str, pl.DataFrame]:
    found = {name: tables.read(output / "tables", name) for name in tables.ALWAYS}
    return {name: frame.drop(TIMES & set(frame.columns)) for name, frame in found.items()}


def same(output: Path, undisturbed: Path) -> None:
    """Cost and what follows from it are times; all else must be equal."""
    one, other = content(output), content(undisturbed)
    for name in ("tracks", "estimates", "measurements", "forms", "scores", "selections"):
        assert one[name].equals(other[name]), name


def test_each_machine_is_lost_once_and_nothing_with_it(machines: Any, songs: Songs, tmp_path: Path):
    root, output = songs(5, seconds=3), tmp_path / "run"
    old = [machines.add_node(num_cpus=1), machines.add_node(num_cpus=1)]
    process = start_on(machines, root, output, "cluster.actors=2")
    wait_for(lambda: finished(output))
    machines.remove_node(old[0], allow_graceful=False)
    machines.add_node(num_cpus=1)
    seen = len(finished(output))
    wait_for(lambda: len(finished(output)) > seen or process.poll() is not None)
    machines.remove_node(old[1], allow_graceful=False)
    code, printed = end(process)
    assert code == 0, printed
    check_complete(output, 5)
    machines.shutdown()
    run_to_end(root, tmp_path / "undisturbed")
    same(output, tmp_path / "undisturbed")


def test_without_its_head_a_run_ends_and_the_same_command_goes_on(
    machines: Any, songs: Songs, tmp_path: Path
):
    root, output = songs(4, seconds=3), tmp_path / "run"
    machines.add_node(num_cpus=1)
    process = start_on(machines, root, output)
    wait_for(lambda: finished(output))
    machines.head_node.kill_gcs_server()
    code, printed = end(process)
    assert code not in {0, 3}, printed
    assert "Ray's head does not answer. If it is lost, the run ends" in " ".join(printed.split()), (
        printed
    )
    assert "Traceback" not in printed, printed
    before = finished(output)
    machines.shutdown()
    printed = run_to_end(root, output)
    assert f"{len(before)} of 4 tracks are finished already" in printed
    check_complete(output, 4)


def test_workers_that_the_cluster_does_not_have_yet_are_waited_for(
    machines: Any, songs: Songs, tmp_path: Path
):
    """As with an autoscaler that brings machines when they are asked for."""
    root, output = songs(2), tmp_path / "run"
    settings = ["cluster.actors=2", "cluster.gpus_per_actor=1", "cluster.measurers=1", "device=cpu"]
    process = start_on(machines, root, output, *settings)
    wait_for((output / ".lock").exists)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(20)
    machines.add_node(num_cpus=2, num_gpus=1)
    code, printed = end(process)
    assert code == 0, printed
    assert "waits for the others" in " ".join(printed.split())
    check_complete(output, 2)


def test_gpus_that_no_machine_has_are_one_sentence(machines: Any, songs: Songs, tmp_path: Path):
    machines.add_node(num_cpus=1)
    code, printed = end(start_on(machines, songs(1), tmp_path / "run", "device=cuda"))
    assert code == 2 and "device=cuda, but Ray finds no GPU here" in " ".join(printed.split())
    assert "Traceback" not in printed
