"""A real Chromium on the service's page: what tests do with it, and what they can hear.

Nothing in here knows the stand-in: `PageDriver` works at any address, also at the real service's.
"""

from __future__ import annotations

import base64
import json
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

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
)
# Listens at the page's output and notes when which source starts, without a hook in the page.
PROBE = """
(() => {
  const probe = { contexts: [], starts: [], faders: [] };
  const connect = AudioNode.prototype.connect;
  const start = AudioBufferSourceNode.prototype.start;
  window.AudioContext = class extends AudioContext {
    constructor(options) {
      super(options);
      probe.contexts.push(this);
      probe.ear = this.createAnalyser();
      probe.ear.fftSize = 8192;
      probe.ear.smoothingTimeConstant = 0;
    }
  };
  AudioNode.prototype.connect = function (to, ...rest) {
    if (this.context instanceof OfflineAudioContext) return connect.call(this, to, ...rest);
    if (to instanceof AudioDestinationNode && probe.ear) connect.call(this, probe.ear);
    if (this instanceof AudioBufferSourceNode) this.fader = to.gain;
    return connect.call(this, to, ...rest);
  };
  AudioBufferSourceNode.prototype.start = function (when, offset) {
    if (this.context instanceof OfflineAudioContext) return start.call(this, when, offset);
    probe.starts.push({ when, offset, seconds: this.buffer.duration, rate: this.buffer.sampleRate });
    probe.faders.push(this.fader);
    return start.call(this, when, offset);
  };
  probe.time = () => probe.contexts.at(-1)?.currentTime ?? 0;
  probe.peak = () => {
    const samples = new Float32Array(8192);
    probe.ear?.getFloatTimeDomainData(samples);
    return samples.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  };
  probe.tone = () => {
    const bins = new Float32Array(4096);
    probe.ear.getFloatFrequencyData(bins);
    return (bins.indexOf(Math.max(...bins)) * probe.ear.context.sampleRate) / 8192;
  };
  window.probe = probe;
})();
"""
DROP = """
const bytes = Uint8Array.from(atob(arguments[0]), (letter) => letter.charCodeAt(0));
const carried = new DataTransfer();
carried.items.add(new File([bytes], arguments[1]));
for (const type of ["dragenter", "dragover", "drop"]) {
  const event = new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer: carried });
  document.getElementById("zone").dispatchEvent(event);
}
"""


def until(check: Callable[[], Any], seconds: float = 20.0) -> Any:
    """Return the first true value of `check`; fails where there is none in time."""
    end = time.monotonic() + seconds
    while not (value := check()):
        if time.monotonic() > end:
            pytest.fail(f"waited {seconds} s in vain for {check.__code__.co_name}: {value!r}")
        time.sleep(0.02)
    return value


@contextmanager
def chromium(folder: Path) -> Iterator[Any]:
    """Start the system's Chromium by the system's driver; downloads go to `folder`."""
    webdriver = pytest.importorskip("selenium.webdriver")
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    browser = shutil.which("chromium") or shutil.which("google-chrome")
    control = shutil.which("chromedriver")
    if not browser or not control:
        pytest.skip("no chromium and chromedriver: `apt-get install chromium chromium-driver`")
    options = Options()
    options.binary_location = browser
    for flag in (*FLAGS, f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    with pytest.MonkeyPatch.context() as patch:
        # a proxy of the environment must not stand between the test and its own driver
        for name in ("NO_PROXY", "no_proxy"):
            patch.setenv(name, "localhost,127.0.0.1")
        made = webdriver.Chrome(options=options, service=Service(executable_path=control))
        made.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": PROBE})
        allowed = {"behavior": "allow", "downloadPath": str(folder)}
        made.execute_cdp_cmd("Browser.setDownloadBehavior", allowed)
        yield made
        made.quit()


class PageDriver:
    """One page of the service in one browser."""

    def __init__(self, driver: Any, url: str, downloads: Path) -> None:
        self.driver, self.url, self.downloads = driver, url, downloads

    def open(self, job: str = "", width: int = 1280, height: int = 900) -> None:
        """Load the page anew, at the form or at a job."""
        self.size(width, height)
        self.driver.get("about:blank")
        self.driver.get(self.url + (f"#{job}" if job else ""))

    def size(self, width: int, height: int = 900) -> None:
        """Make the window this large; below 600 pixels it is a phone's."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)

    def scheme(self, name: str) -> None:
        """Prefer light or dark."""
        feature = {"name": "prefers-color-scheme", "value": name}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})

    def offline(self, away: bool) -> None:
        """Take the network away, or give it back."""
        state = {"offline": away, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        self.driver.execute_cdp_cmd("Network.enable", {})
        self.driver.execute_cdp_cmd("Network.emulateNetworkConditions", state)

    def js(self, expression: str, *arguments: Any) -> Any:
        """Return the value of a JavaScript expression."""
        return self.driver.execute_script(f"return {expression}", *arguments)

    def find(self, selector: str) -> Any:
        """Return the first element that fits, waiting for it to be seen."""
        shown = f"document.querySelector({json.dumps(selector)})?.checkVisibility()"
        until(lambda: self.js(shown))
        return self.driver.find_element("css selector", selector)

    def click(self, selector: str) -> None:
        self.find(selector).click()

    def text(self, selector: str) -> str:
        """Return what can be read in an element; nothing where there is none."""
        text = str(self.js("document.querySelector(arguments[0])?.innerText ?? ''", selector))
        return " ".join(text.split())

    def says(self, selector: str, words: str) -> None:
        """Wait until an element says something."""
        until(lambda: words in self.text(selector))

    def press(self, *keys: str) -> None:
        """Press keys where the focus is."""
        for key in keys:
            self.driver.switch_to.active_element.send_keys(key)

    def focus(self, selector: str) -> None:
        self.js("document.querySelector(arguments[0]).focus()", selector)

    def choose(self, *songs: Path) -> None:
        """Choose songs with the file button, once the recipes are there."""
        until(lambda: self.js("document.querySelectorAll('#stems input').length"))
        self.driver.find_element("css selector", "#file").send_keys("\n".join(map(str, songs)))

    def songs(self) -> list[str]:
        """Return what is said of each song of the list."""
        said = "[...document.querySelectorAll('.song-state')].map((s) => s.textContent)"
        return list(self.js(said))

    def drop(self, content: bytes, name: str) -> None:
        """Drop a song on the page, once the recipes are there."""
        until(lambda: self.js("document.querySelectorAll('#stems input').length"))
        self.driver.execute_script(DROP, base64.b64encode(content).decode(), name)

    def separate(self, song: Path, seconds: float = 60.0) -> str:
        """Upload a song, wait for its player, and return the job's id."""
        self.choose(song)
        self.click("#separate")
        until(lambda: self.js("document.querySelectorAll('.player .row').length"), seconds)
        return str(self.js("location.hash.slice(1)"))

    def stems(self) -> list[str]:
        """Return the stems of the rows that can be seen."""
        rows = "[...document.querySelectorAll('.row:not([hidden])')].map((r) => r.dataset.stem)"
        return list(self.js(rows))

    def play(self) -> None:
        """Press play and wait for sound."""
        self.click(".play")
        until(lambda: self.js("document.querySelector('.play').dataset.state === 'playing'"))
        until(lambda: self.js("probe.peak() > 0.001"))

    def position(self) -> float:
        """Return the position in seconds, as its slider has it."""
        return float(self.js("document.querySelector('.position').value"))

    def gains(self) -> list[float]:
        """Return the gains of the newest sources, one for each stem that was loaded, sorted."""
        begun = "probe.starts.findLastIndex((s) => s.when < probe.starts.at(-1).when - 1e-9) + 1"
        return sorted(self.js(f"probe.faders.slice({begun}).map((gain) => gain.value)"))

    def saved(self, name: str) -> bytes:
        """Return a downloaded file, once it is complete."""
        path = self.downloads / name
        until(path.exists)
        content = path.read_bytes()
        path.unlink()
        return content

    def console(self) -> list[str]:
        """Return what stands in the console since the last call."""
        return [line["message"] for line in self.driver.get_log("browser")]

    def hosts(self) -> set[str]:
        """Return all hosts that anything was asked of since the last call."""
        asked = set()
        for line in self.driver.get_log("performance"):
            message = json.loads(line["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                address = urlsplit(message["params"]["request"]["url"])
                if address.scheme in {"http", "https", "ws", "wss"}:
                    asked.add(address.netloc)
        return asked
