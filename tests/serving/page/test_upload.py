"""The form of the page: a song is sent, and its job followed."""

from __future__ import annotations

from pathlib import Path

import pytest

from stemwise.serving.intake.formats import UPLOAD_FORMATS

from ..page_browser import PageDriver, until
from ..page_server import Fake

pytestmark = pytest.mark.browser
TOP = ["vocals", "drums", "bass", "guitar", "piano", "other"]


def test_a_song_is_sent_and_its_progress_shown(page: PageDriver, fake: Fake, song: Path):
    fake.chunk_s = 0.03
    page.open()
    assert page.js("document.querySelector('#separate').disabled")
    page.choose(song)
    assert "my song.flac" in page.text("#songs")
    page.click("#separate")
    shares = set()
    until(lambda: shares.add(page.text(".progress-text")) or page.stems())
    assert {text for text in shares if text.startswith("Separating") and "%" in text}
    (post,) = fake.posts
    assert post["bytes"] == song.read_bytes() and post["name"] == "my song.flac"
    assert post["recipe"] == "best_blend" and post["format"] == "flac" and "stems" not in post
    (job,) = fake.jobs.values()
    assert page.js("location.hash") == f"#{job['id']}" and page.stems() == TOP
    assert page.js("document.title") == "my song.flac · stemwise"
    assert page.text("#jobs .status") == "ready"
    assert f"GET /v1/separations/{job['id']}/events" in fake.seen


def test_a_dropped_song_with_some_stems(page: PageDriver, fake: Fake, song: Path):
    page.open()
    until(lambda: page.js("document.querySelectorAll('#stems input').length") == 12)
    page.click("#no-stems")
    assert "at least one stem" in page.text("#missing")
    for stem in ("drums", "kick"):
        page.click(f"#stems input[value={stem}]")
    page.drop(song.read_bytes(), "dropped.flac")
    page.click("#separate")
    page.find(".player .row")
    (post,) = fake.posts
    assert post["stems"] == "drums,kick" and post["format"] == "flac"
    assert post["name"] == "dropped.flac" and post["bytes"] == song.read_bytes()
    assert page.stems() == ["drums"]


def test_the_recipe_says_what_it_is_made_of(page: PageDriver, fake: Fake):
    fake.limits |= {"max_bytes": 2e8, "max_duration_s": 900}
    page.open()
    page.says("#stems", "Backing vocals")
    assert "mel_band_roformer" not in page.text("#start")
    page.click("#form-details")
    page.says("#stems", "mel_band_roformer × 0.71 + scnet_xl × 0.29")
    assert page.text("#limits") == "Up to 200 MB and 15 min each."
    # what the server reads, the page says and the file picker offers
    for one in UPLOAD_FORMATS:
        assert one.name in page.text("#formats")
        accepted = page.js("document.querySelector('#file').accept").split(",")
        assert set(one.suffixes) <= set(accepted)
    marks = "document.querySelector('#stems .mark').ariaLabel"
    assert page.js(marks) == "9.4 dB, 95 % interval 8.8 to 10.1 dB"
    names = "[...document.querySelectorAll('#stems label')].map((l) => l.textContent)"
    assert page.js(names)[:4] == ["Vocals", "Lead vocals", "Backing vocals", "Drums"]
    page.js("(arguments[0].value = 'htdemucs_ft', arguments[0].dispatchEvent(new Event('change')))",
            page.find("#recipe"))  # fmt: skip
    assert page.js(names) == ["Vocals", "Drums", "Bass", "Other"]
    assert not page.js("document.querySelector('#stems .quality').checkVisibility()")


def test_cancelling(page: PageDriver, fake: Fake, song: Path):
    fake.chunk_s = 0.3
    page.open()
    page.choose(song)
    page.click("#separate")
    page.says(".progress", "Separating")
    page.click(".progress .cancel")
    page.says("#job", "This separation was cancelled.")
    assert next(iter(fake.jobs.values()))["status"] == "cancelled"
    assert page.js("document.querySelector('.player')") is None
    until(lambda: page.text("#jobs .status") == "cancelled")


def test_a_broken_stream_is_no_broken_job(page: PageDriver, fake: Fake, song: Path):
    fake.break_stream, fake.chunk_s = True, 0.02
    page.open()
    page.choose(song)
    page.click("#separate")
    page.find(".player .row")
    (job,) = fake.jobs
    assert fake.seen.count(f"GET /v1/separations/{job}") >= 2


def test_models_that_are_loading(page: PageDriver, fake: Fake):
    page.expected = ["503"]
    fake.loading = ["drumsep"]
    page.open()
    page.says("#banner", "The server is starting. 5 of 6 models are loaded.")
    assert "drumsep: loading" in page.text("#banner") and "karaoke: loaded" in page.text("#banner")
    fake.loading = []
    page.says("#state", "Ready")
    assert not page.js("document.querySelector('#banner').checkVisibility()")
    page.says("#stems", "Vocals")


def test_recent_jobs(page: PageDriver, fake: Fake):
    evil = "<img src=x onerror='window.hacked=1'>.wav"
    job = fake.finish(fake.job(evil))
    fake.job("waiting.wav")
    page.open()
    titles = "[...document.querySelectorAll('#jobs a')].map((a) => a.textContent)"
    until(lambda: page.js(titles) == ["waiting.wav", evil])
    page.click(f"#jobs a[href='#{job['id']}']")
    page.find(".player .row")
    assert page.text("h1[tabindex]") == evil and page.js("window.hacked") is None
    assert page.js("document.querySelectorAll('main img').length") == 0
    # deleting asks first
    delete = f"#jobs li[data-id={job['id']}] button"
    page.click(delete)
    assert page.text(delete) == "Really delete?" and job["status"] == "succeeded"
    page.click(delete)
    until(lambda: job["status"] == "expired")
    until(lambda: page.js("location.hash") == "")
    page.find("#start")


def test_several_songs(page: PageDriver, fake: Fake, song: Path, tmp_path: Path):
    page.expected = ["503", "415"]
    songs = [tmp_path / f"{name}.m4a" for name in ("one", "two", "three", "four")]
    for number, path in enumerate(songs):
        path.write_bytes(song.read_bytes() + bytes(number))
    page.open()
    page.choose(*songs)
    page.choose(songs[0])  # a song that is there already is not taken twice
    assert page.text("#separate") == "Separate 4 songs" and len(page.songs()) == 4
    fake.chunk_s = 0.2
    full = (503, "The service has 2 unfinished jobs and takes no more than 2.", 60)
    fake.refuse = [(415, "The file is text: send WAV or M4A.", None), full]
    page.click("#separate")
    # the first fails in one sentence, the second waits for room, the others wait for their turn
    until(lambda: page.songs()[0] == "The file is text: send WAV or M4A.")
    until(lambda: page.songs()[1].startswith("The server is busy. Trying again in"))
    assert page.songs()[2:] == ["Waiting, 1 song ahead", "Waiting, 2 songs ahead"]
    page.click("#songs li:nth-child(4) .out")
    assert page.songs()[3] == "Cancelled"
    page.click("#songs [data-stage=held] button")
    until(lambda: page.songs()[1].startswith("Separating"))
    assert page.js("document.title") == "2 of 4 done · stemwise"
    fake.chunk_s = 0.0
    until(lambda: [words[:5] for words in page.songs()[1:3]] == ["Ready", "Ready"])
    assert [job["title"] for job in fake.jobs.values()] == ["two.m4a", "three.m4a"]
    assert len({post["key"] for post in fake.posts}) == 3
    # the one that failed may be sent again; what is done can be opened
    page.click("#songs [data-stage=failed] .song-more button")
    until(lambda: page.songs()[0].startswith("Ready"))
    page.click("#clear")
    assert page.songs() == []
    page.click("#jobs a")
    page.find(".player .row")


def test_a_file_that_is_too_large_is_not_sent(page: PageDriver, fake: Fake, song: Path):
    fake.limits |= {"max_bytes": 1000}
    page.open()
    page.choose(song)
    assert "the server takes at most 1.0 kB" in page.songs()[0]
    assert page.js("document.querySelector('#separate').disabled") and not fake.posts
