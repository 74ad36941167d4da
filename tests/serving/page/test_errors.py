"""What the page says when something is refused, away or broken."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from ..page_browser import PageDriver, until
from ..page_server import Fake, encoded
from .conftest import opened

pytestmark = pytest.mark.browser


def test_a_refused_song_and_a_full_queue(page: PageDriver, fake: Fake, song: Path):
    page.expected = ["415", "503"]
    page.open()
    page.choose(song)
    fake.refuse = [(415, "my song.flac is not audio: send WAV, FLAC or MP3.", None)]
    page.click("#separate")
    page.says("#songs", "my song.flac is not audio: send WAV, FLAC or MP3.")
    said = "my song.flac: my song.flac is not audio: send WAV, FLAC or MP3."
    assert page.js("document.querySelector('#live').textContent") == said
    # a full queue: it says so, counts down, and sends the same order with the same key
    fake.refuse = [(503, "The queue is full.", 1), (429, "Too many jobs.", 60)]
    page.expected += ["429"]
    page.click("#songs .song-more button")  # try again
    page.says("#songs", "The server is busy. Trying again in 1 s.")
    page.says("#songs", "The server takes no more songs from you just now. Trying again in 60 s.")
    assert page.js("document.querySelector('.song-state').title") == "Too many jobs."
    page.click("#songs .song-more button")  # try now
    page.find(".player .row")
    assert len({post["key"] for post in fake.posts}) == 1 and len(fake.posts) == 4
    assert len(fake.jobs) == 1


def test_a_full_server_is_waited_for(page: PageDriver, fake: Fake, song: Path):
    page.expected = ["503"]
    page.open()
    page.choose(song)
    fake.refuse = [(503, "The queue is full.", 60)] * 5
    page.click("#separate")
    for tries in range(1, 6):
        until(lambda tries=tries: len(fake.posts) == tries)
        page.says("#songs", "The server is busy. Trying again")
        page.click("#songs .song-more button")
    page.find(".player .row")
    assert len({post["key"] for post in fake.posts}) == 1  # still the same order


def test_a_server_that_is_away(page: PageDriver, fake: Fake, song: Path):
    page.expected = ["ERR_INTERNET_DISCONNECTED"]
    page.open()
    page.choose(song)
    page.offline(True)
    page.click("#separate")
    page.says("#songs", "The server does not answer. Trying again in 2 s")
    page.offline(False)
    page.find(".player .row")
    assert len(fake.jobs) == 1


def test_a_failed_job_says_why(page: PageDriver, fake: Fake, song: Path):
    fake.fail = "htdemucs_ft ran out of memory: ask for fewer stems <b>now</b>."
    page.open()
    page.choose(song)
    page.click("#separate")
    page.says("#job .alert", fake.fail)
    assert page.js("document.querySelector('#job .alert').role") == "alert"
    assert page.js("document.querySelectorAll('#job .alert b').length") == 0
    until(lambda: page.text("#jobs .status") == "failed")


def test_a_job_that_failed_in_part_gives_what_there_is(page: PageDriver, fake: Fake):
    job = fake.finish(fake.job("half.wav", stems=["bass", "guitar"]))
    job |= {"status": "failed", "error": {"reason": "model", "detail": "drumsep broke down."}}
    page.open(job["id"])
    page.says("#job .alert", "drumsep broke down.")
    assert page.stems() == ["bass", "guitar"]


def test_a_job_that_is_not_there(page: PageDriver, fake: Fake):
    page.expected = ["404"]
    page.open("job-9999")
    page.says("#job .alert", "There is no separation of that name.")
    page.click("#new")
    page.find("#start")


def test_a_stem_that_cannot_be_loaded_keeps_the_others_playing(page: PageDriver, fake: Fake):
    page.expected = ["404"]
    fake.lost_stems = {"piano"}
    opened(page, fake)
    page.says("[data-stem=piano] .wave-note", "The file of piano is gone.")
    page.play()
    assert page.js("probe.starts.length") == 5
    fake.lost_stems = set()
    page.click("[data-stem=piano] .wave-note button")
    until(lambda: page.js("probe.starts.length") == 6)


def test_the_key(page: PageDriver, fake: Fake, song: Path):
    fake.key = "s3cret"
    page.expected = ["401"]
    fake.finish(fake.job("Song 1.wav"))
    page.open()
    page.says("#key-why", "This server needs a key")
    assert page.js("document.activeElement.id") == "key-value"
    page.press("wrong", "\ue007")
    until(lambda: page.js("document.querySelector('#key-value').value === ''"))
    page.find("#key-value").send_keys("s3cret\ue007")
    job = page.separate(song)
    assert not page.js("document.querySelector('#key').checkVisibility()")
    page.click("[data-stem=bass] .save")
    assert page.saved("my song - bass.flac") == encoded("bass", 6.0, "flac")
    page.click(".zip")
    assert zipfile.is_zipfile(io.BytesIO(page.saved("my song - stems.zip")))
    # it is kept for the tab, and nowhere else
    page.driver.refresh()
    page.find(".player .row")
    assert page.js("location.hash") == f"#{job}"
    assert page.js("[localStorage.length, document.cookie, sessionStorage.length]") == [0, "", 1]
    page.click("#forget")
    page.says("#key-why", "This server needs a key")


def test_a_job_is_opened_as_soon_as_the_server_is_back(page: PageDriver, fake: Fake):
    page.expected = ["ERR_INTERNET_DISCONNECTED"]
    page.open()
    page.says("#state", "Ready")
    job = fake.finish(fake.job("Song 1.wav"))
    page.offline(True)
    page.js("void (location.hash = arguments[0])", job["id"])
    page.says("#job .alert", "The server does not answer. This page keeps trying")
    page.offline(False)
    page.find(".player .row")
    assert page.text("#job .alert") == ""
