"""The song that began first goes first; a suspect is tried alone, and none pays for its neighbour."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from stemwise.evaluation.attempts import Attempts
from stemwise.evaluation.child_process import Fault, SongLostError
from stemwise.evaluation.song_process import _after, _Gate
from stemwise.evaluation.turns import Turns


def wait_for(condition):
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_one_at_a_time_and_the_oldest_song_first():
    turns, order, inside = Turns(), [], []
    first_begun, second_begun, hold = threading.Event(), threading.Event(), threading.Event()

    def forward(name):
        inside.append(name)
        assert len(inside) == 1
        if name == "first holds":
            hold.wait(10)
        order.append(name)
        inside.remove(name)

    def first():
        with turns.song():
            first_begun.set()
            second_begun.wait(10)
            turns.taking(forward)("first")
            turns.taking(forward)("first again")

    def second():
        first_begun.wait(10)
        with turns.song():
            second_begun.set()
            turns.taking(forward)("second")

    def holder():
        with turns.song():
            turns.taking(forward)("first holds")

    with ThreadPoolExecutor(3) as threads:
        held = threads.submit(holder)
        wait_for(lambda: inside == ["first holds"])
        done = [threads.submit(second), threads.submit(first)]
        wait_for(lambda: len(turns._waiting) == 2)
        hold.set()
        for future in (held, *done):
            future.result(10)
    assert order[:2] == ["first holds", "first"] and set(order[2:]) == {"first again", "second"}


def test_a_turn_ends_with_an_error_too():
    turns = Turns()

    def fails():
        raise RuntimeError("no memory")

    with turns.song():
        with pytest.raises(RuntimeError):
            turns.taking(fails)()
        assert turns.taking(lambda x: x + 1)(1) == 2


def test_the_gate_lets_two_in_or_one_alone():
    gate, inside, seen = _Gate(2), set(), []
    free = {name: threading.Event() for name in "abcd"}

    def song(name, alone=False):
        with gate.entered(alone):
            inside.add(name)
            seen.append(set(inside))
            free[name].wait(10)
            inside.remove(name)

    with ThreadPoolExecutor(4) as threads:
        threads.submit(song, "a")
        threads.submit(song, "b")
        wait_for(lambda: inside == {"a", "b"})
        threads.submit(song, "c", True)
        wait_for(lambda: gate._loners == 1)
        threads.submit(song, "d")  # behind the one that wants to be alone
        free["a"].set()
        wait_for(lambda: inside == {"b"})
        time.sleep(0.05)
        assert inside == {"b"}
        free["b"].set()
        wait_for(lambda: inside == {"c"})
        free["c"].set()
        wait_for(lambda: inside == {"d"})
        free["d"].set()
    assert {"c"} in seen and not any({"c", "d"} <= group for group in seen)


@pytest.mark.parametrize(
    ("fault", "reasons", "unfinished"),
    [(Fault.MINE, 1, 0), (Fault.OTHER, 0, 0), (Fault.UNCLEAR, 0, 1)],
)
def test_what_counts_against_a_song(tmp_path, fault, reasons, unfinished):
    attempts = Attempts.load(tmp_path, "song", "print").begun()
    after = _after(attempts, SongLostError("its process was killed", fault))
    assert (len(after.reasons), after.unfinished) == (reasons, unfinished)
    again = Attempts.load(tmp_path, "song", "print")
    assert (len(again.reasons), again.unfinished) == (reasons, unfinished)


def test_waiting_for_a_turn_is_not_time_of_the_model():
    turns, taken, hold = Turns(), threading.Event(), threading.Event()

    def holder():
        with turns.song():
            turns.taking(lambda: (taken.set(), hold.wait(10)))()

    with ThreadPoolExecutor(1) as threads, turns.song():
        other = threads.submit(holder)
        taken.wait(10)
        threading.Timer(0.3, hold.set).start()
        began, wall = turns.clock(), time.perf_counter()
        turns.taking(lambda: time.sleep(0.05))()
        assert time.perf_counter() - wall > 0.3
        assert 0.05 <= turns.clock() - began < 0.25
        other.result(10)
