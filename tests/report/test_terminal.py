import io
from dataclasses import dataclass, field

import pytest
from rich.console import Console

from stemwise.report import terminal
from stemwise.report.console import make_console
from stemwise.report.download import download_display
from stemwise.report.tables import TextTable
from stemwise.report.terminal import RunDisplay, show_list, show_table


def printed(table, width=120):
    out = io.StringIO()
    show_table(Console(file=out, width=width), table)
    return out.getvalue()


TABLE = TextTable(
    "table1",
    "Mean scores",
    ("model", "vocals SNR", "vocals SDR", "guitar+piano+other SNR", "guitar+piano+other SDR"),
    (
        ("mixture (unprocessed)", "–", "–", "-3.00", "-2.00"),
        ("alpha", "4.50", "5.50", "1.00", "–"),
        ("tracks", "2", "", "1", ""),
    ),
    "The note.",
    (2, 2),
)


def test_the_columns_of_a_group_are_shown_as_one():
    text = printed(TABLE)
    for cell in (
        "Mean scores",
        "SNR / SDR",
        "-3.00 / -2.00",
        "4.50 / 5.50",
        "1.00 / –",
        "The note.",
    ):
        assert cell in text
    lines = text.splitlines()
    (mixture,) = [line for line in lines if "mixture" in line]
    assert mixture.count("–") == 1  # nothing known is one dash
    (tracks,) = [line for line in lines if "tracks" in line]
    assert "/" not in tracks


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_a_wide_table_continues_below_and_loses_nothing(width):
    stems = [f"stem{number}" for number in range(12)]
    table = TextTable("w", "Wide", ("model", *stems), (("alpha", *(f"v{s}" for s in stems)),))
    text = printed(table, width)
    assert max(map(len, text.splitlines())) <= width
    for stem in stems:
        assert text.count(f" {stem} ") == 1
        assert text.count(f"v{stem} ") == 1
    assert text.count("Wide") == 1
    assert text.count("alpha") == text.count("model") >= 1


def test_square_brackets_are_text():
    table = TextTable(
        "b", "B", ("track", "x[/y]"), (("song [live]", "[bold]a[/bold]"), ("[/]", "b"))
    )
    text = printed(table)
    for cell in ("song [live]", "[bold]a[/bold]", "[/]", "x[/y]"):
        assert cell in text


def test_long_tables_and_cells_are_cut_with_a_word():
    rows = tuple((f"track{number:03}", "m" * 50) for number in range(45))
    text = printed(TextTable("l", "Long", ("track", "vocals"), rows))
    assert "track039" in text
    assert "track040" not in text
    assert "… and 5 more rows" in text
    assert "m" * 31 + "…" in text
    assert "m" * 32 not in text


def test_a_table_without_rows_or_stems():
    assert "model" in printed(TextTable("e", "Empty", ("model",), (("tracks",),)))


def test_the_rows_of_a_list_are_lines_and_many_are_cut():
    rows = tuple((f"song{n}", "[/b] odd: " + "long " * 30) for n in range(15))
    out = io.StringIO()
    table = TextTable("failures", "Failures", ("track", "error"), rows)
    show_list(Console(file=out, width=60), table, "red")
    lines = out.getvalue().splitlines()
    assert lines[0] == "Failures: 15"
    assert lines[1].startswith("  song0 · [/b] odd: long")  # not wrapped, so that it can be copied
    assert "3 more in failures.csv" in lines[13]
    show_list(Console(file=(nothing := io.StringIO())), TextTable("f", "F", ("a",), ()), "red")
    assert not nothing.getvalue()


@dataclass
class State:
    done: int = 0
    failures: int = 0
    stages: dict[str, str] = field(default_factory=dict)
    speeds: dict[str, tuple[float, float]] = field(default_factory=dict)


def test_where_the_output_is_a_file_a_line_now_and_then(monkeypatch):
    out, now = io.StringIO(), [1000.0]
    monkeypatch.setattr(terminal.time, "monotonic", lambda: now[0])
    display = RunDisplay(Console(file=out, width=100), total=5, already=1)
    with display.showing():
        for seconds, done in ((0, 0), (1, 1), (5, 2), (11, 3), (1, 3), (1, 4)):
            now[0] += seconds
            speeds = {"fast": (30.0, 2.0), "slow": (30.0, 20.0), "idle": (0.0, 0.0)}
            display.update(State(done, done // 3, speeds=speeds if done else {}))
    # the first, the one ten seconds later, and the last
    assert out.getvalue().splitlines() == [
        "tracks 1/5, failures 0",
        # 17 s for three tracks, and one is left
        "tracks 4/5, failures 1, slowest model slow (1.5× real time), about 6 s left",
        "tracks 5/5, failures 1, slowest model slow (1.5× real time)",
    ]


def test_on_a_terminal_a_live_panel():
    out = io.StringIO()
    display = RunDisplay(Console(file=out, width=100, force_terminal=True), total=4, already=0)
    stages = {f"song{number}": "decode" for number in range(5)}
    with display.showing():
        display.update(State(1, 2, stages, {"fast": (30.0, 2.0), "idle": (0.0, 0.0)}))
    text = out.getvalue()
    for part in ("song0 [after decode]", "…", "fast 15.0×", "failures so far: 2", "1/4"):
        assert part in text
    assert "song4" not in text
    assert "idle" not in text


def test_a_file_has_lines_of_120_characters(monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    console = make_console()
    assert console.is_terminal or console.width == 120


def test_a_download_has_a_bar_from_its_first_report():
    out = io.StringIO()
    console = Console(file=out, width=100, force_terminal=True)
    with download_display(console) as make:
        first, second = make("weights-a"), make("weights-b")
        first(500_000, None)
        first(1_000_000, 2_000_000)
        assert second is not first
    text = out.getvalue()
    assert "weights-a" in text
    assert "weights-b" not in text
