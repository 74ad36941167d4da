"""Services in this process: one for each test, and one with a job that is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from stemwise.serving.http import service
from stemwise.serving.intake import intake
from stemwise.serving.jobs import runner as job_runner

from .client import Api, Live, Serve, decoded_here, serving


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Return a function that serves in this process (options of `application` and a worker's)."""
    monkeypatch.setattr(intake, "decode", decoded_here)
    monkeypatch.setattr(job_runner, "PULSE_S", 0.02)
    monkeypatch.setattr(service, "_POLL_S", 0.01)
    with ExitStack() as stack:
        yield lambda **options: serving(stack, tmp_path, **options)


@pytest.fixture
def api(serve: Serve) -> Api:
    return serve()


@pytest.fixture(scope="package")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Api, dict[str, Any]]]:
    """Return a client and a job that succeeded, decoded by a real child; to be read only."""
    with ExitStack() as stack:
        client = serving(stack, tmp_path_factory.mktemp("finished"))
        yield client, client.separated(format="wav")


@pytest.fixture
def live(serve: Serve) -> Iterator[Callable[..., tuple[Api, Live]]]:
    made: list[Live] = []

    def start(**options: Any) -> tuple[Api, Live]:
        api = serve(**options)
        made.append(Live(api))
        return api, made[-1]

    yield start
    for one in made:
        one.close()
