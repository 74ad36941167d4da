from __future__ import annotations

import errno
import json
import multiprocessing
import socket
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from stemwise.core.errors import CheckpointError
from stemwise.models.checkpoints import download
from stemwise.models.checkpoints.checkpoint import Checkpoint
from stemwise.models.checkpoints.download import Policy
from stemwise.models.checkpoints.obtain import ensure

QUICK = Policy(attempts=3, pause_s=0.01, connect_s=2.0, read_s=2.0)


@pytest.fixture
def target(home: Path) -> Path:
    return home / "checkpoints" / "weights.ckpt"


@pytest.fixture
def fetch(file_server: Any, target: Path) -> Callable[..., None]:
    """Fetch from the file server; keywords override what is published about the file."""

    def run(**published: Any) -> None:
        facts = {"url": file_server.url, "size": len(file_server.body), **published}
        if "sha256" not in published:
            facts["sha256"] = file_server.sha256
        done: list[tuple[int, int | None]] = []
        download.fetch(
            Checkpoint("weights.ckpt", **facts),
            target,
            progress=lambda *step: done.append(step),
            policy=QUICK,
        )
        assert not done or done[-1] == (len(file_server.body), len(file_server.body))

    return run


def leftovers(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.glob("*.part*"))


def message_of(fetch: Callable[..., None], **published: Any) -> str:
    with pytest.raises(CheckpointError) as caught:
        fetch(**published)
    return str(caught.value)


def test_a_file_is_fetched_once_and_verified(fetch, file_server, target):
    fetch()
    fetch()
    assert target.read_bytes() == file_server.body
    assert file_server.seen == [None]
    assert leftovers(target) == []


def test_a_file_nothing_is_published_about_is_fetched(fetch, file_server, target):
    fetch(size=None, sha256=None)
    assert target.read_bytes() == file_server.body


@pytest.mark.parametrize("headers", [{"ETag": '"one"'}, {}, {"ETag": 'W/"weak"'}])
def test_a_dropped_connection_is_continued_where_it_stopped(fetch, file_server, target, headers):
    file_server.headers = headers
    file_server.cut_after = [300_000]
    fetch()
    assert target.read_bytes() == file_server.body
    assert file_server.seen[0] is None
    offset = int(str(file_server.seen[1]).removeprefix("bytes=").removesuffix("-"))
    assert 0 < offset <= 300_000
    assert file_server.sent == [300_000, len(file_server.body) - offset]


def test_a_later_run_continues_what_an_earlier_one_left(fetch, file_server, target):
    file_server.cut_after = [300_000, 50_000, 50_000]
    assert "by hand" in message_of(fetch)
    kept = (target.parent / "weights.ckpt.part").stat().st_size
    assert kept >= 200_000
    fetch()
    assert file_server.seen[-1] == f"bytes={kept}-"
    assert target.read_bytes() == file_server.body


def test_a_server_without_ranges_sends_all_again(fetch, file_server, target):
    file_server.ranges = False
    file_server.cut_after = [300_000]
    fetch()
    assert target.read_bytes() == file_server.body
    assert file_server.sent[1] == len(file_server.body)


def test_a_file_that_changed_meanwhile_starts_afresh(fetch, file_server, target):
    file_server.cut_after = [300_000, 0, 0]
    message_of(fetch, sha256=None)
    file_server.body, file_server.headers = file_server.body[::-1], {"ETag": '"two"'}
    fetch(sha256=None)
    assert target.read_bytes() == file_server.body


def test_nothing_is_continued_that_nobody_could_check(fetch, file_server, target):
    file_server.headers = {}
    file_server.cut_after = [300_000]
    fetch(sha256=None)
    assert file_server.seen == [None, None]
    assert target.read_bytes() == file_server.body


def test_a_part_of_another_address_is_not_continued(fetch, file_server, target):
    target.parent.mkdir(parents=True)
    target.with_name("weights.ckpt.part").write_bytes(b"another file")
    note = {"url": "https://example.org/weights.ckpt", "validator": '"one"'}
    target.with_name("weights.ckpt.part.json").write_text(json.dumps(note))
    fetch()
    assert file_server.seen == [None]


@pytest.mark.parametrize("extra", [b"", b"more than there is"])
def test_range_beyond_the_end(fetch, file_server, target, extra):
    # A process that ended between the last byte and the new name leaves a whole part.
    target.parent.mkdir(parents=True)
    target.with_name("weights.ckpt.part").write_bytes(file_server.body + extra)
    note = {"url": file_server.url, "validator": '"one"'}
    target.with_name("weights.ckpt.part.json").write_text(json.dumps(note))
    fetch(size=None)
    assert target.read_bytes() == file_server.body
    assert len(file_server.seen) == (2 if extra else 1)


def test_a_whole_part_of_known_size_needs_no_network(fetch, file_server, target):
    target.parent.mkdir(parents=True)
    target.with_name("weights.ckpt.part").write_bytes(file_server.body)
    note = {"url": file_server.url, "validator": '"one"'}
    target.with_name("weights.ckpt.part.json").write_text(json.dumps(note))
    fetch()
    assert file_server.seen == []


def test_a_busy_server_is_asked_again(fetch, file_server, target):
    file_server.statuses = [503, 429]
    fetch()
    assert target.is_file()


def test_a_missing_file_is_not_asked_for_again(fetch, file_server, target):
    file_server.statuses = [404]
    message = message_of(fetch)
    assert "HTTP 404" in message and str(target) in message and file_server.url in message
    assert len(file_server.seen) == 1


def test_416_to_a_plain_request_is_an_error(fetch, file_server):
    file_server.statuses = [416]
    assert "HTTP 416" in message_of(fetch)


def test_a_wrong_digest_leaves_nothing(fetch, file_server, target):
    message = message_of(fetch, sha256="0" * 64)
    assert "0" * 64 in message and file_server.sha256 in message
    assert leftovers(target) == [] and not target.exists()


def test_a_published_prefix_is_enough_and_enforced(fetch, file_server, target):
    assert "f" * 8 in message_of(fetch, sha256="f" * 8)
    fetch(sha256=file_server.sha256[:8].upper())
    assert target.is_file()


def test_a_wrong_size_is_refused_before_the_transfer(fetch, file_server, target):
    message = message_of(fetch, size=123)
    assert "expected 123 bytes" in message and "700000" in message
    assert leftovers(target) == []


@pytest.mark.parametrize(
    ("kind", "body"),
    [("text/html; charset=utf-8", b"please log in"), ("binary/octet-stream", b"\n<!DOCTYPE html>")],
)
def test_a_login_page_is_recognised(fetch, file_server, target, kind, body):
    file_server.headers, file_server.body = {"Content-Type": kind}, body
    assert "HTML page" in message_of(fetch, sha256=None, size=None)
    assert leftovers(target) == []


def test_offline_says_where_to_put_the_file_and_does_not_linger(target, monkeypatch):
    pauses: list[float] = []
    monkeypatch.setattr(download.time, "sleep", pauses.append)
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        url = f"http://127.0.0.1:{reserved.getsockname()[1]}/weights.ckpt"
        with pytest.raises(CheckpointError) as caught:
            download.fetch(Checkpoint("weights.ckpt", url=url), target)
    message = str(caught.value)
    assert pauses == []
    assert "cannot be reached" in message and url in message and str(target) in message
    assert "\n" not in message


def test_a_folder_that_cannot_be_made_is_named(fetch, file_server, home):
    home.write_text("a file where the folder should be")
    message = message_of(fetch)
    assert str(home / "checkpoints") in message and "STEMWISE_HOME" in message


def test_a_full_disk_is_named(fetch, target, monkeypatch):
    opened = Path.open

    def open_on_full_disk(path: Path, mode: str = "r", *rest: Any, **options: Any) -> Any:
        if path.suffix == ".part":
            raise OSError(errno.ENOSPC, "No space left on device")
        return opened(path, mode, *rest, **options)

    monkeypatch.setattr(Path, "open", open_on_full_disk)
    message = message_of(fetch)
    assert "No space left" in message and str(target.parent) in message
    assert "STEMWISE_HOME" in message


def test_two_processes_fetch_one_file_once(file_server, target):
    file_server.delay_s = 0.3
    wanted = Checkpoint("weights.ckpt", url=file_server.url, sha256=file_server.sha256)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        files = [pool.submit(ensure, wanted, name="some_model") for _ in range(2)]
        assert {file.result(timeout=60).path for file in files} == {target}
    assert file_server.seen == [None]
