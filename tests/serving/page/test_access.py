"""The page for all: by keyboard, on a phone, in the dark, with little motion."""

from __future__ import annotations

import pytest

from ..page_browser import PageDriver, until
from ..page_server import Fake
from .conftest import opened

pytestmark = pytest.mark.browser


def test_the_keyboard(page: PageDriver, fake: Fake):
    from selenium.webdriver.common.keys import Keys

    opened(page, fake)
    page.press(Keys.SPACE)
    state = "document.querySelector('.play').dataset.state"
    until(lambda: page.js(state) == "playing")
    page.press(Keys.SPACE)
    until(lambda: page.js(state) == "paused")
    page.press(Keys.HOME, Keys.ARROW_RIGHT)
    assert page.position() == pytest.approx(5.0, abs=0.01)
    page.press(Keys.SHIFT + Keys.ARROW_LEFT + Keys.NULL)
    assert page.position() == pytest.approx(4.0, abs=0.01)
    # keys act on the row that has the focus; up and down go to the same control of the next
    page.focus("[data-stem=vocals] .mute")
    page.press(Keys.ARROW_DOWN)
    assert page.js("document.activeElement.getAttribute('aria-label')") == "Mute Drums"
    page.press("s")
    assert page.js("document.querySelector('[data-stem=drums] .solo').ariaPressed") == "true"
    page.press(Keys.SPACE)  # presses the button that has the focus
    assert page.js("document.querySelector('[data-stem=drums] .mute').ariaPressed") == "true"
    assert page.js(state) == "paused"
    # a slider keeps its arrows
    page.focus("[data-stem=drums] .fader input")
    page.press(Keys.ARROW_LEFT)
    assert page.position() == pytest.approx(4.0, abs=0.01)
    assert page.text("[data-stem=drums] output") == "−0.5 dB"
    page.press("k")
    until(lambda: page.js(state) == "playing")
    pressed = "[...document.querySelectorAll('.tool')].map((b) => b.ariaPressed === 'true')"
    page.press("l", "g")  # loop, spectrogram
    assert page.js(pressed) == [True, False, True, False]


def test_tab_reaches_everything_and_can_be_seen(page: PageDriver, fake: Fake):
    from selenium.webdriver.common.keys import Keys

    opened(page, fake, stems=["bass"])
    # the heading has the focus, since the link that was followed to get here may be gone
    assert page.js("document.activeElement.innerText") == "Song 1.wav"
    names = []
    for _ in range(26):
        page.press(Keys.TAB)
        name, outline = page.js(
            "[document.activeElement.getAttribute('aria-label') ?? document.activeElement.innerText,"
            " document.activeElement === document.body"
            " || getComputedStyle(document.activeElement).outlineStyle]"
        )
        names.append(name.strip())
        assert outline != "none", name
    reached = " | ".join(names)
    for name in ("Skip to content", "New separation", "All stems", "My mix", "Play", "Position"):
        assert name in reached
    for name in ("Solo Bass", "Mute Bass", "Volume of Bass", "Download bass as FLAC"):
        assert name in reached
    labels = (
        "[...document.querySelectorAll('button, input, select')].filter((e) => e.checkVisibility()"
    )
    labels += " && !(e.ariaLabel || e.labels?.length || e.textContent.trim())).length"
    assert page.js(labels) == 0


@pytest.mark.parametrize("width", [360, 820, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_sticks_out(page: PageDriver, fake: Fake, width: int, scheme: str):
    page.scheme(scheme)
    page.size(width)
    job = fake.finish(fake.job("An_unbreakable_name_" * 8 + ".wav"))
    page.open("", width)
    page.find("#stems tr")
    page.find("#jobs li")
    assert page.js("document.documentElement.scrollWidth") <= width
    page.js("void (location.hash = arguments[0])", job["id"])
    page.find(".player .row")
    page.click("[data-stem=vocals] .parts")
    for _ in range(2):  # as it comes, then with all details
        page.find("[data-stem=lead_vocals] .wave")
        assert page.js("document.documentElement.scrollWidth") <= width
        page.click(".tools .tool:last-child")
    ink, ground = (
        page.js(f"getComputedStyle(document.body).{name}.match(/\\d+/g).map(Number)")
        for name in ("color", "backgroundColor")
    )
    assert abs(sum(ink[:3]) - sum(ground[:3])) > 450
    assert (sum(ink[:3]) > sum(ground[:3])) == (scheme == "dark")


def test_motion_is_reduced_where_it_is_asked_for(page: PageDriver, fake: Fake):
    feature = {"name": "prefers-reduced-motion", "value": "reduce"}
    opened(page, fake, stems=["bass"])
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    moving = "[...document.querySelectorAll('*')].filter((e) => { const s = getComputedStyle(e);"
    moving += " return s.animationName !== 'none' || s.transitionDuration !== '0s' }).length"
    assert page.js(moving) == 0
