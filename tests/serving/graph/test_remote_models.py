"""A job's calls to model deployments, with handles that answer as Serve's would."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray
from ray.exceptions import RayActorError

from stemwise.audio.raw import RawAudio
from stemwise.core.errors import ModelError
from stemwise.serving.graph import remote_models
from stemwise.serving.graph.remote_models import TRIES, RemoteModels
from stemwise.serving.jobs.hand_over import Place, Writer
from stemwise.serving.jobs.records import Due

HEARD = np.random.default_rng(0).uniform(-1, 1, (2, 1000)).astype(np.float32)
STEMS = ("vocals", "drums")
DUE = Due(1.0, "job")


class Method:
    """One method of a handle."""

    def __init__(self, call: Callable[..., Iterator[Any]]) -> None:
        self._call = call

    def remote(self, *arguments: Any) -> Iterator[Any]:
        return self._call(*arguments)


class Handle:
    """A model that halves; `here` says whether it sees the job's folder, `deaths` how often it dies."""

    def __init__(self, here: bool = True, deaths: int = 0) -> None:
        self.here, self.deaths, self.calls = here, deaths, []  # type: ignore[var-annotated]
        self.separate_in, self.separate = Method(self._in), Method(self._through)

    def options(self, stream: bool) -> Handle:
        assert stream
        return self

    def _stretches(self, heard: np.ndarray) -> Iterator[np.ndarray]:
        for start in range(0, heard.shape[1], 400):
            yield np.stack([heard / 2, -heard])[..., start : start + 400]
            if self.deaths:
                self.deaths -= 1
                raise RayActorError

    def _in(self, place: Place, due: Due) -> Iterator[Any]:
        self.calls.append(("in", due))
        if not (self.here and place.is_here()):
            yield None
            return
        yield 0
        writer = Writer(place, STEMS)
        for stretch in self._stretches(place.heard[:, :]):
            writer.add(stretch)
            yield 1
        yield writer.facts()

    def _through(self, heard: list[np.ndarray], due: Due) -> Iterator[Any]:
        self.calls.append(("through", due))
        for stretch in self._stretches(heard[0]):
            yield 1, stretch


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    monkeypatch.setattr(ray, "put", lambda value: value)
    monkeypatch.setattr(remote_models, "_PAUSE_S", 0.0)
    path = tmp_path / "mixture.f32"
    HEARD.T.tofile(path)

    def call(handle: Handle) -> tuple[dict[str, np.ndarray], int]:
        done: list[int] = []
        calls = RemoteModels({"m": handle}, {"m": STEMS}, lambda _: None)
        folder = tmp_path / "job"
        folder.mkdir()
        spool = calls.run("m", RawAudio(path, HEARD.shape[1]), folder, DUE, done.append)
        assert spool.peaks["drums"] == np.abs(HEARD).max()
        return {stem: np.asarray(spool.read(stem)) for stem in STEMS}, sum(done)

    return call


@pytest.mark.parametrize("deaths", [0, 2])
@pytest.mark.parametrize("here", [True, False])
def test_estimates_are_the_same_as_files_and_as_objects(
    run: Callable[..., Any], here: bool, deaths: int
) -> None:
    handle = Handle(here, deaths)
    found, chunks = run(handle)
    np.testing.assert_array_equal(found["vocals"], HEARD / 2)
    np.testing.assert_array_equal(found["drums"], -HEARD)
    assert chunks == 3  # those of calls that were lost are taken back
    way = ["in"] if here else ["in", "through"]
    assert handle.calls == [(name, DUE) for name in way * (1 + deaths)]


def test_a_song_that_kills_every_replica_is_given_up(run: Callable[..., Any]) -> None:
    with pytest.raises(ModelError, match=f"lost {TRIES} times"):
        run(Handle(deaths=99))
