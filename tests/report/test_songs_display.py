"""Songs in work: bars on a terminal, rare lines in a log, nothing where quiet is asked for."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from stemwise.report import songs_display
from stemwise.report.songs_display import SongsDisplay, duration


@pytest.fixture
def clock(monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(songs_display.time, "monotonic", lambda: now[0])
    return now


def test_in_a_log_a_line_now_and_then_with_speed_and_time_left(clock):
    out = io.StringIO()
    display = SongsDisplay(Console(file=out, width=100), total=4, models=2, rate=100)
    with display.showing():
        with display.song("a.wav") as shown:
            clock[0] += 10
            shown.progress("m", 3000, 6000)
            clock[0] += 30
            shown.progress("m", 6000, 6000)  # 30 of 60 s of music in 40 s, an eighth of all work
            shown.progress("n", 6000, 6000)
        clock[0] += 1
        with display.song("b.wav"):
            pass
    assert out.getvalue() == "0 of 4 songs, 0.8× real time, about 5 min left\n"


def test_a_terminal_shows_songs_models_and_all(clock):
    out = io.StringIO()
    console = Console(file=out, width=120, force_terminal=True)
    display = SongsDisplay(console, total=2, models=1, rate=100)
    with display.showing(), display.song("x" * 50) as shown:
        shown.progress("scnet", 300, 600)
        display._bars.refresh()
        clock[0] += 1
    text = out.getvalue()
    for part in ("all songs", "x" * 35 + "…", "scnet", "50 %", "0 of 2 songs"):
        assert part in text


def test_quiet_is_quiet(clock):
    out = io.StringIO()
    display = SongsDisplay(Console(file=out, quiet=True, force_terminal=True), 1, 1, 100)
    with display.showing(), display.song("a") as shown:
        clock[0] += 100
        shown.progress("m", 1, 2)
    assert out.getvalue() == ""


@pytest.mark.parametrize(
    ("seconds", "told"), [(40.4, "40 s"), (90, "2 min"), (3000, "50 min"), (12_000, "3 h 20 min")]
)
def test_durations_are_said_as_people_do(seconds, told):
    assert duration(seconds) == told
