"""benchmarks/separation.py: what it counts, and audio-separator as its peer where that is installed."""

from __future__ import annotations

import importlib
import mmap
import os
import time
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemwise.core.errors import MissingDependencyError
from stemwise.models import registry
from stemwise.models.audio_separator_process import PYTHON_VARIABLE
from stemwise.separation.separator import Separator

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
TINY = {"dim": 32, "depth": 1, "dim_head": 16, "heads": 2}


@pytest.fixture
def peer(monkeypatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("side_by_side.audio_separator")


@given(data=st.data(), chunk=st.integers(1, 50), more=st.integers(0, 300))
def test_passes_are_those_that_reach_the_end_the_last_one_moved_back(data, chunk, more):
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        passes = importlib.import_module("side_by_side.audio_separator").passes
    step, length = data.draw(st.integers(1, chunk)), chunk + more
    starts = {min(begin, length - chunk) for begin in range(0, length, step)}
    assert passes(length, chunk, step) == len(starts)


@pytest.mark.parametrize("name", ["melband_roformer_vocals", "bs_roformer"])
def test_its_settings_give_our_chunk_and_step(peer, name):
    spec = registry.get(name)
    made = peer.configuration(spec)
    hop, inference = made["model"]["stft_hop_length"], made["inference"]
    assert hop * (inference["dim_t"] - 1) == spec.settings["chunk"]
    assert inference["num_overlap"] == spec.settings["num_overlap"]
    assert made["training"] == {"instruments": ["vocals", "other"], "target_instrument": "vocals"}
    odd = replace(spec, settings={**spec.settings, "chunk": spec.settings["chunk"] + 1})
    with pytest.raises(ValueError, match=f"{name} is not a multiple of its hop of 441"):
        peer.configuration(odd)


def test_only_roformers_have_it_as_a_peer(peer):
    cases = importlib.import_module("side_by_side.cases")
    assert [name for name in cases.CASES if peer.runs(name)] == [
        "melband_roformer_vocals",
        "bs_roformer",
    ]


def test_where_it_is_not_installed_it_says_how_to_get_it(peer, monkeypatch):
    monkeypatch.setenv(PYTHON_VARIABLE, "/no/such/python")
    with pytest.raises(MissingDependencyError, match=f"set {PYTHON_VARIABLE}"):
        peer.version()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_cpu_seconds_and_memory_of_a_process_are_the_systems(peer):
    process = importlib.import_module("side_by_side.process")
    before = process.cpu_s(os.getpid()), time.process_time()
    while time.process_time() < before[1] + 0.1:
        pass
    taken = process.cpu_s(os.getpid()) - before[0]
    assert taken == pytest.approx(time.process_time() - before[1], abs=0.03)
    process.forget_peak(os.getpid())
    held = process.peak_gb(os.getpid())
    with mmap.mmap(-1, 1 << 26) as block:  # fresh pages, whatever the heap holds
        block[:: mmap.PAGESIZE] = b"1" * (len(block) // mmap.PAGESIZE)
    assert process.peak_gb(os.getpid()) - held == pytest.approx(1 / 16, rel=0.2)


def test_a_row_tells_the_ratio_per_chunk_and_a_window_of_its_own(peer):
    row, cases = (importlib.import_module(f"side_by_side.{name}") for name in ("row", "cases"))
    turn = importlib.import_module("side_by_side.turn").Turn
    case = cases.CASES["bs_roformer"]
    ours, theirs = [turn(4.0, 4.0, 1.0)] * 3, [turn(3.0, 6.0, 2.0)] * 3
    made = row.Row(case, peer.NAME, 12.0, ours, theirs, (4, 2), 10, 100.0, 0.25, True)
    assert made.ratios() == [0.75] * 3
    assert made.ratio_per_chunk() == made.content()["ratio_per_chunk"] == 1.5
    assert made.line().startswith("| bs_roformer | audio-separator | 12 | 4.00 / 3.00 | 0.75 ")
    assert made.line().endswith("| 4 / 2 | 2e-01 (own window) |")
    assert made.line().count("|") == row.HEAD.count("|") + 2


@pytest.mark.parametrize("name", ["melband_roformer_vocals", "bs_roformer"])
def test_the_real_one_gives_our_estimates_where_a_track_is_one_chunk(
    peer, name, tmp_path, monkeypatch
):
    """A small network of the true class, over the same file; with more chunks its window shows."""
    try:
        peer.version()
    except MissingDependencyError as error:
        pytest.skip(str(error))
    spec = registry.get(name)
    network = {**spec.settings["network"], **TINY}
    small = replace(spec, settings={**spec.settings, "network": network, "chunk": 44_100})
    monkeypatch.setattr(registry, "get", lambda _: small)
    cases = importlib.import_module("side_by_side.cases")
    checkpoint = cases.write(name, tmp_path)
    separator = Separator(cases.ours(name, checkpoint), "cpu")
    side = peer.AudioSeparatorSide(name, checkpoint, 1, kept=False)
    audio, out = tmp_path / "audio.npy", tmp_path / "estimates.npy"
    for length, passes, equal in ((20_000, 1, True), (100_000, 4, False)):
        mixture = np.random.default_rng(0).normal(scale=0.1, size=(2, length)).astype(np.float32)
        np.save(audio, mixture)
        turn = side.ask("separate", audio, out)
        assert turn.cpu_s > 0 and turn.wall_s > 0 and turn.peak_gb > 0.1
        assert side.ask("passed") == passes * 44_100
        shown = os.pread(side._worker._log.fileno(), 1 << 20, 0)  # its progress bar
        assert f" {passes}/{passes} ".encode() in shown
        expected = separator(mixture).numpy()
        assert (np.abs(np.load(out) - expected).max() < 1e-5 * np.abs(expected).max()) == equal
    process = side._worker._process
    side.close()
    assert process.poll() == 0
