"""Uploads over real sockets, and the cases that need a hand on what comes when."""

import asyncio
import hashlib
import http.client
import json
import socket
import sys
import threading
from pathlib import Path

import pytest
import uvicorn
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from stemwise.core.errors import NotReadyError, RequestError, TooLargeError
from stemwise.serving.intake import uploads
from stemwise.serving.intake.form import MAX_FIELD_BYTES, MAX_FIELDS, display_name
from stemwise.serving.intake.uploads import OVERHEAD, read_form

from ...conftest import examples
from ..hostile import FILENAMES

MAX_BYTES = 3_000_000
BOUNDARY = "xyz"
KIND = f"multipart/form-data; boundary={BOUNDARY}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("uploads")


@pytest.fixture(scope="module")
def server(folder):
    async def receive(request):
        try:
            upload = await read_form(request, folder, MAX_BYTES, idle_s=0.5)
        except RequestError as error:
            return JSONResponse({"error": str(error)}, error.status)
        same = hashlib.sha256(upload.path.read_bytes()).hexdigest() == upload.sha256
        inside = upload.path.parent == folder
        size = upload.path.stat().st_size
        upload.path.unlink()
        answer = {"name": upload.filename, "fields": upload.fields, "size": upload.size}
        return JSONResponse(answer | {"sound": same and inside and size == upload.size})

    app = Starlette(routes=[Route("/", receive, methods=["POST"])])
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="error", http="h11", lifespan="off")
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, args=([listener],))
    thread.start()
    yield listener.getsockname()
    running.should_exit = True
    thread.join()
    listener.close()


@pytest.fixture(autouse=True)
def _nothing_is_left(folder):
    yield
    assert not list(folder.iterdir())


def part(name, content, filename=None, kind=None):
    ending = "" if filename is None else f'; filename="{filename}"'
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{ending}\r\n'
    head += f"Content-Type: {kind}\r\n" if kind else ""
    return head.encode() + b"\r\n" + content + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()
FILE = part("file", b"RIFF....WAVE", "song.wav", "audio/wav")


def post(server, body, headers=None, chunked=False):
    connection = http.client.HTTPConnection(*server, timeout=20)
    pieces = iter([body[i : i + 65_536] for i in range(0, len(body), 65_536)]) if chunked else body
    try:
        connection.request(
            "POST", "/", pieces, {"Content-Type": KIND} | (headers or {}), encode_chunked=chunked
        )
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


@pytest.mark.parametrize("chunked", [False, True])
def test_a_form_is_received(server, chunked):
    content = bytes(range(256)) * 10_000 + b"\r\n--xy\r\n--xyzz\r\n-"
    fields = part("stems", b"vocals") + part("stems", "Bässe".encode()) + part("format", b"")
    body = fields + part("file", content, "a.wav") + part("recipe", b"paper") + END
    status, answer = post(server, body, chunked=chunked)
    assert (status, answer["sound"]) == (200, True)
    assert answer["size"] == len(content) and answer["name"] == "a.wav"
    assert answer["fields"] == {"stems": ["vocals", "Bässe"], "format": [""], "recipe": ["paper"]}


def test_a_file_of_the_largest_size_is_received_and_no_larger_one(server):
    for size, expected in ((MAX_BYTES, 200), (MAX_BYTES + 1, 413)):
        for chunked in (False, True):
            status, answer = post(server, part("file", bytes(size), "a") + END, chunked=chunked)
            assert status == expected, answer


REFUSED = {
    "no_file": (part("recipe", b"paper") + END, 422, "no part `file`"),
    "two_files": (FILE + FILE + END, 422, "several parts"),
    "file_without_name": (part("file", b"RIFF") + END, 422, "no filename"),
    "empty_file": (part("file", b"", "a.wav") + END, 422, "empty"),
    "unknown_field": (FILE + part("colour", b"red") + END, 422, "unknown field 'colour'"),
    "unknown_file": (part("cover", b"x", "a.png") + END, 422, "unknown file 'cover'"),
    "field_as_file": (FILE + part("recipe", b"x", "a") + END, 422, "unknown file 'recipe'"),
    "field_too_long": (FILE + part("stems", b"x" * 10_001) + END, 422, "10000 bytes"),
    "too_many_fields": (part("stems", b"x") * 9 + FILE + END, 422, "more than 8"),
    "field_not_text": (FILE + part("recipe", b"\xff\xfe") + END, 422, "not UTF-8"),
    "nameless": (b"--xyz\r\nContent-Type: a/b\r\n\r\nx\r\n" + END, 400, "no name"),
    "no_boundary_at_the_end": (FILE, 400, "ends before"),
    "cut_in_a_header": (FILE + b"--xyz\r\nConte", 400, "ends before"),
    "no_form": (b"RIFF....WAVE" * 100, 400, "malformed"),
    "empty_body": (b"", 400, "ends before"),
    "empty_form": (END, 422, "no part `file`"),
    "other_boundary": (FILE.replace(b"xyz", b"abc"), 400, "malformed"),
    "header_too_long": (b"--xyz\r\nX: " + b"a" * 100_000 + b"\r\n\r\n", 400, "malformed"),
    "too_many_headers": (b"--xyz\r\n" + b"X: a\r\n" * 5000 + b"\r\n", 400, "malformed"),
    "header_without_colon": (b"--xyz\r\nnonsense\r\n\r\nx" + END, 400, "malformed"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_wrong_forms_are_refused(server, name):
    body, expected, message = REFUSED[name]
    status, answer = post(server, body)
    assert status == expected
    assert message in answer["error"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Type": "audio/wav"}, 415),
        ({"Content-Type": ""}, 415),
        ({"Content-Type": "multipart/mixed; boundary=xyz"}, 415),
        ({"Content-Type": KIND, "Content-Encoding": "gzip"}, 415),
        ({"Content-Type": "multipart/form-data"}, 400),
        ({"Content-Type": "multipart/form-data; boundary="}, 400),
        ({"Content-Type": "multipart/form-data; boundary=" + "x" * 71}, 400),
    ],
)
def test_wrong_headers_are_refused(server, headers, status):
    assert post(server, FILE + END, headers)[0] == status


def raw(server, head, *pieces, read=True):
    """Send a request as given, which need not be whole; return the status of the answer."""
    with socket.create_connection(server, timeout=20) as connection:
        head = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: {KIND}\r\n{head}\r\n\r\n"
        connection.sendall(head.encode())
        for piece in pieces:
            connection.sendall(piece)
        if not read:
            return None
        return int(connection.recv(4096).split()[1])


def test_what_is_announced_too_large_is_refused_before_it_is_sent(server):
    assert raw(server, f"Content-Length: {MAX_BYTES + OVERHEAD + 1}") == 413
    assert raw(server, "Content-Length: 9" + "9" * 17) == 413


def test_a_sender_that_stops_is_given_up(server):
    assert raw(server, "Content-Length: 1000", FILE) == 400
    assert raw(server, "Transfer-Encoding: chunked", b"5\r\n--xyz") == 400


def test_a_sender_that_leaves_leaves_nothing(server, folder):
    raw(server, "Content-Length: 100000", FILE, read=False)
    assert post(server, FILE + END)[0] == 200  # the server still works, and is done with the other
    _wait_until_empty(folder)


def _wait_until_empty(folder):
    deadline = threading.Event()
    for _ in range(200):
        if not list(folder.iterdir()):
            return
        deadline.wait(0.01)


def test_a_chunked_stream_without_end_is_refused_while_it_comes(server):
    start = part("file", b"", "a.wav")[:-2]
    pieces = [f"{len(start):x}\r\n".encode() + start + b"\r\n"]
    pieces += [b"10000\r\n" + bytes(65_536) + b"\r\n"] * 60
    assert raw(server, "Transfer-Encoding: chunked", *pieces) == 413


def request_of(receive, **headers):
    pairs = [(b"content-type", KIND.encode())]
    pairs += [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "method": "POST", "headers": pairs}, receive)


def sending(*pieces):
    """Return an ASGI receive channel that gives `pieces`, then the end of the body."""
    left = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    left.append({"type": "http.request", "body": b"", "more_body": False})

    async def receive():
        return left.pop(0)

    return receive


@pytest.mark.parametrize("announced", ["-1", "1e3", "٣", "0x10", ""])
def test_a_content_length_that_is_no_number_is_refused(folder, announced):
    headers = [(b"content-type", KIND.encode()), (b"content-length", announced.encode())]
    request = Request({"type": "http", "headers": headers}, sending(FILE, END))
    with pytest.raises(RequestError, match="not a number"):
        asyncio.run(read_form(request, folder, 1000))


def test_a_lying_content_length_does_not_lift_the_limit(folder):
    body = part("file", bytes(5000), "a")
    for length in ("10", "0"):
        request = request_of(sending(body, END), content_length=length)
        with pytest.raises(TooLargeError, match=r"at most 0\.001 MB"):
            asyncio.run(read_form(request, folder, 1000))


@pytest.mark.parametrize("what", ["preamble", "epilogue"])
def test_bytes_around_the_form_count_too(folder, what):
    rubbish = b"\r\n" * 50_000
    pieces = [rubbish] * 100 + [FILE, END] if what == "preamble" else [FILE, END] + [rubbish] * 100
    with pytest.raises(TooLargeError):
        asyncio.run(read_form(request_of(sending(*pieces)), folder, 1000))


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_pieces_of_any_size_give_the_same(folder, size, monkeypatch):
    monkeypatch.setattr(uploads, "_BATCH", size)
    content = b"\r\n--xyz-\r\n--xy\r\n\r\n" * 20
    body = part("stems", b"\r\n--x") + part("file", content, "a.wav") + END
    pieces = [body[i : i + size] for i in range(0, len(body), size)]
    upload = asyncio.run(read_form(request_of(sending(*pieces)), folder, 1000))
    assert upload.path.read_bytes() == content
    assert upload.fields == {"stems": ["\r\n--x"]}
    upload.path.unlink()


def test_a_cancelled_upload_leaves_nothing(folder):
    started = asyncio.Event()

    async def receive():
        if started.is_set():
            await asyncio.Event().wait()
        started.set()
        return {"type": "http.request", "body": FILE, "more_body": True}

    async def run():
        task = asyncio.create_task(read_form(request_of(receive), folder, 1000))
        await started.wait()
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())


def test_a_full_disk_is_said(folder, monkeypatch):
    def full(self, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(uploads.Form, "feed", full)
    with pytest.raises(NotReadyError, match="no space") as refusal:
        asyncio.run(read_form(request_of(sending(FILE, END)), folder, 1000))
    assert refusal.value.retry_after == 60


def test_a_large_file_does_not_go_through_memory(tmp_path):
    script = f"""
import asyncio, resource, sys
from pathlib import Path
from starlette.requests import Request
from stemwise.serving.intake.uploads import read_form
pieces = 2000
async def receive():
    global pieces
    pieces -= 1
    if pieces == 1999:
        body = {part("file", b"", "a.wav")[:-2]!r}
    elif pieces:
        body = bytes(100_000)
    else:
        body = b"\\r\\n" + {END!r}
    return {{"type": "http.request", "body": body, "more_body": pieces > 0}}
request = Request({{"type": "http", "headers": [(b"content-type", {KIND.encode()!r})]}}, receive)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
upload = asyncio.run(read_form(request, Path(sys.argv[1]), 10**9))
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(upload.size, after - before)
"""
    done = asyncio.run(_output(script, tmp_path))
    size, kilobytes = map(int, done.split())
    assert size == 1998 * 100_000
    assert kilobytes < 30_000


async def _output(script, folder):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", script, str(folder), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    return out.decode()


@pytest.mark.parametrize("name", FILENAMES)
def test_names_for_people_are_harmless(name):
    assert display_name(name) == FILENAMES[name]


@given(st.text())
@settings(max_examples=300)
def test_any_name_becomes_harmless(name):
    shown = display_name(name)
    assert 1 <= len(shown) <= 120
    assert shown.isprintable() and "/" not in shown and "\\" not in shown
    assert display_name(shown) == shown


@settings(max_examples=examples(30, 100))
@given(st.binary(max_size=300), st.integers(1, 50))
def test_no_bytes_do_more_than_be_refused(tmp_path_factory, rest, size):
    folder = Path(tmp_path_factory.getbasetemp())
    before = set(folder.iterdir())
    body = FILE[:60] + rest
    pieces = [body[i : i + size] for i in range(0, len(body), size)]
    with pytest.raises(RequestError):
        asyncio.run(read_form(request_of(sending(*pieces)), folder, 1000))
    assert set(folder.iterdir()) == before


def test_limits_are_what_the_refusals_above_say():
    assert (MAX_FIELDS, MAX_FIELD_BYTES) == (8, 10_000)
