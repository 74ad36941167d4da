"""A scripted service and a client without patience for it."""

from __future__ import annotations

import pytest

from stemwise.client import Client, Policy

from .scripted_service import Service

QUICK = Policy(
    attempts=4,
    short_attempts=2,
    total_s=5,
    pause_s=0.005,
    longest_pause_s=0.02,
    longest_retry_after_s=0.05,
    connect_s=5,
    read_s=2,
    upload_read_s=2,
    quiet_s=0.5,
    poll_s=0.005,
    longest_poll_s=0.02,
)


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch, tmp_path):
    for name in ("STEMWISE_KEY", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "no-netrc"))


@pytest.fixture
def service():
    running = Service()
    yield running
    running.close()


@pytest.fixture
def client(service):
    with Client(service.url, policy=QUICK) as made:
        yield made


@pytest.fixture
def song(tmp_path):
    path = tmp_path / "song.flac"
    path.write_bytes(bytes(range(256)) * 3000)
    return path
