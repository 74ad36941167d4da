"""Fixtures that several stages use: tiny songs on disk, one Ray for the session, the real test data."""

from __future__ import annotations

import logging
import os
import signal
import socket
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import numpy as np
import pytest
import soundfile

from .scheduling import Closers, in_order, rooms, twice

# `make test-thorough`: more examples and larger cases of what `make test` shows on smaller ones
THOROUGH = os.environ.get("STEMWISE_THOROUGH") == "1"


def examples(few: int, many: int) -> int:
    """Return how many examples of a costly property are tried: `many` in `make test-thorough`."""
    return many if THOROUGH else few


# no test is about how long an example takes, and machines are shared
hypothesis.settings.register_profile("stemwise", deadline=None)
hypothesis.settings.load_profile("stemwise")

RATE = 44_100
STEMS = ("vocals", "drums", "bass", "other")
_CLOSERS = Closers()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take long: see `scheduling.py`."""
    items[:] = in_order(items)
    twice(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Keep what shares a Ray in one process."""
    return rooms(config, log)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Stop what no later test needs: an idle Ray takes a tenth of a core."""
    _CLOSERS.leave(item, nextitem)


@pytest.fixture(scope="session")
def closers() -> Closers:
    """Return what stops services when the last test of their room is done."""
    return _CLOSERS


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> None:
    """Heed interrupts: in the background of a shell they are ignored, by whatever tests start too."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Keep torch and BLAS to one thread, as a worker does: others spin where cores are shared."""
    import torch  # here, since xdist's own process needs none of it
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(1)
    with threadpool_limits(1):
        yield


def make_song(folder: Path, seed: int, seconds: float = 1.5) -> Path:
    """Write a four-stem song whose stems lie in different bands, and return its folder."""
    generator = np.random.default_rng(seed)
    time = np.arange(int(seconds * RATE)) / RATE
    folder.mkdir(parents=True)
    tones = {"bass": 70 + seed, "vocals": 900 + 10 * seed, "other": 1700 + 10 * seed}
    for stem in STEMS:
        noise = generator.standard_normal((len(time), 2)) * 0.01
        if stem == "drums":
            hits = (np.sin(2 * np.pi * 4 * time) > 0.95)[:, None]
            noise = noise + 0.3 * hits * np.diff(
                generator.standard_normal((len(time) + 1, 2)), axis=0
            )
        else:
            noise = noise + 0.2 * np.sin(2 * np.pi * tones[stem] * time)[:, None]
        soundfile.write(folder / f"{stem}.wav", noise.astype(np.float32), RATE, subtype="FLOAT")
    return folder


@pytest.fixture
def songs(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes `count` songs below a root and returns the root."""

    def make(count: int = 2, seconds: float = 1.5, name: str = "songs") -> Path:
        root = tmp_path / name
        for number in range(count):
            make_song(root / f"song-{number}", number, seconds)
        return root

    return make


@pytest.fixture(scope="session")
def s3_address() -> Iterator[str]:
    """Set the environment for an S3 server that `s3` starts; workers of Ray inherit it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patch.delenv(name)
        patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "someone")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield f"127.0.0.1:{port}"


class Requests(logging.Handler):
    """Keeps the requests that the S3 server answers."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@pytest.fixture(scope="session")
def s3_server(s3_address: str) -> Iterator[Requests]:
    """Serve S3 for the session (moto's server: all of the protocol, nothing of the cloud)."""
    server = pytest.importorskip("moto.server")
    host, port = s3_address.split(":")
    log, requests = logging.getLogger("werkzeug"), Requests()
    log.setLevel(logging.INFO)
    log.addHandler(requests)
    log.propagate = False
    running = server.ThreadedMotoServer(ip_address=host, port=int(port), verbose=False)
    running.start()
    yield requests
    running.stop()
    log.removeHandler(requests)


@pytest.fixture
def bucket(s3_server: Requests, request: pytest.FixtureRequest) -> Iterator[str]:
    """Make an empty bucket of the test's own and return its name."""
    import s3fs

    name = f"bucket-{uuid.uuid4().hex[:12]}"
    system = s3fs.S3FileSystem()
    system.mkdir(name)
    yield name
    system.invalidate_cache()
    if system.exists(name):
        system.rm(name, recursive=True)


@pytest.fixture(scope="session")
def session_ray(s3_address: str, closers: Closers) -> Iterator[None]:
    """Start one Ray for all tests that need it; jobs join it instead of starting their own."""
    ray = pytest.importorskip("ray")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    ray.init(
        "local", num_cpus=2, include_dashboard=False, logging_level="ERROR", log_to_driver=False
    )
    closers.add(ray.shutdown)
    yield
    ray.shutdown()


@pytest.fixture
def without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    """Evaluate songs in this process: for tests of what a job does around its songs."""
    from stemwise.evaluation import pipeline

    from .in_this_process import run

    monkeypatch.setattr(pipeline, "run", run)


@pytest.fixture
def unrendered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw the figures of a report, but leave out what takes most of its time: SVG and PNG of each."""
    leave_figures_unrendered(monkeypatch)


def leave_figures_unrendered(patch: pytest.MonkeyPatch) -> None:
    """Let reports have empty pictures: for tests of what else there is in them."""
    from stemwise.report.figures import drawing

    def rendered(_: object, folder: Path, name: str) -> str:
        svg = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"></svg>'
        (folder / f"{name}.svg").write_text(svg)
        (folder / f"{name}.png").write_bytes(b"\x89PNG")
        return svg

    patch.setattr(drawing, "_rendered", rendered)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Return the folder of real songs and weights; skip where it is absent."""
    default = Path(__file__).resolve().parent.parent.parent / "shared" / "data"
    folder = Path(os.environ.get("STEMWISE_TEST_DATA", default))
    if not (folder / "MANIFEST.md").is_file():
        pytest.skip(f"no real test data at {folder} (set STEMWISE_TEST_DATA)")
    return folder
