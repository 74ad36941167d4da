"""A service in processes of its own, on a free port of 127.0.0.1, and what it used."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import requests

from serving_load import processes

_START_S = 240.0
_COUNTERS = ("chunks", "passes", "model_retries")


@dataclass
class Service:
    """A running service; `metrics_port` is 0 where it has none."""

    url: str
    process: subprocess.Popen[bytes]
    metrics_port: int = 0
    start_s: float = 0.0
    _ended_cpu_s: list[float] = field(default_factory=list)

    def replicas(self, deployment: str) -> list[int]:
        """Return the processes of a Serve deployment."""
        begin = f"ray::ServeReplica:stemwise:{deployment}"
        pids = processes.tree(self.process.pid)
        return [pid for pid in pids if processes.title(pid).startswith(begin)]

    def kill(self, pid: int) -> None:
        """End a replica as the kernel does when memory runs out."""
        self._ended_cpu_s.append(processes.cpu_s([pid]))
        os.kill(pid, signal.SIGKILL)

    def cpu_s(self) -> float:
        """Return the CPU seconds of all its processes, killed ones included."""
        return processes.cpu_s(processes.tree(self.process.pid)) + sum(self._ended_cpu_s)

    def memory_mb(self) -> float:
        """Return the memory of all its processes."""
        return processes.memory_mb(processes.tree(self.process.pid))

    def counters(self) -> dict[str, float]:
        """Return stemwise's counters from Ray's metrics, summed over models and replicas."""
        sums = dict.fromkeys(_COUNTERS, 0.0)
        if self.metrics_port:
            page = requests.get(f"http://127.0.0.1:{self.metrics_port}/metrics", timeout=20)
            for line in page.text.splitlines():
                name = line.partition("{")[0].removeprefix("ray_stemwise_").removesuffix("_total")
                if line.startswith("ray_stemwise_") and name in sums:
                    sums[name] += float(line.rpartition(" ")[2])
        return sums

    def settled(self, at_least: float, patience_s: float = 25.0) -> dict[str, float]:
        """Return the counters once they show `at_least` so many chunks (Ray exports now and then)."""
        until = time.monotonic() + patience_s
        while (found := self.counters())["chunks"] < at_least and time.monotonic() < until:
            time.sleep(1)
        time.sleep(6)  # other processes' counters come with their own next export
        return self.counters() if self.metrics_port else found


@contextmanager
def running(
    command: Callable[[int, int], Sequence[str]], log: Path, ready: str, has_metrics: bool = False
) -> Iterator[Service]:
    """Start `command(port, metrics port)`, wait until `ready` answers 200, stop it at the end."""
    port, metrics_port = free_port(), free_port()
    with log.open("ab") as out:
        begun = time.monotonic()
        process = subprocess.Popen(command(port, metrics_port), stdout=out, stderr=out)
    service = Service(f"http://127.0.0.1:{port}", process, metrics_port if has_metrics else 0)
    try:
        _wait_until(service, ready, log)
        service.start_s = time.monotonic() - begun
        yield service
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """Return a port of 127.0.0.1 that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until(service: Service, ready: str, log: Path) -> None:
    until = time.monotonic() + _START_S
    while time.monotonic() < until and service.process.poll() is None:
        try:
            if requests.get(f"{service.url}{ready}", timeout=10).status_code == 200:
                return
        except requests.RequestException:
            pass  # not listening yet
        time.sleep(0.2)
    raise SystemExit(f"A service did not come up; the end of its log:\n{log.read_text()[-3000:]}")
