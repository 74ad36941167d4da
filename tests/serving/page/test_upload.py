"""The form of the page: a song is sent, and its job followed."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..page_browser import PageDriver, until
from ..page_server import Fake

pytestmark = pytest.mark.browser
TOP = ["vocals", "drums", "bass", "guitar", "piano", "other"]


def test_a_song_is_sent_and_its_progress_shown(page: PageDriver, fake: Fake, song: Path):
    fake.chunk_s = 0.03
    page.open()
    assert page.js("document.querySelector('#separate').disabled")
    page.choose(song)
    assert "my song.flac" in page.text("#zone")
    page.click("#separate")
    shares = set()
    until(lambda: shares.add(page.text(".progress .more")) or page.stems())
    assert {text for text in shares if "of 20 chunks" in text}
    (post,) = fake.posts
    assert post["bytes"] == song.read_bytes() and post["name"] == "my song.flac"
    assert post["recipe"] == "best_blend" and post["format"] == "flac" and "stems" not in post
    (job,) = fake.jobs.values()
    assert page.js("location.hash") == f"#{job['id']}" and page.stems() == TOP
    assert page.js("document.title") == "my song.flac · stemwise"
    assert page.text("#jobs .status") == "succeeded"
    assert f"GET /v1/separations/{job['id']}/events" in fake.seen


def test_a_dropped_song_with_some_stems(page: PageDriver, fake: Fake, song: Path):
    page.open()
    until(lambda: page.js("document.querySelectorAll('#stems input').length") == 12)
    page.click("#no-stems")
    assert "at least one stem" in page.text("#missing")
    for stem in ("drums", "kick"):
        page.click(f"#stems input[value={stem}]")
    page.click("input[value=wav]")
    page.drop(song.read_bytes(), "dropped.flac")
    page.click("#separate")
    page.find(".player .row")
    (post,) = fake.posts
    assert post["stems"] == "drums,kick" and post["format"] == "wav"
    assert post["name"] == "dropped.flac" and post["bytes"] == song.read_bytes()
    assert page.stems() == ["drums"]


def test_the_recipe_says_what_it_is_made_of(page: PageDriver, fake: Fake):
    fake.limits = {"max_bytes": 2e8, "max_duration_s": 900}
    page.open()
    page.says("#stems", "mel_band_roformer × 0.71 + scnet_xl × 0.29")
    assert page.text("#limits") == "This server takes songs up to 200 MB and up to 15 min."
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
    page.says(".progress", "of 20 chunks")
    page.click(".progress .cancel")
    page.says("#job", "This job was cancelled.")
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
    page.says("#banner", "Models are loading. 5 of 6 ready")
    assert "drumsep: loading" in page.text("#banner") and "karaoke: ready" in page.text("#banner")
    fake.loading = []
    page.says("#state", "6 models ready")
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
