"""The page in a real browser: no console error, and all that can be done on it works."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from stemwise.report.page import write_report

pytestmark = pytest.mark.browser
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--autoplay-policy=no-user-gesture-required",
)
Open = Callable[..., Any]


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Start the system's Chromium by the system's driver; selenium must fetch neither."""
    webdriver = pytest.importorskip("selenium.webdriver")
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    browser = shutil.which("chromium") or shutil.which("google-chrome")
    control = shutil.which("chromedriver")
    if not browser or not control:
        pytest.skip("no chromium and chromedriver: `apt-get install chromium chromium-driver`")
    options = Options()
    options.binary_location = browser
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with pytest.MonkeyPatch.context() as patch:
        # a proxy of the environment must not stand between the test and its own driver
        for name in ("NO_PROXY", "no_proxy"):
            patch.setenv(name, "localhost,127.0.0.1")
        made = webdriver.Chrome(options=options, service=Service(executable_path=control))
        made.set_page_load_timeout(120)
        yield made
        made.quit()


@pytest.fixture
def open_page(driver: Any) -> Iterator[Open]:
    """Return a function that opens a page from disk; afterwards nothing may stand in the console."""

    def opened(page: Path, width: int = 1280, height: int = 900) -> Any:
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
        driver.get(page.as_uri())
        return driver

    driver.get_log("browser")
    yield opened
    errors = [line for line in driver.get_log("browser") if line["level"] != "INFO"]
    assert errors == []


@pytest.fixture
def page(make_run: Callable[..., Any]) -> Path:
    run = make_run(audio=True, infinite=True, flagged=["beta"])
    return write_report(run.output, run.models)


def js(driver: Any, code: str) -> Any:
    return driver.execute_script(f"return {code}")


def column(driver: Any, index: int) -> list[str]:
    # a track's cell also says, on a phone, what has no column there
    cell = f"r.cells[{index}]" if index else "r.cells[0].querySelector('button')"
    code = f"[...document.querySelectorAll('#scores tbody tr')].map(r => {cell}.textContent)"
    return js(driver, code)


def press(driver: Any, key: str) -> None:
    js(driver, f"document.querySelector('#scores thead [data-key={key}]').click()")


def choose(driver: Any, name: str, text: str) -> None:
    driver.execute_script(
        "const s = document.getElementById(arguments[0]);"
        "s.value = [...s.options].find(o => o.textContent === arguments[1]).value;"
        "s.dispatchEvent(new Event('change'))",
        name,
        text,
    )


def until(check: Callable[[], Any], seconds: float = 30.0) -> Any:
    """Wait for what a busy machine does late."""
    end = time.monotonic() + seconds
    while not (value := check()) and time.monotonic() < end:
        time.sleep(0.1)
    return value


def test_sorting(open_page: Open, page: Path):
    driver = open_page(page)
    assert js(driver, "document.title").endswith("stemwise report")
    before = column(driver, 3)
    assert len(before) == 25
    press(driver, "snr")
    down = column(driver, 3)
    assert down != before
    assert down[0] == "∞"
    press(driver, "snr")
    up = column(driver, 3)
    assert up[0] == "−∞" and up != down
    known = [float(text.replace("−", "-")) for text in up if "∞" not in text and text != "–"]
    assert known == sorted(known) and known
    states = "[...document.querySelectorAll('#scores thead th')].map(t => t.ariaSort)"
    assert js(driver, states) == ["none"] * 3 + ["ascending"] + ["none"] * 5
    # unknown numbers stand last both ways
    choose(driver, "stem", "vocals")
    choose(driver, "model", "alpha")
    for _ in range(2):
        press(driver, "score")
        assert column(driver, 5)[-1] == "–"


def test_sorting_by_keyboard(open_page: Open, page: Path):
    from selenium.webdriver.common.keys import Keys

    driver = open_page(page)
    js(driver, "document.querySelector('#scores thead [data-key=model]').focus()")
    driver.switch_to.active_element.send_keys(Keys.ENTER)
    models = column(driver, 2)
    assert models == ["mixture"] * 25
    driver.switch_to.active_element.send_keys(Keys.SPACE)
    assert column(driver, 2)[0] == "oracle"


def test_filters_and_pages(open_page: Open, page: Path):
    driver = open_page(page)
    total = js(driver, "document.getElementById('shown').textContent")
    assert total.startswith("1–25 of ")
    js(driver, "document.getElementById('next').click()")
    assert js(driver, "document.getElementById('shown').textContent").startswith("26–50 of ")
    driver.find_element("id", "find").send_keys("song 07")
    assert set(column(driver, 0)) == {"Song 07"}
    choose(driver, "stem", "vocals")
    assert set(column(driver, 1)) == {"vocals"}
    choose(driver, "model", "beta")
    assert column(driver, 2) == ["beta"]
    assert js(driver, "document.getElementById('next').disabled")
    driver.find_element("id", "find").send_keys(" nowhere")
    assert column(driver, 0) == []
    assert "No rows match" in js(driver, "document.getElementById('shown').textContent")


def test_a_row_opens_and_a_clip_plays(open_page: Open, page: Path):
    driver = open_page(page)
    driver.find_element("id", "find").send_keys("song 01")
    choose(driver, "stem", "vocals")
    choose(driver, "model", "alpha")
    button = driver.find_element("css selector", "#scores tbody button")
    button.click()
    assert button.get_attribute("aria-expanded") == "true"
    assert js(driver, "document.querySelectorAll('.detail audio').length") == 3
    started = "document.querySelector('.detail audio').play().then(() => 0)"
    driver.execute_script(f"{started}")
    moved = "document.querySelector('.detail audio').currentTime"
    assert until(lambda: js(driver, moved) > 0.05)
    assert js(driver, "document.querySelector('.detail audio').readyState") >= 2
    assert js(driver, "Math.round(document.querySelector('.detail audio').duration)") == 3
    # the next one goes on where this one is, and this one stops
    driver.execute_script("document.querySelectorAll('.detail audio')[1].play()")
    assert until(lambda: js(driver, "document.querySelectorAll('.detail audio')[0].paused"))
    assert until(
        lambda: js(driver, "document.querySelectorAll('.detail audio')[1].currentTime") > 0.05
    )
    picture = "document.querySelector('.detail img')"
    driver.execute_script(f"{picture}.scrollIntoView()")
    assert until(lambda: js(driver, f"{picture}.naturalWidth") == 320)
    driver.execute_script("arguments[0].click()", button)  # it lies below the navigation now
    assert button.get_attribute("aria-expanded") == "false"
    assert js(driver, "document.querySelectorAll('.detail').length") == 0


def test_a_failed_row_says_why_and_names_stay_text(open_page: Open, page: Path):
    driver = open_page(page)
    driver.find_element("id", "find").send_keys("song 04")
    driver.find_element("css selector", "#scores tbody tr:nth-child(2) button").click()
    detail = js(driver, "document.querySelector('.detail').textContent")
    assert "vocals <img src=x> broke" in detail
    assert "No audio of this stem" in detail
    driver.find_element("id", "find").clear()
    driver.find_element("id", "find").send_keys("</script>")
    assert column(driver, 0)[0].startswith("</script><script>window.hacked=1</script>")
    driver.find_element("css selector", "#scores tbody button").click()
    assert js(driver, "window.hacked") is None
    assert js(driver, "document.querySelectorAll('main img, main i').length") == 0


@pytest.mark.parametrize("width", [390, 768, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_sticks_out(open_page: Open, page: Path, width: int, scheme: str):
    driver = open_page(page, width)
    feature = {"name": "prefers-color-scheme", "value": scheme}
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    driver.execute_script("document.querySelectorAll('details').forEach(d => { d.open = true })")
    driver.find_element("css selector", "#scores tbody button").click()
    assert js(driver, "document.documentElement.scrollWidth") <= width
    assert js(driver, "[...document.querySelectorAll('.figure')].every(f => f.offsetWidth > 200)")
    ink, ground = (
        js(driver, f"getComputedStyle(document.body).{name}.match(/\\d+/g).map(Number)")
        for name in ("color", "backgroundColor")
    )
    assert abs(sum(ink[:3]) - sum(ground[:3])) > 450
    assert (sum(ink[:3]) > sum(ground[:3])) == (scheme == "dark")


def test_a_blind_test_is_taken_by_keyboard_and_told_at_the_end(open_page: Open, page: Path):
    driver = open_page(page)
    names = "[...document.querySelectorAll('#blind-one option')].map(o => o.textContent)"
    assert js(driver, names) == ["htdemucs_6s", "beta", "alpha"]  # the best first
    js(driver, "document.getElementById('blind-start').click()")
    hidden = js(driver, "document.getElementById('blind').innerText.replace(/Model[^]*?Seed/, '')")
    assert "beta" not in hidden and "Trial 1" in hidden
    answer = (
        "document.dispatchEvent(new KeyboardEvent('keydown', {key: arguments[0], bubbles: true}))"
    )
    driver.execute_script(answer, "1")
    assert "Listen to X first" in js(driver, "document.getElementById('blind-state').textContent")
    for key in "ax1x1bx2":
        driver.execute_script(answer, key)
    pressed = "document.querySelectorAll('#blind [aria-pressed=true]').length"
    assert "Trial 4" in js(driver, "document.getElementById('blind-state').textContent")
    assert js(driver, pressed) == 0
    js(driver, "document.getElementById('blind-finish').click()")
    told = json.loads(js(driver, "document.getElementById('blind-text').value"))
    assert (told["stem"], told["models"], told["trials"]) == ("vocals", ["htdemucs_6s", "beta"], 3)
    right = sum(trial["x"] == trial["answer"] for trial in told["answers"])
    assert told["correct"] == right
    # the probability of so many or more of three by guessing
    assert told["p_value"] == pytest.approx([1, 7 / 8, 4 / 8, 1 / 8][right])
    assert {frozenset((t["a"], t["b"])) for t in told["answers"]} == {
        frozenset(("htdemucs_6s", "beta"))
    }
    shown = js(driver, "document.getElementById('blind-verdict').textContent")
    assert (
        shown.startswith(f"{right} of 3 correct, p = ")
        and "htdemucs_6s and beta on vocals" in shown
    )
    js(driver, "document.querySelector('[data-copy=csv]').click()")
    lines = js(driver, "document.getElementById('blind-text').value").splitlines()
    assert lines[0] == "trial,track,a,b,x,answer,correct" and len(lines) == 4
    # the same seed asks the same again
    first = [(t["track"], t["a"], t["x"]) for t in told["answers"]]
    js(driver, "document.getElementById('blind-start').click()")
    for key in "x1x1x1":
        driver.execute_script(answer, key)
    js(driver, "document.getElementById('blind-finish').click()")
    again = json.loads(js(driver, "document.getElementById('blind-text').value"))["answers"]
    assert [(t["track"], t["a"], t["x"]) for t in again] == first


def test_a_long_table_shows_its_first_rows_and_opens(open_page: Open, page: Path):
    driver = open_page(page)
    box = "[...document.querySelectorAll('#genre .long')].at(-1)"
    driver.execute_script(
        "document.querySelectorAll('#genre > details').forEach(d => { d.open = true })"
    )
    seen = f"[...{box}.querySelectorAll('tbody tr')].filter(r => r.offsetHeight).length"
    every = js(driver, f"{box}.querySelectorAll('tbody tr').length")
    assert js(driver, seen) == 10 < every
    assert js(driver, f"{box}.querySelector('summary').innerText") == f"Show all {every} rows"
    js(driver, f"{box}.querySelector('summary').click()")
    assert js(driver, seen) == every
    assert js(driver, f"{box}.querySelector('summary').innerText") == "Show fewer"


def test_on_a_phone_a_row_says_all_in_four_columns(open_page: Open, page: Path):
    driver = open_page(page, 390)
    head = "[...document.querySelectorAll('#scores thead th')].filter(t => t.offsetWidth).length"
    assert js(driver, head) == 4
    under = js(driver, "document.querySelector('#scores tbody .under').innerText")
    assert under.split() == ["vocals", "mixture"]
    box = "document.querySelector('#explore .scroll')"
    assert js(driver, f"{box}.scrollWidth <= {box}.clientWidth")


def test_figures_follow_the_theme(open_page: Open, page: Path):
    driver = open_page(page)
    fill = "getComputedStyle(document.querySelector('.figure svg text')).fill"
    seen = set()
    for scheme in ("light", "dark"):
        feature = {"name": "prefers-color-scheme", "value": scheme}
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        seen.add(js(driver, fill))
    assert len(seen) == 2


def test_a_page_without_scores(open_page: Open, make_run: Callable[..., Any]):
    run = make_run(silent=True, tracks=1, level2=False)
    driver = open_page(write_report(run.output, run.models))
    assert "silent_reference" in column(driver, 8)
    assert set(column(driver, 5)) == {"–"}
