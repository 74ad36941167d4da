"""A client of the service in this process, and what its models make of a song."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import uvicorn

from stemwise.models.spec import ModelSpec
from stemwise.separation.quality import Quality
from stemwise.separation.recipe import Recipe
from stemwise.serving.intake import decoding

from ..documented import DocumentedClient
from ..local import WAIT_S, Bench, GainModel, World, application, bench, until
from ..running import free_port

LEVEL = Quality(("level",), (1.0,), 15.0, 1.0, 2.0, ((-20, 0),), 0.9, 0.9, 12, 12)
RECIPE = Recipe(
    "both",
    {"vocals": {"m": 0.5, "n": 0.5}, "drums": {"m": 1.0}},
    children={"drums": {"kick": {"p": 1.0}}},
    remainder="other",
    rests={"drums": "drums_rest"},
    provenance={"held_out_snr": {"vocals": [5, 4, 6.5]}, "worst": float("-inf"), "run": None},
    quality={"vocals": LEVEL},
)
RECIPES = {"both": RECIPE, "single": Recipe("single", {"drums": {"m": 1.0}})}
GAINS = {"m": {"vocals": 0.5, "drums": 0.25}, "n": {"vocals": 0.25}, "p": {"kick": 0.5}}
SPECS = {
    name: ModelSpec(name, "stemwise.models.x", "gains", stems=tuple(gains))
    for name, gains in GAINS.items()
}
STEMS = {"vocals", "drums", "kick", "drums_rest", "other"}
SAMPLES = 4410


def song(seed: int = 0, samples: int = SAMPLES, kind: str = "WAV") -> bytes:
    generator = np.random.default_rng(seed)
    out = io.BytesIO()
    soundfile.write(out, generator.uniform(-0.5, 0.5, (samples, 2)), 44_100, format=kind)
    return out.getvalue()


SONG = song()


async def decoded_here(path: Path, out: Path, limits: decoding.DecodeLimits) -> decoding.Decoded:
    """Decode without a child; that has its own tests, and some here."""
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    samples.tofile(out)
    return decoding.Decoded(out, len(samples), rate, samples.shape[1])


class Api(DocumentedClient):
    """A client, and what is behind the server that it talks to."""

    bench: Bench

    def submit(self, content: bytes = SONG, name: str = "song.wav", **fields: Any) -> Any:
        headers = fields.pop("headers", None)
        return self.post(
            "/v1/separations", files={"file": (name, content)}, data=fields, headers=headers
        )

    def separated(self, **fields: Any) -> dict[str, Any]:
        answer = self.submit(**fields, headers={"Prefer": "wait=20"})
        assert answer.status_code == 200, answer.text
        return answer.json()  # type: ignore[no-any-return]

    @property
    def world(self) -> World:
        return self.bench.world


Serve = Callable[..., Api]


def serving(stack: ExitStack, folder: Path, worker: dict | None = None, **options: Any) -> Api:
    world = World({name: GainModel(gains) for name, gains in GAINS.items()})
    up = stack.enter_context(bench(folder, RECIPES, world))
    if worker is None or worker:
        up.runner(**(worker or {}))
    client = Api(application(up, SPECS, **options), raise_server_exceptions=False)
    client.bench = up
    return client


def events_of(text: str) -> list[tuple[str, dict]]:
    found = []
    for block in text.split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if line[0] != ":")
        if fields:
            found.append((fields["event"], json.loads(fields["data"])))
    return found


class Live:
    """The application on a real port."""

    def __init__(self, api: Api) -> None:
        port = free_port()
        config = uvicorn.Config(api.app, "127.0.0.1", port, log_level="error", lifespan="off")
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run)
        self.port, self.url = port, f"http://127.0.0.1:{port}"
        self.thread.start()
        until(lambda: self.server.started)

    def close(self) -> None:
        self.server.should_exit = self.server.force_exit = True
        self.thread.join(WAIT_S)
