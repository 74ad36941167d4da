"""Signals and estimates handed over as files between processes."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from stemwise.audio.raw import RawAudio
from stemwise.core.errors import OutputError
from stemwise.separation.spool import Spool, raw_path
from stemwise.serving.jobs.hand_over import Place, Writer, spool_of
from stemwise.serving.jobs.model_calls import JobStoppedError

STEMS = ("vocals", "drums")
HEARD = np.random.default_rng(0).uniform(-1, 1, (2, 1500)).astype(np.float32)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    path = tmp_path / "mixture.f32"
    HEARD.T.tofile(path)
    folder = tmp_path / "job"
    folder.mkdir()
    made = Place.made(RawAudio(path, HEARD.shape[1]), folder, STEMS)
    assert made is not None
    return made


def test_what_is_written_there_is_what_a_spool_here_holds(place: Place, tmp_path: Path) -> None:
    assert place.is_here()
    np.testing.assert_array_equal(place.heard[:, :], HEARD)
    plain = Spool(tmp_path, STEMS)
    writer = Writer(place, STEMS)
    for start in range(0, HEARD.shape[1], 700):
        stretch = np.stack([HEARD, -0.5 * HEARD])[..., start : start + 700]
        plain.add(stretch)
        writer.add(stretch)
    found = spool_of(place, *writer.facts())
    assert (found.samples, found.peaks) == (plain.samples, plain.peaks)
    for stem in STEMS:
        np.testing.assert_array_equal(found.read(stem)[:, :], plain.read(stem)[:, :])


def test_a_folder_of_the_same_name_on_another_machine_is_not_the_jobs(place: Place) -> None:
    assert not replace(place, token="another").is_here()
    assert not replace(place, samples=place.samples + 1).is_here()
    assert not replace(place, path=place.path.with_name("elsewhere.f32")).is_here()
    shutil.rmtree(place.folder)
    assert not place.is_here()


def test_a_signal_in_memory_has_no_place(tmp_path: Path) -> None:
    assert Place.made(HEARD, tmp_path, STEMS) is None
    assert not list(tmp_path.iterdir())


def test_a_job_that_is_gone_is_not_written_anew(place: Place) -> None:
    writer = Writer(place, STEMS)
    writer.add(np.zeros((2, 2, 10), np.float32))
    raw_path(place.folder, "vocals").unlink()  # as deleting the folder begins
    with pytest.raises(JobStoppedError):
        writer.add(np.zeros((2, 2, 10), np.float32))
    assert not raw_path(place.folder, "vocals").exists()


def test_no_room_is_said(place: Place) -> None:
    raw_path(place.folder, "vocals").unlink()
    raw_path(place.folder, "vocals").symlink_to("/dev/full")
    with pytest.raises(OutputError, match="make room"):
        Writer(place, STEMS).add(np.zeros((2, 2, 1 << 16), np.float32))
