"""Take the picture of the service's page: python docs/make_serve_picture.py [TARGET].

Starts `stemwise serve` on a free port with an empty state folder, separates a song of the demo band in
a real browser (Chromium and its driver must be installed), and photographs the player while it plays.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests
import soundfile
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

from stemwise.core.types import SAMPLE_RATE
from stemwise.datasets.synthesis import song

TARGET = Path(__file__).parent / "images" / "serve.png"
SIZE = {"width": 1280, "height": 900, "deviceScaleFactor": 1, "mobile": False}
# a click by script is no gesture of a user, without which a browser plays nothing
GESTURE = "--autoplay-policy=no-user-gesture-required"
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", GESTURE)
WAIT_S = 600.0


def main(target: str = str(TARGET)) -> None:
    """Write the picture."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "Demo song.flac"
        mixture = sum(song.render("pop", 3, 42.0).values())
        soundfile.write(path, mixture.T, SAMPLE_RATE)
        with serving(Path(folder) / "state") as url, browser() as driver:
            photograph(driver, url, path, target)


@contextmanager
def serving(state: Path) -> Iterator[str]:
    """Run the service until it has been photographed; yield its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "stemwise.cli",
        "serve",
        "--port",
        str(port),
        "--state",
        str(state),
    ]
    url = f"http://127.0.0.1:{port}/"
    process = subprocess.Popen(command)
    try:
        until(lambda: answers(f"{url}healthz"))
        yield url
    finally:
        process.terminate()
        process.wait(60)


@contextmanager
def browser() -> Iterator[Any]:
    """Start the system's Chromium."""
    options = Options()
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome") or ""
    for flag in FLAGS:
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    try:
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", SIZE)
        yield driver
    finally:
        driver.quit()


def photograph(driver: Any, url: str, path: Path, target: str) -> None:
    """Separate a song and take a picture while it plays."""

    def click(selector: str) -> None:
        until(
            lambda: driver.execute_script(f"return document.querySelector('{selector}') !== null")
        )
        driver.execute_script(f"document.querySelector('{selector}').click()")

    driver.get(url)
    until(lambda: driver.execute_script("return document.querySelectorAll('#stems input').length"))
    driver.find_element("css selector", "#file").send_keys(str(path))
    click("#separate")
    click("[data-stem=drums] .parts")
    click("[data-stem=bass] .mute")
    click(".play")
    playing = "return document.querySelector('.position').value > 9"
    until(lambda: driver.execute_script(playing))
    driver.execute_script("window.scrollTo(0, 0)")
    driver.save_screenshot(target)


def answers(url: str) -> bool:
    """Tell whether the service is ready; while it starts it may not answer."""
    try:
        return requests.get(url, timeout=5).status_code == 200
    except (requests.ConnectionError, requests.Timeout):
        return False


def until(check: Callable[[], object]) -> None:
    """Wait for a condition.

    Raises:
        TimeoutError: it did not come about in ten minutes.
    """
    end = time.monotonic() + WAIT_S
    while not check():
        if time.monotonic() > end:
            raise TimeoutError("The service or its page did not get so far in ten minutes.")
        time.sleep(0.2)


if __name__ == "__main__":
    main(*sys.argv[1:])
