"""A service over real sockets that misbehaves as told: what a client meets, without any model."""

from __future__ import annotations

import io
import json
import random
import socket
import struct
import threading
from collections import defaultdict, deque
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from python_multipart import parse_form

STEMS = {"vocals": b"fLaC" + random.Random(0).randbytes(400_000), "drums": b"fLaC" + b"\x07" * 3000}
HTML = b"<!doctype html><html><body>Welcome to nginx</body></html>"
Fault = Callable[["Handler"], None]


def answer(status, body=b"", sort="application/json", **headers) -> Fault:
    """Return a fault that sends one whole answer instead of the right one."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return lambda handler: handler.send(status, data, sort, headers)


def problem(status, detail="Something is wrong: mend it.", reason="word", **headers) -> Fault:
    content = {"type": "about:blank", "title": "T", "status": status, "detail": detail}
    content |= {"reason": reason}
    return answer(status, content, "application/problem+json", **headers)


def cut(handler) -> None:
    """Drop the connection without an answer, as a killed process does."""
    handler.drop()


def cut_after(count, **headers) -> Fault:
    """Return a fault of a download: it ends after `count` bytes of what was promised."""
    return lambda handler: handler.send_stem(limit=count, extra=headers)


def chunks(*pieces, end=True, sort="text/event-stream", pause=0.0) -> Fault:
    """Return a fault of events: these pieces of bytes, then the end, or a cut."""

    def run(handler):
        handler.start_chunks(sort)
        for piece in pieces:
            handler.chunk(piece)
            handler.service.stop.wait(pause)
        handler.chunk(b"") if end else handler.drop()

    return run


class Service:
    """One job machine: a job takes the next of its `steps` each time somebody looks at it."""

    def __init__(self):
        self.faults = defaultdict(deque)
        self.seen = []  # (route, method, path, headers)
        self.uploads = []  # {field: text, "file": bytes, "name": text}
        self.jobs = {}  # id → Separation
        self.keys = {}  # idempotency key → id
        self.steps = [("queued", 0), ("running", 2), ("succeeded", 4)]
        self.stop = threading.Event()
        self.connections = []
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.service = self
        self.server.daemon_threads = False
        self.server.handle_error = lambda *_: None  # clients that leave are part of the tests
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def close(self):
        self.stop.set()
        for connection in self.connections:
            with suppress(OSError):  # most have ended by themselves
                connection.shutdown(socket.SHUT_RDWR)
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def fault(self, route, *faults):
        """Let the next requests of a route end so, one each; None means as it should be."""
        self.faults[route].extend(faults)

    def count(self, route):
        return sum(seen[0] == route for seen in self.seen)

    def new_job(self, title="song.flac", form="flac", recipe="demo", stems=()):
        number = f"job{len(self.jobs)}"
        self.jobs[number] = {
            "id": number,
            "status": "queued",
            "title": title,
            "recipe": recipe,
            "format": form,
            "stems": list(stems),
            "progress": 0.0,
            "chunks_done": 0,
            "chunks_total": None,
            "duration_s": 1.5,
            "created_at": "2026-11-24T21:42:11Z",
            "links": {"self": "/x", "events": "/x/events"},
            "of_a_newer_server": {"any": ["thing"]},
            "step": 0,
        }
        return number

    def look(self, job, step=True):
        found = self.jobs[job]
        if step and found["status"] in {"queued", "running"}:
            status, done = self.steps[min(found["step"], len(self.steps) - 1)]
            found["step"] += 1
            found |= {
                "status": status,
                "chunks_done": done,
                "chunks_total": 4,
                "progress": done / 4,
            }
        if found["status"] == "succeeded":
            made = found["stems"] or list(STEMS)
            found["results"] = [
                {"stem": stem, "parent": "mixture", "bytes": len(STEMS[stem]), "models": {"m": 1}}
                for stem in made
            ]
            found["gain"] = 1.0
        if found["status"] == "failed":
            found["error"] = {
                "reason": "models_failed",
                "detail": "The model gave up: try another.",
            }
        return found


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 5

    @property
    def service(self):
        return self.server.service

    def setup(self):
        super().setup()
        self.service.connections.append(self.connection)

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.handle_one()

    do_POST = do_DELETE = do_GET

    def handle_one(self):
        self.parts = urlsplit(self.path).path.strip("/").split("/")
        route = self.route()
        self.service.seen.append((route, self.command, self.path, dict(self.headers)))
        faults = self.service.faults[route]
        fault = faults.popleft() if faults else None
        if fault is not None:
            if getattr(fault, "reads", True) and self.command == "POST":
                self.rfile.read(int(self.headers["Content-Length"]))
            return fault(self)
        return getattr(self, route)()

    def route(self):
        kind = self.parts[-1] if len(self.parts) < 4 else self.parts[3]
        if self.parts[0] == "healthz":
            return "health"
        if kind == "separations":
            return "submit" if self.command == "POST" else "recent"
        if len(self.parts) == 3:
            return "cancel" if self.command == "DELETE" else "get"
        return {"stems": "stem"}.get(kind, kind)

    def submit(self):
        given = {"name": ""}
        size = int(self.headers["Content-Length"])

        def on_file(file):
            file.file_object.seek(0)
            given["file"] = file.file_object.read()
            given["name"] = file.file_name.decode()
            file.close()

        def on_field(field):
            given[field.field_name.decode()] = (field.value or b"").decode()

        headers = {name: value.encode() for name, value in self.headers.items()}
        parse_form(headers, io.BytesIO(self.rfile.read(size)), on_field, on_file)
        self.service.uploads.append(given)
        key = self.headers["Idempotency-Key"]
        if key not in self.service.keys:
            stems = [name for name in given.get("stems", "").split(",") if name]
            recipe = given.get("recipe", "demo")
            job = self.service.new_job(given["name"], given["format"], recipe, stems)
            self.service.keys[key] = job
        self.json(self.service.look(self.service.keys[key], step=False), 202)

    def get(self):
        self.json(self.service.look(self.parts[2]))

    def events(self):
        self.start_chunks()
        name = ""
        while name != "done":
            job = self.service.look(self.parts[2])
            name = "done" if job["status"] not in {"queued", "running"} else "progress"
            self.chunk(f": here\n\nevent: {name}\ndata: {json.dumps(job)}\n\n".encode())
        self.chunk(b"")

    def stem(self):
        self.send_stem()

    def archive(self):
        self.send(200, b"PK" + b"z" * 500, "application/zip", {})

    def cancel(self):
        job = self.service.jobs[self.parts[2]]
        job["status"] = "cancelled"
        self.json(job)

    def recent(self):
        self.json({"separations": list(self.service.jobs.values())[::-1]})

    def recipes(self):
        demo = {"name": "demo", "default": True, "stems": list(STEMS), "children": {}}
        other = demo | {"name": "other", "default": False, "children": {"drums": ["kick"]}}
        self.json({"recipes": [demo, other]})

    def models(self):
        self.json({"models": [{"name": "m", "architecture": "a", "ready": True}]})

    def health(self):
        self.json({"status": "ok", "models": {"m": True}})

    def json(self, content, status=200):
        self.send(status, json.dumps(content).encode(), "application/json", {})

    def send(self, status, data, sort, headers):
        self.send_response(status)
        for name, value in {"Content-Type": sort, "Content-Length": len(data), **headers}.items():
            if value is not None:
                self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(data)

    def send_stem(self, limit=None, extra=None):
        data, start = STEMS[self.parts[4]], 0
        asked = self.headers.get("Range", "")
        headers = {"ETag": '"one"', **(extra or {})}
        if asked and self.headers.get("If-Range") == headers["ETag"]:
            start = int(asked.removeprefix("bytes=").rstrip("-"))
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        body = data[start:]
        headers = {"Content-Length": len(body), **headers}
        if limit is None:
            return self.send(206 if start else 200, body, "audio/flac", headers)
        self.send_response(206 if start else 200)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(body[:limit])
        self.wfile.flush()
        self.end()
        return None

    def start_chunks(self, sort="text/event-stream"):
        self.send_response(200)
        self.send_header("Content-Type", sort)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def chunk(self, data):
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def end(self):
        """Close the connection after what was sent."""
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def drop(self):
        """Reset the connection."""
        self.close_connection = True
        self.wfile.flush()
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.connection.close()
