"""The player of the page, by what can be heard and seen."""

from __future__ import annotations

import io
import zipfile

import pytest

from ..page_browser import PageDriver, until
from ..page_server import SOUNDS, Fake, encoded
from .conftest import opened

pytestmark = pytest.mark.browser
TOP = ["vocals", "drums", "bass", "guitar", "piano", "other"]
DRUMS = ["kick", "snare", "toms", "cymbals"]


def test_playing_moves_and_sounds_in_step(page: PageDriver, fake: Fake):
    opened(page, fake)
    page.play()
    time, position = page.js("probe.time()"), page.position()
    until(lambda: page.js("probe.time()") > time + 0.1 and page.position() > position + 0.1)
    starts = page.js("probe.starts")
    assert len(starts) == 6 and len({(one["when"], one["offset"]) for one in starts}) == 1
    assert page.js("probe.contexts.length") == 1 and starts[0]["rate"] == 44_100
    assert (
        float(page.js("document.querySelector('.meter i').style.getPropertyValue('--level')")) > 0
    )
    # parts that join later are at the same place of the song
    page.click("[data-stem=drums] .parts")
    until(lambda: page.js("probe.starts.length") == 10)
    lags = {round(one["when"] - one["offset"], 9) for one in page.js("probe.starts")}
    assert max(lags) - min(lags) < 1e-6
    page.click(".play")
    until(lambda: page.js("probe.peak()") < 1e-6)
    position = page.position()
    assert page.js("document.querySelector('.play').textContent") == "Play"
    page.play()
    assert page.position() >= position


def test_solo_mute_volume(page: PageDriver, fake: Fake):
    opened(page, fake)
    page.play()
    assert page.gains() == pytest.approx([1] * 6, abs=1e-3)
    page.click("[data-stem=bass] .solo")
    until(lambda: page.gains() == pytest.approx([0] * 5 + [1], abs=1e-3))
    until(lambda: page.js("probe.tone()") == pytest.approx(SOUNDS["bass"][0], abs=8))
    page.click("[data-stem=guitar] .solo")
    until(lambda: page.gains() == pytest.approx([0] * 4 + [1, 1], abs=1e-3))
    page.click("[data-stem=bass] .solo")
    until(lambda: page.js("probe.tone()") == pytest.approx(SOUNDS["guitar"][0], abs=8))
    page.click("[data-stem=guitar] .solo")
    page.click("[data-stem=vocals] .mute")
    until(lambda: page.gains() == pytest.approx([0] + [1] * 5, abs=1e-3))
    pressed = "document.querySelector('[data-stem=vocals] .mute').ariaPressed"
    assert page.js(pressed) == "true"
    fader = "document.querySelector('[data-stem=bass] .fader input')"
    page.js(f"({fader}.value = -20, {fader}.dispatchEvent(new Event('input')))")
    until(lambda: page.gains() == pytest.approx([0, 0.1] + [1] * 4, abs=1e-3))
    page.js(f"({fader}.value = -48, {fader}.dispatchEvent(new Event('input')))")
    until(lambda: page.gains() == pytest.approx([0, 0] + [1] * 4, abs=1e-3))
    assert page.js(f"{fader}.getAttribute('aria-valuetext')") == "−∞ dB"
    page.js(f"{fader}.dispatchEvent(new Event('dblclick'))")
    until(lambda: page.gains() == pytest.approx([0] + [1] * 5, abs=1e-3))


def test_parts_sound_in_their_parents_place(page: PageDriver, fake: Fake):
    opened(page, fake)
    loaded = [one for one in fake.seen if one.endswith("/stems/kick")]
    assert loaded == []
    page.click("[data-stem=drums] .parts")
    assert page.stems() == ["vocals", "drums", *DRUMS, "bass", "guitar", "piano", "other"]
    page.play()
    # drums are silent, their four parts are not; the others as before
    assert page.gains() == pytest.approx([0] + [1] * 9, abs=1e-3)
    page.click("[data-stem=drums] .solo")
    until(lambda: page.gains() == pytest.approx([0] * 6 + [1] * 4, abs=1e-3))
    page.click("[data-stem=drums] .solo")
    page.click("[data-stem=kick] .solo")
    until(lambda: page.gains() == pytest.approx([0] * 9 + [1], abs=1e-3))
    page.click("[data-stem=drums] .parts")
    # what cannot be seen does not solo
    until(lambda: page.gains() == pytest.approx([0] * 4 + [1] * 6, abs=1e-3))
    assert page.stems() == TOP


def test_seeking(page: PageDriver, fake: Fake):
    from selenium.webdriver import ActionChains

    opened(page, fake)
    waves = "[...document.querySelectorAll('.row:not([hidden]) .wave')]"
    drawn = f"{waves}.every((w) => w.firstElementChild?.shadowRoot.querySelector('canvas'))"
    until(lambda: page.js(drawn))
    heads = (
        f"{waves}.map((w) => w.firstElementChild.shadowRoot.querySelector('.progress').style.width)"
    )
    ActionChains(page.driver).move_to_element(page.find("[data-stem=bass] .wave")).click().perform()
    until(lambda: page.position() == pytest.approx(3.0, abs=0.1))
    assert len(page.js(heads)) == 6
    assert all(float(width[:-1]) == pytest.approx(50, abs=1.5) for width in page.js(heads))
    assert page.text(".now").startswith("0:0")
    page.play()
    starts = page.js("probe.starts")
    assert [one["offset"] for one in starts] == pytest.approx([3.0] * 6, abs=0.1)
    wave = page.find("[data-stem=piano] .wave")
    quarter = -wave.size["width"] / 4
    ActionChains(page.driver).move_to_element_with_offset(wave, quarter, 0).click().perform()
    until(lambda: page.js("probe.starts.length") == 12)
    assert page.js("probe.starts.at(-1).offset") == pytest.approx(1.5, abs=0.1)
    position = page.position()
    until(lambda: page.position() > position + 0.1)
    # at the end it stops, and play begins anew
    page.js("document.activeElement.blur()")
    page.press("\ue010")  # End
    until(lambda: page.js("document.querySelector('.play').dataset.state") == "paused")
    page.play()
    assert page.position() < 2


def test_downloads(page: PageDriver, fake: Fake):
    job = opened(page, fake)
    page.click("[data-stem=bass] .save")
    assert page.saved("Song 1 - bass.flac") == encoded("bass", 6.0, "flac")
    page.click(".zip")
    with zipfile.ZipFile(io.BytesIO(page.saved("stems.zip"))) as archive:
        assert sorted(archive.namelist()) == sorted(f"{r['stem']}.flac" for r in job["results"])
        assert archive.read("kick.flac") == encoded("kick", 6.0, "flac")
    page.expected = ["404"]
    fake.lost_stems = {"piano"}
    page.click("[data-stem=piano] .save")
    page.says(".player .alert", "Piano was not downloaded: The file of piano is gone.")


def test_facts(page: PageDriver, fake: Fake):
    fake.gain = 0.891
    opened(page, fake)
    page.says(".facts-grid", "vocals + drums + bass + guitar + piano + other = mixture")
    text = page.text(".facts-grid")
    for words in ("exact", "−143.2 dBFS", "turned down by −1.00 dB", "1.49 × real time", "15 s"):
        assert words in text
    assert "least squares, 5 folds by artist" in text
    assert "Held out" not in text
    assert "what htdemucs_ft, scnet_xl leave" in page.text("[data-stem=other] .about")
    row = page.text("[data-stem=vocals] .about")
    assert "mel_band_roformer × 0.71 + scnet_xl × 0.29" in row
    assert "SNR 9.4 dB (8.8…10.1)" in row and "dBFS" in row


def test_a_long_song_is_previewed_at_half_the_rate(page: PageDriver, fake: Fake):
    opened(page, fake, duration_s=600.0)
    page.says(".player .note", "Preview at 22 kHz, because the song is long; downloads are full")
    page.play()
    assert page.js("probe.contexts[0].sampleRate") == 22_050
    assert {one["rate"] for one in page.js("probe.starts")} == {22_050}


def test_a_song_too_long_for_all_stems_at_once(page: PageDriver, fake: Fake):
    opened(page, fake, duration_s=5000.0)
    page.says("[data-stem=drums] .wave-note", "too long for more stems at once")
    page.play()
    assert len(page.gains()) == 1
    page.click("[data-stem=bass] .solo")
    until(lambda: page.js("probe.starts.length") == 2)
    until(lambda: page.js("probe.tone()") == pytest.approx(SOUNDS["bass"][0], abs=8))
    page.js("document.querySelector('.play').click()")
    page.play()
    assert len(page.gains()) == 1  # what is not heard was dropped
