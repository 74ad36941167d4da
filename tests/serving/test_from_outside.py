"""The page in a real browser, the client and the command line, each against the real service."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import numpy as np
import pytest
import requests
import soundfile

from stemwise.cli import main
from stemwise.client import Client

from .conftest import song_file
from .page_browser import PageDriver, chromium, until
from .running import Running

pytestmark = pytest.mark.ray
TOP = ["vocals", "drums", "bass", "other"]


@pytest.mark.browser
def test_a_person_separates_a_song_on_the_page(service: Running, tmp_path: Path) -> None:
    song = song_file(tmp_path / "my song.wav", 6.0, seed=7)
    with chromium(tmp_path) as driver:
        page = PageDriver(driver, f"{service.url}/", tmp_path)
        page.open()
        page.says("#limits", "Up to 20.0 MB and 1 min each.")
        assert "WavPack" in page.text("#formats")
        job = page.separate(song, 120)
        assert page.stems() == TOP
        page.play()
        assert page.gains().count(1.0) == len(TOP)
        page.click("[data-stem=drums] .solo")
        until(lambda: sum(gain > 0.5 for gain in page.gains()) == 1)
        page.click("[data-stem=drums] .parts")
        until(lambda: {"kick", "snare", "toms", "cymbals"} <= set(page.stems()))
        page.click("[data-stem=bass] .save")
        saved = page.saved("my song - bass.flac")
        served = requests.get(f"{service.url}/v1/separations/{job}/stems/bass", timeout=20).content
        assert saved == served
        # the original, and the mix as it is heard, here the drums alone, as MP3
        page.press("b")
        until(lambda: page.js("document.querySelector('.player').classList.contains('original')"))
        select = "document.querySelector('.actions select')"
        page.js(f"({select}.value = 'mp3', {select}.dispatchEvent(new Event('change')))")
        page.click(".mix")
        assert samples(page.saved("my song - mix.mp3")).shape == samples(song.read_bytes()).shape

        page.open()
        page.choose(song_file(tmp_path / "long.wav", 50.0))
        page.click("#separate")
        page.says(".progress", "Separating")  # before that, it is the upload that is cancelled
        page.click(".progress .cancel")
        page.says("#job", "This separation was cancelled.")
        page.open()
        (tmp_path / "words.wav").write_text("no song at all")
        page.choose(tmp_path / "words.wav")
        page.click("#separate")
        page.says("#songs", "The file is text")
        refused = [line for line in page.console() if "status of 415" not in line]
        assert refused == []
        assert page.hosts() == {service.url.removeprefix("http://")}


def test_the_client_and_the_command_line(
    service: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    song = song_file(tmp_path / "song.wav", 3.0, seed=8)
    seen = []
    with Client(service.url) as client:
        job, stems = client.separate(
            song,
            tmp_path / "client",
            recipe="demo_scnet",
            format="wav",
            on_progress=lambda state: seen.append(state.progress),
        )
        assert job.status == "succeeded" and seen[-1] == 1.0
        assert client.health().ready and {m.name for m in client.models()} > {"demo_scnet"}
        assert client.recent(1)[0].id == job.id
        archive = client.archive(job.id, tmp_path / "all.zip")
    shutil.unpack_archive(archive, tmp_path / "all")
    options = ["--recipe", "demo_scnet", "--format", "wav", "--output"]
    here, there = tmp_path / "here", tmp_path / "there"
    assert main(["separate", str(song), *options, str(there), "--server", service.url]) == 0
    assert main(["separate", str(song), *options, str(here), "--device", "cpu"]) == 0
    lines = capsys.readouterr().out.splitlines()
    said = [sorted(lines[n].rpartition(": ")[2].split(", ")) for n in (0, -1)]
    assert said[0] == said[1] == ["bass", "drums", "other", "vocals"]
    for stem, path in stems.items():
        expected = samples((here / "song" / f"{stem}.wav").read_bytes())
        for file in (path, tmp_path / "all" / f"{stem}.wav", there / "song" / f"{stem}.wav"):
            np.testing.assert_array_equal(samples(file.read_bytes()), expected)


def samples(content: bytes) -> np.ndarray:
    return soundfile.read(io.BytesIO(content), dtype="float32")[0]
