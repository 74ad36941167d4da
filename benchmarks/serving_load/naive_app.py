"""The naive way to serve the same recipe with Ray Serve, to compare with.

One deployment, one replica, all models loaded once; a POST is answered with a zip of the stems. Songs
are separated one after the other: no batching across requests, no jobs, nothing survives a crash.

    python benchmarks/serving_load/naive_app.py RECIPE PORT THREADS

No `from __future__ import annotations`: Serve reads the types.
"""

import io
import os
import signal
import sys
import tempfile
import threading
import zipfile
from pathlib import Path
from typing import Any

import ray
import torch
from ray import serve
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from stemwise import audio
from stemwise.separation.recipe import load_recipe
from stemwise.separation.recipe_separator import RecipeSeparator


class Naive:
    """Separates in its handler.

    Args:
        recipe: its name.
        threads: torch's threads; 0 is all cores.
    """

    def __init__(self, recipe: str, threads: int) -> None:
        torch.set_num_threads(threads or os.cpu_count() or 1)
        self._separator = RecipeSeparator(load_recipe(recipe), "cpu")

    async def __call__(self, request: Request) -> Any:
        """Answer a POST of an audio file with a zip of its stems."""
        if request.method != "POST":
            return PlainTextResponse("ready")
        content = await request.body()
        with tempfile.TemporaryDirectory() as folder:
            return Response(self._separate(content, Path(folder)), media_type="application/zip")

    def _separate(self, content: bytes, folder: Path) -> bytes:
        (folder / "song").write_bytes(content)
        (folder / "work").mkdir()
        answer = io.BytesIO()
        with audio.open_on_disk(folder / "song") as mixture:
            made = self._separator(mixture, folder / "work")
        with zipfile.ZipFile(answer, "w") as zipped:
            for stem, spool in made.items():
                spool.encode(stem, folder / f"{stem}.flac")
                zipped.write(folder / f"{stem}.flac", f"{stem}.flac")
        return answer.getvalue()


def main(recipe: str, port: int, threads: int) -> None:
    """Serve on 127.0.0.1 until interrupted."""
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    ray.init(include_dashboard=False, logging_level="ERROR", log_to_driver=False)
    serve.start(http_options={"host": "127.0.0.1", "port": port})
    made = serve.deployment(Naive).options(
        num_replicas=1, max_ongoing_requests=100, ray_actor_options={"num_cpus": 0.1}
    )
    serve.run(made.bind(recipe, threads), name="naive", route_prefix="/", blocking=False)
    stopped.wait()
    serve.shutdown()
    ray.shutdown()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
