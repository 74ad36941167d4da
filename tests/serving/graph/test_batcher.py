"""Chunks of several songs through one model: which pass takes what, and what goes wrong alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from stemwise.separation.device.halving import Halving
from stemwise.serving.graph.batcher import Batcher, Song
from stemwise.serving.jobs.model_calls import JobStoppedError

WAIT_S = 20
NEVER_S = 10_000.0  # a wait that a test does not survive
BROKEN = 99.0


def model(chunks: Tensor) -> Tensor:
    """Two stems, sample by sample; refuses a batch that holds BROKEN."""
    assert torch.is_inference_mode_enabled()
    if (chunks == BROKEN).any():
        raise ValueError("broken chunk")
    return torch.stack([chunks * 2, chunks**2 - 1], dim=1)


class Passes:
    """A model that notes what it is given, and that can be held."""

    def __init__(self) -> None:
        self.seen: list[Tensor] = []
        self.open = threading.Event()
        self.open.set()
        self.begun = threading.Semaphore(0)

    def __call__(self, chunks: Tensor) -> Tensor:
        self.seen.append(chunks.clone())
        self.begun.release()
        assert self.open.wait(WAIT_S)
        return model(chunks)

    @property
    def sizes(self) -> list[int]:
        return [len(chunks) for chunks in self.seen]


class Bench:
    """A batcher, and songs that hand over chunks from threads of their own."""

    def __init__(self, max_chunks: int = 4, wait_s: float = NEVER_S) -> None:
        self.passes = Passes()
        self.counted: list[int] = []
        self.batcher = Batcher(
            self.passes, max_chunks, wait_s, lambda chunks, _: self.counted.append(chunks)
        )
        self.threads = ThreadPoolExecutor(16)
        self.stack = ExitStack()

    def song(self) -> Song:
        return self.stack.enter_context(self.batcher.song())

    def hand(self, song: Song, chunks: Tensor) -> Future[Tensor]:
        """Hand over, and return once the chunks wait or are in a pass."""
        before = self._taken()
        future = self.threads.submit(song.forward, chunks)
        until(lambda: self._taken() >= before + len(chunks))
        return future

    def _taken(self) -> int:
        """Chunks that wait or have been in a pass."""
        return sum(len(item.chunks) for item in self.batcher._waiting) + sum(self.passes.sizes)

    def hold(self) -> Future[Tensor]:
        """Occupy the model with a song that then leaves, until `release`."""
        self.passes.open.clear()
        with self.batcher.song() as song:
            future = self.hand(song, chunks_of(1, value=-1))
            assert self.passes.begun.acquire(timeout=WAIT_S)
        return future

    def release(self) -> None:
        self.passes.open.set()


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.001)


def chunks_of(count: int, length: int = 8, value: float = 0.5) -> Tensor:
    return torch.full((count, 2, length), value)


@pytest.fixture
def bench() -> Iterator[Callable[..., Bench]]:
    made: list[Bench] = []

    def make(**options: float) -> Bench:
        made.append(Bench(**options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for one in made:
        one.release()
        one.stack.close()
        one.batcher.close()
        one.threads.shutdown()


def test_songs_that_wait_while_the_model_is_busy_are_the_next_pass(
    bench: Callable[..., Bench],
) -> None:
    up = bench()
    up.hold()
    values = (0.1, 0.2, 0.3)
    futures = [up.hand(up.song(), chunks_of(1, value=value)) for value in values]
    up.release()
    for value, future in zip(values, futures, strict=True):
        expected = [chunks_of(1, value=2 * value), chunks_of(1, value=value**2 - 1)]
        torch.testing.assert_close(future.result(WAIT_S), torch.stack(expected, dim=1))
    assert up.passes.sizes == [1, 3] == up.counted


def test_a_song_alone_begins_at_once(bench: Callable[..., Bench]) -> None:
    up = bench(wait_s=NEVER_S)
    song = up.song()
    for _ in range(5):
        up.hand(song, chunks_of(1)).result(WAIT_S)
    assert up.passes.sizes == [1] * 5


def test_a_pass_begins_when_the_song_that_it_waits_for_leaves(bench: Callable[..., Bench]) -> None:
    up = bench(wait_s=NEVER_S)
    with up.batcher.song():
        future = up.hand(up.song(), chunks_of(1))
        assert not future.done() and up.passes.sizes == []
    future.result(WAIT_S)
    assert up.passes.sizes == [1]


def test_a_pass_waits_only_so_long_for_a_song_that_is_adding_up(
    bench: Callable[..., Bench],
) -> None:
    up = bench(wait_s=0.01)
    up.song()  # never hands over anything
    up.hand(up.song(), chunks_of(1)).result(WAIT_S)


def test_a_full_pass_waits_for_nobody(bench: Callable[..., Bench]) -> None:
    up = bench(max_chunks=3, wait_s=NEVER_S)
    up.song()
    up.hand(up.song(), chunks_of(3)).result(WAIT_S)


def test_a_pass_has_no_more_chunks_than_allowed_and_keeps_the_order(
    bench: Callable[..., Bench],
) -> None:
    up = bench(max_chunks=4)
    up.hold()
    counts = (2, 1, 3, 1, 6, 1)  # 6 alone is more than is allowed, and is one pass all the same
    futures = [up.hand(up.song(), chunks_of(count)) for count in counts]
    up.release()
    assert [len(future.result(WAIT_S)) for future in futures] == list(counts)
    assert up.passes.sizes == [1, 4, 4, 6] or up.passes.sizes == [1, 4, 3, 6, 1]
    assert up.passes.sizes[1] == 2 + 1 + 1  # what is too large is passed over, for one pass


def test_chunks_of_unequal_shapes_never_meet(bench: Callable[..., Bench]) -> None:
    up = bench(max_chunks=16, wait_s=0)
    up.hold()
    lengths = (8, 5, 8, 5, 7)
    futures = [up.hand(up.song(), chunks_of(1, length)) for length in lengths]
    up.release()
    assert [future.result(WAIT_S).shape for future in futures] == [(1, 2, 2, n) for n in lengths]
    assert [tuple(seen.shape) for seen in up.passes.seen[1:]] == [(2, 2, 8), (2, 2, 5), (1, 2, 7)]


def test_a_rare_shape_is_not_starved_by_a_common_one(bench: Callable[..., Bench]) -> None:
    up = bench(max_chunks=3, wait_s=0.0)
    up.hold()
    rare_done = threading.Event()

    def common(song: Song) -> int:
        passes = 0
        while not rare_done.is_set():
            song.forward(chunks_of(1))
            passes += 1
        return passes

    loops = []
    for count in range(1, 4):
        loops.append(up.threads.submit(common, up.song()))
        until(lambda count=count: len(up.batcher._waiting) == count)  # type: ignore[misc]
    rare = up.hand(up.song(), chunks_of(1, length=5))
    up.release()
    rare.result(WAIT_S)
    rare_done.set()
    assert all(loop.result(WAIT_S) >= 1 for loop in loops)
    shapes = [seen.shape[-1] for seen in up.passes.seen]
    assert shapes.index(5) == 2  # after the pass that held the model, and one of the common shape


def test_a_song_that_fails_does_not_fail_the_others(bench: Callable[..., Bench]) -> None:
    up = bench()
    up.hold()
    good = [up.hand(up.song(), chunks_of(1, value=value)) for value in (0.1, 0.2)]
    bad = up.hand(up.song(), chunks_of(1, value=BROKEN))
    up.release()
    with pytest.raises(ValueError, match="broken chunk"):
        bad.result(WAIT_S)
    for value, future in zip((0.1, 0.2), good, strict=True):
        torch.testing.assert_close(future.result(WAIT_S)[:, 0], chunks_of(1, value=2 * value))
    assert up.passes.sizes == [1, 3, 1, 1, 1]
    assert up.counted == [1, 1, 1]  # what failed is not counted
    up.stack.close()
    up.hand(up.song(), chunks_of(1)).result(WAIT_S)


def test_out_of_memory_halves_the_pass_for_all_its_songs(bench: Callable[..., Bench]) -> None:
    up, tried = bench(), []

    def small(chunks: Tensor) -> Tensor:
        tried.append(len(chunks))
        if len(chunks) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return model(chunks)

    up.batcher._forward = Halving(small)
    songs = [up.song() for _ in range(4)]
    values = (0.1, 0.2, 0.3, 0.4)
    with ThreadPoolExecutor(4) as threads:
        futures = [
            threads.submit(song.forward, chunks_of(1, value=value))
            for song, value in zip(songs, values, strict=True)
        ]
        for value, future in zip(values, futures, strict=True):
            torch.testing.assert_close(future.result(WAIT_S)[:, 0], chunks_of(1, value=2 * value))
    assert tried == [4, 2, 2] and up.counted == [4]


def test_a_model_that_returns_nonsense_fails_the_song_and_not_the_thread() -> None:
    answers = iter([lambda _: None, lambda _: torch.zeros(7, 2, 2, 8), model])

    def forward(chunks: Tensor) -> Tensor:
        return next(answers)(chunks)  # type: ignore[return-value]

    batcher = Batcher(forward, 4, 0)
    with batcher.song() as song:
        for _ in range(2):
            with pytest.raises((AttributeError, TypeError, RuntimeError)):
                song.forward(chunks_of(1))
        assert song.forward(chunks_of(1)).shape == (1, 2, 2, 8)
    batcher.close()


def test_a_fault_in_counting_fails_the_song_and_not_the_thread() -> None:
    faults = [RuntimeError("no metrics"), None]

    def passed(chunks: int, seconds: float) -> None:
        if (fault := faults.pop(0)) is not None:
            raise fault

    batcher = Batcher(model, 4, 0, passed)
    with batcher.song() as song:
        with pytest.raises(RuntimeError, match="no metrics"):
            song.forward(chunks_of(1))
        assert song.forward(chunks_of(1)).shape == (1, 2, 2, 8)
    batcher.close()


def test_chunks_of_a_stopped_song_are_dropped(bench: Callable[..., Bench]) -> None:
    up = bench()
    up.hold()
    with up.batcher.song() as leaving:
        dropped = up.hand(leaving, chunks_of(1, value=0.7))
        stays = up.hand(up.song(), chunks_of(1, value=0.1))
    up.release()
    with pytest.raises(JobStoppedError):
        dropped.result(WAIT_S)
    stays.result(WAIT_S)
    assert up.passes.sizes == [1, 1]
    assert not any((seen == 0.7).any() for seen in up.passes.seen)


def test_a_queue_of_stopped_songs_only_runs_nothing(bench: Callable[..., Bench]) -> None:
    up = bench()
    up.hold()
    with up.batcher.song() as leaving:
        dropped = up.hand(leaving, chunks_of(1))
    up.release()
    with pytest.raises(JobStoppedError):
        dropped.result(WAIT_S)
    up.hand(up.song(), chunks_of(1)).result(WAIT_S)
    assert up.passes.sizes == [1, 1]


def test_chunks_are_counted_for_each_song(bench: Callable[..., Bench]) -> None:
    up = bench()
    first, second = up.song(), up.song()
    both = [up.hand(first, chunks_of(2)), up.hand(second, chunks_of(1))]
    for future in both:
        future.result(WAIT_S)
    assert (first.take_count(), second.take_count()) == (2, 1)
    assert (first.take_count(), second.take_count()) == (0, 0)


def test_close_finishes_what_waits_and_refuses_what_comes_later(
    bench: Callable[..., Bench],
) -> None:
    up = bench()
    up.hold()
    song = up.song()
    waiting = up.hand(song, chunks_of(1))
    closing = up.threads.submit(up.batcher.close)
    until(lambda: up.batcher._closed)
    late = up.threads.submit(song.forward, chunks_of(1))
    with pytest.raises(JobStoppedError):
        late.result(WAIT_S)
    assert not closing.done()
    up.release()
    closing.result(WAIT_S)
    assert len(waiting.result(WAIT_S)) == 1
    assert not up.batcher._thread.is_alive()


PLANS = st.lists(
    st.lists(st.tuples(st.integers(1, 3), st.sampled_from([4, 6])), min_size=1, max_size=4),
    min_size=1,
    max_size=4,
)


@settings(max_examples=40, deadline=None)
@given(plans=PLANS, max_chunks=st.integers(1, 6), wait_s=st.sampled_from([0.0, 0.002]))
def test_every_song_gets_what_it_would_get_alone(
    plans: list[list[tuple[int, int]]], max_chunks: int, wait_s: float
) -> None:
    passes = Passes()
    batcher = Batcher(passes, max_chunks, wait_s)
    generator = torch.Generator().manual_seed(0)
    songs = [
        [torch.rand(n, 2, length, generator=generator) for n, length in plan] for plan in plans
    ]

    def separate(chunks: list[Tensor]) -> tuple[list[Tensor], int]:
        with batcher.song() as song:
            return [song.forward(part) for part in chunks], song.take_count()

    with ThreadPoolExecutor(len(songs)) as threads:
        made = list(threads.map(separate, songs, timeout=WAIT_S))
    batcher.close()
    for chunks, (parts, counted) in zip(songs, made, strict=True):
        assert counted == sum(map(len, chunks))
        for part, got in zip(chunks, parts, strict=True):
            with torch.inference_mode():
                assert torch.equal(got, model(part))
    alone = [len(part) for chunks in songs for part in chunks]
    assert sum(passes.sizes) == sum(alone)
    assert all(size <= max(max_chunks, *alone) for size in passes.sizes)
