"""How many workers a machine gets, and a cluster that is not there."""

from __future__ import annotations

import socket

import pytest

from stemwise.core.errors import ClusterError, ConfigError, DeviceError
from stemwise.evaluation.cluster import (
    ClusterSettings,
    check_address,
    in_flight,
    most_measurers,
    pool,
)
from stemwise.evaluation.connection import connect


def test_workers_follow_cores_gpus_and_memory():
    host = {"CPU": 16.0, "memory": 64 * 2.0**30}
    assert pool(ClusterSettings(), host, 100) == (10, 0.0)  # 6 GB each
    assert pool(ClusterSettings(), host, 3) == (3, 0.0)
    assert pool(ClusterSettings(cpus_per_actor=4), host, 100) == (4, 0.0)
    assert pool(ClusterSettings(), host | {"GPU": 2.0}, 100) == (2, 1.0)
    assert pool(ClusterSettings(gpus_per_actor=0.5), host | {"GPU": 2.0}, 100) == (4, 0.5)
    assert pool(ClusterSettings(), {"CPU": 2.0, "memory": 2.0**30}, 9) == (1, 0.0)
    with pytest.raises(ConfigError, match="cores"):
        pool(ClusterSettings(cpus_per_actor=32), host, 1)
    with pytest.raises(ConfigError, match="GPUs"):
        pool(ClusterSettings(actors=3), host | {"GPU": 2.0}, 9)


@pytest.mark.parametrize("gpus", [0.0, 1.0])
def test_more_gpus_than_there_are_are_refused_instead_of_waited_for(gpus):
    with pytest.raises(DeviceError, match=r"gpus_per_actor=2"):
        pool(ClusterSettings(gpus_per_actor=2), {"CPU": 8.0, "GPU": gpus}, 4)


def test_a_cluster_that_does_not_answer_is_named_at_once():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(ConfigError, match=address):
            check_address(address)  # bound, but nobody listens
        server.listen()
        check_address(address)
        check_address(f"ray://{address}")
    check_address(None)
    check_address("auto")


def test_a_cluster_that_grows_is_taken_at_its_word():
    """No GPU need be there at the start: an autoscaler brings them when workers wait."""
    wanted = ClusterSettings(address="auto", actors=8, gpus_per_actor=1)
    assert pool(wanted, {"CPU": 0.0}, 100, "cuda") == (8, 1)
    assert pool(wanted, {}, 3) == (3, 1)
    assert most_measurers(wanted, [{"CPU": 1.0}], 1) == 8
    assert most_measurers(ClusterSettings("auto", 8, 1, 1, measurers=3), [], 1) == 3
    with pytest.raises(ConfigError, match="cpus_per_actor=1"):
        pool(ClusterSettings(address="auto", actors=8), {}, 100)


@pytest.mark.parametrize(("beside", "songs"), [(0, 1), (1, 4), (4, 7)])
def test_songs_in_flight_are_bounded(beside, songs):
    assert in_flight(beside) == songs


def test_cuda_without_a_gpu_is_one_sentence():
    with pytest.raises(DeviceError, match=r"device=cuda:0, but Ray finds no GPU here"):
        pool(ClusterSettings(), {"CPU": 8.0, "memory": 2.0**40}, 4, "cuda:0")


def test_another_version_of_ray_is_one_sentence(monkeypatch):
    ray = pytest.importorskip("ray")

    def refuse(*_, **__):
        raise RuntimeError("Version mismatch: The cluster was started with:\n    Ray: 2.59.0")

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", refuse)
    with pytest.raises(ClusterError, match=r"auto cannot be joined: Version mismatch: .* 2\.59\.0"):
        connect("auto")
    with pytest.raises(RuntimeError):  # of a Ray of its own that is no word about a cluster
        connect(None)
