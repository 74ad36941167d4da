"""What is counted of uploads, with a real store and the real decoder, without Ray."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest
import soundfile
from starlette.requests import Request

from stemwise.core.errors import UnsupportedAudioError
from stemwise.serving.graph.backend import open_files, open_store, served_recipes
from stemwise.serving.intake.intake import Intake
from stemwise.serving.settings import AppArgs


def posted(content: bytes) -> Request:
    body = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    messages = [{"type": "http.request", "body": body + content + b"\r\n--b--\r\n"}]
    headers = [(b"content-type", b"multipart/form-data; boundary=b")]

    async def receive() -> dict[str, object]:
        return messages.pop(0)

    return Request({"type": "http", "method": "POST", "headers": headers}, receive)


def test_bytes_and_decoding_of_sound_uploads_are_told(tmp_path: Path):
    song = tmp_path / "song.wav"
    soundfile.write(song, np.zeros((4410, 2)), 44_100)
    args = AppArgs(state=str(tmp_path / "state"))
    recipes, _ = served_recipes(args.recipes)
    told: list[tuple[int, float]] = []
    store = open_store(args)
    intake = Intake(
        store, open_files(args), recipes, args.load().limits, lambda *seen: told.append(seen)
    )
    job, created = asyncio.run(intake(posted(song.read_bytes()), "", "key"))
    assert created and job.samples == 4410
    ((size, seconds),) = told
    assert size == song.stat().st_size and 0 < seconds < 60
    # neither a repeated request nor one that is refused is decoded and counted
    again, created = asyncio.run(intake(posted(song.read_bytes()), "", "key"))
    assert (again.id, created) == (job.id, False)
    with pytest.raises(UnsupportedAudioError):
        asyncio.run(intake(posted(b"no audio"), ""))
    assert len(told) == 1
    store.close()
