"""Threads, turns and songs at a time from the number of cores."""

from __future__ import annotations

from pathlib import Path

import pytest

from stemwise.serving import sizes


@pytest.mark.parametrize(
    ("cores", "threads", "turns"),
    [(1, 1, 1), (2, 1, 2), (4, 1, 4), (7, 1, 7), (8, 2, 4), (16, 4, 4), (32, 8, 4), (64, 8, 8)],
)
def test_what_follows_from_the_cores(cores: int, threads: int, turns: int) -> None:
    assert sizes.threads(cores) == threads
    assert sizes.turns(cores, threads) == turns
    assert sizes.jobs(turns) == turns
    assert threads * turns <= cores


def test_what_is_asked_for_wins() -> None:
    assert sizes.threads(8, 5) == 5
    assert sizes.turns(8, 2, 7) == 7
    assert sizes.jobs(4, 9) == 9
    assert sizes.turns(2, 8) == 1  # more threads than cores are still one turn


@pytest.mark.parametrize(
    ("text", "cores"),
    [("200000 100000\n", 2), ("150000 100000\n", 2), ("50000 100000\n", 1), ("max 100000\n", None)],
)
def test_a_container_has_its_share(tmp_path: Path, text: str, cores: int | None) -> None:
    path = tmp_path / "cpu.max"
    path.write_text(text)
    found = sizes._quota(path)
    assert found == cores if cores else found > 1000
    assert sizes._quota(tmp_path / "none") > 1000
    assert sizes.cores() >= 1
