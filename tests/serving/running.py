"""A real `stemwise serve` in processes of its own, over real HTTP."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

START_S = 400.0  # on a busy machine


@dataclass
class Running:
    """A service that is up; `state` is its folder, `process` the command itself."""

    url: str
    state: Path
    process: subprocess.Popen[bytes]
    log: Path
    metrics_port: int

    def replicas(self, deployment: str) -> list[int]:
        """Return the process ids of a deployment's replicas."""
        title = f"ray::ServeReplica:stemwise:{deployment}"
        return [pid for pid in _descendants(self.process.pid) if _title(pid).startswith(title)]

    def stop(self, number: int = signal.SIGINT) -> int:
        """Send a signal and wait for the end; return the exit code."""
        self.process.send_signal(number)
        try:
            return self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise

    def end(self) -> None:
        """Stop it unless it has ended."""
        if self.process.poll() is None:
            self.stop()


@contextmanager
def running(
    folder: Path, *arguments: str, ready: bool = True, env: dict[str, str] | None = None
) -> Iterator[Running]:
    """Run `stemwise serve` on a free port with its state in `folder`; stop it at the end."""
    port, metrics_port = free_port(), free_port()
    log = folder / "serve.log"
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "stemwise.cli", "serve", "--port", str(port)]
    command += ["--state", str(folder / "state"), "--metrics-port", str(metrics_port), *arguments]
    with log.open("ab") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=out, env=os.environ | (env or {}), cwd=folder
        )
    service = Running(f"http://127.0.0.1:{port}", folder / "state", process, log, metrics_port)
    try:
        if ready:
            wait_until_ready(service)
        yield service
    finally:
        service.end()


def wait_until_ready(service: Running, timeout_s: float = START_S) -> None:
    """Wait for /healthz to say ok."""
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        if service.process.poll() is not None:
            break
        try:
            if requests.get(f"{service.url}/healthz", timeout=10).status_code == 200:
                return
        except requests.RequestException:
            pass
        time.sleep(0.3)
    raise AssertionError(f"the service did not come up:\n{service.log.read_text()[-4000:]}")


def free_port() -> int:
    """Return a port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def final(url: str, job: dict, timeout_s: float = 120.0, headers: dict | None = None) -> dict:
    """Poll a job until it is final and return it."""
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        found = requests.get(f"{url}{job['links']['self']}", timeout=20, headers=headers).json()
        if found["status"] not in {"queued", "running"}:
            return found
        time.sleep(0.1)
    raise AssertionError(f"the job is still {found}")


def _descendants(pid: int) -> list[int]:
    """Return all processes below `pid`."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
    found: list[int] = []
    todo: Sequence[int] = [pid]
    while todo:
        todo = [child for parent in todo for child in parents.get(parent, [])]
        found += todo
    return found


def _title(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""
