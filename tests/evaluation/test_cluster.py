"""How many workers a machine gets, and a cluster that is not there."""

from __future__ import annotations

import socket

import pytest

from stemwise.core.errors import ConfigError, DeviceError
from stemwise.evaluation.cluster import ClusterSettings, check_address, pool


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
