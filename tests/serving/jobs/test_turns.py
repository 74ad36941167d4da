"""Who works at a time: a scheduler in closed form, without clocks."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemwise.core.types import SAMPLE_RATE
from stemwise.serving.jobs.model_calls import JobStoppedError
from stemwise.serving.jobs.records import Due, Job, Status
from stemwise.serving.jobs.turns import Turns

from ..local import WAIT_S, until

A, B, C, D = (Due(float(at), name) for at, name in enumerate("abcd"))


def job(created_at: float, seconds: float, id: str = "j") -> Job:
    samples = round(seconds * SAMPLE_RATE)
    return Job(id, "", Status.QUEUED, "r", (), "flac", "t", samples, created_at)


def test_of_equal_songs_the_oldest_is_first() -> None:
    assert job(0, 60).due < job(1, 60).due < job(2, 60).due


def test_a_short_song_overtakes_a_long_one_that_came_just_before() -> None:
    long = job(0, 900)
    assert job(1, 5).due < long.due
    assert job(869.9, 5).due < long.due < job(870.1, 5).due


def test_of_songs_of_about_one_length_the_oldest_is_first() -> None:
    """Whoever overtook would gain two seconds, and cost those in work more."""
    assert job(0, 60).due < job(0.1, 58).due < job(0.2, 40).due


@given(length=st.floats(0.1, 900), came=st.floats(0, 1e4), other=st.floats(0.1, 900))
def test_nothing_that_comes_a_songs_length_after_it_overtakes_it(
    length: float, came: float, other: float
) -> None:
    song = job(came, length)
    late = song.created_at + song.samples / SAMPLE_RATE
    assert job(late, other).due > song.due  # however short it is


def test_equal_dues_are_told_apart() -> None:
    one = job(0, 1, "x")
    assert one.due < replace(one, id="y").due


class Pieces:
    """Pieces of work in threads; each holds its turn until it is let go."""

    def __init__(self, most: int) -> None:
        self.turns = Turns(most)
        self.running: list[Due] = []
        self._open: dict[Due, threading.Event] = {}
        self._threads = ThreadPoolExecutor(16)

    def begin(self, due: Due) -> None:
        self._open[due] = threading.Event()
        self._threads.submit(self._work, due)
        until(lambda: any(due == piece[0] for piece in list(self.turns._pieces)))

    def _work(self, due: Due) -> None:
        with self.turns.taken(due):
            self.running.append(due)
            assert self._open[due].wait(WAIT_S)
            self.running.remove(due)

    def end(self, due: Due) -> None:
        self._open.pop(due).set()
        until(lambda: all(due != piece[0] for piece in list(self.turns._pieces)))

    def close(self) -> None:
        for event in self._open.values():
            event.set()
        self._threads.shutdown()


def test_the_most_urgent_pieces_run_and_the_others_wait() -> None:
    pieces = Pieces(2)
    for piece in (B, C, D):
        pieces.begin(piece)
    until(lambda: sorted(pieces.running) == [B, C])
    pieces.begin(A)  # more urgent than all: it does not wait for one of them
    until(lambda: sorted(pieces.running) == [A, B, C])
    pieces.end(C)  # has lost its place before: D is not next
    until(lambda: sorted(pieces.running) == [A, B])
    pieces.end(A)
    until(lambda: sorted(pieces.running) == [B, D])
    pieces.close()


@settings(max_examples=25, deadline=None)
@given(
    most=st.integers(1, 3),
    steps=st.lists(st.tuples(st.booleans(), st.integers(0, 99)), max_size=12),
)
def test_what_is_due_first_always_runs(most: int, steps: list[tuple[bool, int]]) -> None:
    pieces, known, expected = Pieces(most), [], set()
    try:
        for number, (begins, chosen) in enumerate(steps):
            if begins or not known:
                known.append(Due(float(chosen), str(number)))
                pieces.begin(known[-1])
            else:
                # only what runs can end
                piece = sorted(expected)[chosen % len(expected)]
                known.remove(piece)
                expected.remove(piece)
                pieces.end(piece)
            expected |= set(sorted(known)[:most])  # what has begun goes on
            until(lambda: set(pieces.running) == expected)  # noqa: B023 (called at once)
    finally:
        pieces.close()


def test_no_limit_lets_all_run() -> None:
    turns = Turns(0)
    with ExitStack() as stack:
        for piece in (A, B, C, D):
            stack.enter_context(turns.taken(piece))


def test_what_is_stopped_while_it_waits_never_begins() -> None:
    turns, stopped = Turns(1), threading.Event()
    with ThreadPoolExecutor(1) as threads, turns.taken(A):

        def work() -> None:
            with turns.taken(B, stopped.is_set):
                raise AssertionError("it began")

        waiting = threads.submit(work)
        until(lambda: len(turns._pieces) == 2)
        stopped.set()
        turns.look()
        with pytest.raises(JobStoppedError):
            waiting.result(WAIT_S)
    assert not turns._pieces  # its place is free again
