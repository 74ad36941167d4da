"""The player of the page, by what can be heard and seen."""

from __future__ import annotations

import io
import zipfile
from itertools import pairwise

import numpy as np
import pytest
import soundfile
from scipy.signal import lfilter, resample_poly

from ..page_browser import PageDriver, until
from ..page_server import SOUNDS, Fake, encoded, sound
from .conftest import opened

pytestmark = pytest.mark.browser
TOP = ["vocals", "drums", "bass", "guitar", "piano", "other"]
# Tests that look while it plays press L first: a busy machine needs longer than the six seconds.
DRUMS = ["kick", "snare", "toms", "cymbals"]


def test_playing_moves_and_sounds_in_step(page: PageDriver, fake: Fake):
    opened(page, fake)
    page.press("l")
    page.play()
    time, position = page.js("probe.time()"), page.position()
    until(lambda: page.js("probe.time()") > time + 0.1 and page.position() != position)
    starts = page.js("probe.starts")
    assert len(starts) == 6 and len({(one["when"], one["offset"]) for one in starts}) == 1
    assert page.js("probe.contexts.length") == 1 and starts[0]["rate"] == 44_100
    assert (
        float(page.js("document.querySelector('.meter i').style.getPropertyValue('--level')")) > 0
    )
    # parts that join later are at the same place of the song
    page.click("[data-stem=drums] .parts")
    until(lambda: page.js("probe.starts.length") == 10)
    lags = [one["when"] - one["offset"] for one in page.js("probe.starts")]
    assert all(abs((lag - lags[0] + 3) % 6 - 3) < 1e-6 for lag in lags)
    page.click(".play")
    until(lambda: page.js("probe.peak()") < 1e-6)
    position = page.position()
    assert page.js("document.querySelector('.play').textContent") == "Play"
    page.play()
    assert page.position() != 0


def test_solo_mute_volume(page: PageDriver, fake: Fake):
    opened(page, fake)
    page.press("l")
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
    page.press("l")
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
    page.js("(arguments[0].value = 'mp3', arguments[0].dispatchEvent(new Event('change')))",
            page.find(".actions select"))  # fmt: skip
    assert page.text("[data-stem=bass] .save") == "MP3"
    page.click("[data-stem=bass] .save")
    assert page.saved("Song 1 - bass.mp3") == encoded("bass", 6.0, "mp3")
    # the mix as it is heard: solo, mute and faders
    page.click("[data-stem=vocals] .solo")
    page.click("[data-stem=bass] .solo")
    fader = "document.querySelector('[data-stem=bass] .fader input')"
    page.js(f"({fader}.value = -6, {fader}.dispatchEvent(new Event('input')))")
    page.click(".mix")
    mixed, _ = soundfile.read(io.BytesIO(page.saved("Song 1 - mix.mp3")))
    assert fake.mixes == [{"vocals": 0.0, "bass": -6.0}]
    heard = sound("vocals", 6.0) + sound("bass", 6.0) * 10 ** (-6 / 20)
    assert np.abs(mixed - heard).max() < 0.05
    page.expected = ["404"]
    fake.lost_stems = {"piano"}
    page.click("[data-stem=piano] .save")
    page.says(".player .alert", "Piano was not downloaded: The file of piano is gone.")


def test_facts(page: PageDriver, fake: Fake):
    fake.gain = 0.891
    opened(page, fake)
    page.says(".summary", "Played together, the stems give back the original.")
    assert "All stems are 1.0 dB quieter than in the original" in page.text(".summary")
    for words in ("dBFS", "SNR", "mel_band_roformer", "Conservation"):
        assert words not in page.text("#job")
    page.click(".tools .tool:last-child")  # details
    page.says(".facts-grid", "vocals + drums + bass + guitar + piano + other = mixture")
    text = page.text(".facts-grid")
    for words in ("exact", "−143.2 dBFS", "1.49 × real time", "15 s"):
        assert words in text
    assert "least squares, 5 folds by artist" in text
    assert "Held out" not in text
    assert "remainder after htdemucs_ft, scnet_xl" in page.text("[data-stem=other] .about")
    row = page.text("[data-stem=vocals] .about")
    assert "mel_band_roformer × 0.71 + scnet_xl × 0.29" in row
    assert "about 10 dB SNR (8…13)" in row and "dBFS" in row
    title = page.js("document.querySelector('[data-stem=vocals] .predicted').title")
    assert "songs of musdb18hq" in title and "Their mean: 9.4 dB (8.8…10.1)" in title
    # of this one only what songs have on average is known
    assert "SNR 4.2 dB (3.1…5.2)" in page.text("[data-stem=guitar] .about")


def test_a_long_song_is_previewed_at_half_the_rate(page: PageDriver, fake: Fake):
    opened(page, fake, duration_s=600.0)
    page.says(".player .note", "plays at reduced quality; downloads have full quality")
    page.play()
    assert page.js("probe.contexts[0].sampleRate") == 22_050
    assert {one["rate"] for one in page.js("probe.starts")} == {22_050}


def test_a_song_too_long_for_all_stems_at_once(page: PageDriver, fake: Fake):
    opened(page, fake, duration_s=5000.0)
    page.says("[data-stem=drums] .wave-note", "too long for all stems at once")
    page.press("l")
    page.play()
    assert len(page.gains()) == 1
    page.click("[data-stem=bass] .solo")
    until(lambda: page.js("probe.starts.length") == 2)
    until(lambda: page.js("probe.tone()") == pytest.approx(SOUNDS["bass"][0], abs=8))
    page.js("document.querySelector('.play').click()")
    page.play()
    assert len(page.gains()) == 1  # what is not heard was dropped


def lufs(samples: np.ndarray) -> float:
    """Return the integrated loudness by the tables of ITU-R BS.1770-5, which are for 48 kHz."""
    heard = resample_poly(samples, 160, 147, axis=0)
    shelf = (
        [1.53512485958697, -2.69169618940638, 1.19839281085285],
        [1, -1.69065929318241, 0.73248077421585],
    )
    high = [1, -2, 1], [1, -1.99004745483398, 0.99007225036621]
    for b, a in (shelf, high):
        heard = lfilter(b, a, heard, axis=0)
    power = (heard**2).sum(axis=1)
    blocks = np.array(
        [power[at : at + 19_200].mean() for at in range(0, len(power) - 19_199, 4_800)]
    )
    blocks = blocks[-0.691 + 10 * np.log10(blocks) > -70]
    gated = blocks[10 * np.log10(blocks) > 10 * np.log10(blocks.mean()) - 10]
    return float(-0.691 + 10 * np.log10(gated.mean()))


def drag(page: PageDriver, start: float, end: float) -> None:
    """Drag along the time marks, between shares of their width."""
    from selenium.webdriver import ActionChains

    ruler = page.find(".ruler")
    at = [round((share - 0.5) * ruler.size["width"]) for share in (start, end)]
    to = ActionChains(page.driver).move_to_element_with_offset(ruler, at[0], 0).click_and_hold()
    to.move_by_offset(at[1] - at[0], 0).release().perform()


def test_loop(page: PageDriver, fake: Fake):
    opened(page, fake)
    drag(page, 0.5, 0.6)  # 3.0 to 3.6 s
    style = "document.querySelector('.player').style"
    edges = f"['--from', '--to'].map((name) => parseFloat({style}.getPropertyValue(name)))"
    assert page.js(edges) == pytest.approx([50, 60], abs=2)
    assert page.text(".chip").startswith("0:0")
    assert page.js("document.querySelector('.tool').ariaPressed") == "true"
    assert page.position() == pytest.approx(3.0, abs=0.1)
    page.play()
    begun = page.js("probe.time()")
    seen = []
    until(lambda: seen.append(page.position()) or page.js("probe.time()") > begun + 1.5)
    assert min(seen) >= 2.85 and max(seen) <= 3.75
    assert (
        sum(after < before for before, after in pairwise(seen)) >= 2
    )  # it went back at least twice
    # stems that join are in step, and the region can be dropped for the whole song
    page.click("[data-stem=drums] .parts")
    until(lambda: page.js("probe.starts.length") >= 10)
    assert all(2.85 <= one["offset"] <= 3.75 for one in page.js("probe.starts.slice(-4)"))
    page.click(".chip button")
    page.click(".play")
    page.js("document.activeElement.blur()")
    page.press("\ue010")  # End: from there it goes on at the beginning
    assert page.position() == pytest.approx(0, abs=0.01)
    page.press("l")
    page.js("document.activeElement.blur()")
    page.press("\ue010", "[")
    assert page.js("document.querySelector('.tool').ariaPressed") == "false"


def test_the_original_at_equal_loudness(page: PageDriver, fake: Fake):
    opened(page, fake)
    page.press("l")
    page.play()
    page.press("b")
    # all stems together are the original, so its gain is 1
    until(lambda: page.js("document.querySelector('.player').classList.contains('original')"))
    until(
        lambda: page.js("probe.faders.map((gain) => gain.value)")[-1] == pytest.approx(1, abs=1e-3)
    )
    until(lambda: page.gains() == pytest.approx([1], abs=1e-3))
    page.click("[data-stem=guitar] .solo")
    quieter = lufs(sound("guitar", 6.0)) - lufs(sound("mixture", 6.0))
    expected = 10 ** (quieter / 20)
    until(lambda: page.gains() == pytest.approx([expected], rel=0.01))
    page.press("b")
    until(lambda: page.js("probe.tone()") == pytest.approx(SOUNDS["guitar"][0], abs=8))


def test_an_older_job_has_no_original(page: PageDriver, fake: Fake):
    opened(page, fake, links={})
    assert "Original" not in page.text(".tools")
    page.press("b")
    assert not page.js("document.querySelector('.player').classList.contains('original')")


def test_spectrograms_show_where_the_tone_is(page: PageDriver, fake: Fake):
    opened(page, fake)
    page.play()  # all stems are there
    page.press("g")
    row = """(() => {
      const canvas = document.querySelector('[data-stem=%s] canvas');
      const { width, height } = canvas;
      const { data } = canvas.getContext('2d').getImageData(0, 0, width, height);
      const dark = (y) => {
        const row = data.slice(4 * y * width, 4 * (y + 1) * width);
        return row.reduce((sum, value) => sum + 255 - value, 0);
      };
      const all = [...Array(height).keys()].map(dark);
      return height - 1 - all.indexOf(Math.max(...all));
    })()"""
    for stem in ("bass", "guitar", "piano"):
        hertz = 40 * (16_000 / 40) ** ((page.js(row % stem) + 0.5) / 64)
        assert hertz == pytest.approx(SOUNDS[stem][0], rel=0.15), stem
