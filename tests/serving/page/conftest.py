"""One browser and one stand-in of the service for all tests of the page."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ..page_browser import PageDriver, chromium
from ..page_server import Fake, encoded, serving


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: Any) -> Iterator[None]:
    """Say of a failed test what stood on the page."""
    report = yield
    page = getattr(item, "funcargs", {}).get("page")
    if page and report.when == "call" and report.failed:
        report.sections.append(("page", f"{page.driver.current_url}\n{page.text('body')}"))
    return report


@pytest.fixture(scope="session")
def fake() -> Fake:
    return Fake()


@pytest.fixture(scope="session")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("browser")


@pytest.fixture(scope="session")
def driver(downloads: Path) -> Iterator[Any]:
    with chromium(downloads) as made:
        yield made


@pytest.fixture(scope="session")
def page_url(fake: Fake) -> Iterator[str]:
    with serving(fake) as url:
        yield url


@pytest.fixture
def page(driver: Any, page_url: str, downloads: Path, fake: Fake) -> Iterator[PageDriver]:
    """A page that nothing was done on; afterwards the console is clean and no other host was asked."""
    fake.reset()
    made = PageDriver(driver, page_url, downloads)
    made.scheme("light")
    made.offline(False)
    made.driver.get("about:blank")
    made.console(), made.hosts()
    made.expected = []  # statuses that the test provokes: Chromium writes each into the console
    yield made
    made.js("sessionStorage.clear()")
    unexpected = [m for m in made.console() if not any(word in m for word in made.expected)]
    assert unexpected == []
    assert made.hosts() <= {page_url.split("/")[2]}


@pytest.fixture(scope="session")
def song(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("song") / "my song.flac"
    path.write_bytes(encoded("bass", 6.0, "flac"))
    return path


def opened(page: PageDriver, fake: Fake, **changes: Any) -> dict[str, Any]:
    """Open the player of a finished job."""
    job = fake.finish(fake.job("Song 1.wav", **changes))
    page.open(job["id"])
    page.find(".player .row")
    return job
