"""A cache folder of its own for each test, and a file server on the loopback that can misbehave."""

from __future__ import annotations

import hashlib
import random
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

BODY = random.Random(0).randbytes(700_000)


@dataclass
class FileServer:
    """Serves `body` under every path; what it was asked is in `seen` (the Range header or None)."""

    address: str = ""
    body: bytes = BODY
    ranges: bool = True
    headers: dict[str, str] = field(default_factory=lambda: {"ETag": '"one"'})
    cut_after: list[int] = field(default_factory=list)  # bytes per request, then whole again
    statuses: list[int] = field(default_factory=list)  # per request, then 200 again
    seen: list[str | None] = field(default_factory=list)
    sent: list[int] = field(default_factory=list)
    delay_s: float = 0.0

    @property
    def url(self) -> str:
        return f"{self.address}/weights.ckpt"

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest()


def _start_of(server: FileServer, request: BaseHTTPRequestHandler) -> int:
    match = re.fullmatch(r"bytes=(\d+)-", request.headers.get("Range", ""))
    condition = request.headers.get("If-Range")
    # A weak tag never matches here (RFC 9110).
    fresh = condition is None or condition == server.headers.get("ETag", "").replace("W/", "?")
    if not match or not server.ranges or not fresh:
        return 0
    return int(match.group(1))


def _handler(server: FileServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            server.seen.append(self.headers.get("Range"))
            threading.Event().wait(server.delay_s)
            start = _start_of(server, self)
            status = server.statuses.pop(0) if server.statuses else 206 if start else 200
            if start and start >= len(server.body):
                status = 416
            self.send_response(status)
            for key, value in server.headers.items():
                self.send_header(key, value)
            payload = server.body[start:] if status in {200, 206} else b""
            if status in {206, 416}:
                what = f"{start}-{len(server.body) - 1}" if status == 206 else "*"
                self.send_header("Content-Range", f"bytes {what}/{len(server.body)}")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            if server.cut_after:
                payload = payload[: server.cut_after.pop(0)]
            server.sent.append(len(payload))
            self.wfile.write(payload)

        def log_message(self, *arguments: Any) -> None:
            pass

    return Handler


@pytest.fixture
def file_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FileServer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = FileServer()
    http = ThreadingHTTPServer(("127.0.0.1", 0), _handler(server))
    server.address = f"http://127.0.0.1:{http.server_port}"
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    http.shutdown()
    thread.join()
    http.server_close()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    place = tmp_path / "home"
    monkeypatch.setenv("STEMWISE_HOME", str(place))
    return place
