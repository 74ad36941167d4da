"""Which tests share a process, and which begin first, so that no core idles at the end.

`make test` hands files to two processes in the order made here. Starting Ray takes ten seconds, and a
service more, so the files of a room go to one process together, and rooms come first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parent
ROOMS = {
    "serve": (
        "serving/http/test_service.py",
        "serving/http/test_tiers.py",
        "serving/test_from_outside.py",
        "serving/test_fuzz.py",
        "serving/test_restart.py",
    ),
    "ray": (
        "api/test_evaluate_on_ray.py",
        "evaluation/test_pipeline.py",
        "evaluation/test_overlap.py",
        "evaluation/test_passes.py",
        "evaluation/test_unwritable.py",
        "jobs/test_evaluate_on_ray.py",
        "jobs/test_s3.py",
        "models/test_six_end_to_end.py",
    ),
}
# fixtures that start what a room shares, and where they are called that
SHARED = {"service": ("serve", "serving/"), "session_ray": ("ray", "")}
# what takes some seconds of a core or more, longest first; others follow as they are found
LONG = (
    "report/test_page.py",
    "serving/page/test_player.py",
    "serving/page/test_upload.py",
    "serving/page/test_access.py",
    "serving/page/test_errors.py",
    "report/test_browser.py",
    "serving/intake/test_decoding.py",
    "measurement/bsseval/test_bss_eval.py",
    "models/test_official_checkpoints.py",
    "jobs/test_evaluate.py",
    "evaluation/test_song_process.py",
    "models/test_official_sizes.py",
    "jobs/test_import_scores.py",
    "api/test_notebook.py",
    "api/test_run.py",
    "jobs/test_settings.py",
    "test_packaging.py",
    "jobs/test_own_model.py",
    "test_cli.py",
    "models/test_audio_separator.py",
    "models/test_demucs.py",
    "separation/test_separator.py",
    "report/test_zoo_page.py",
    "serving/api/test_requests.py",
    "analysis/test_dependence.py",
    "datasets/test_demo.py",
    "jobs/test_train_demo_zoo.py",
    "models/test_spleeter.py",
    "report/test_ties.py",
    "serving/api/test_ends.py",
    "measurement/bsseval/test_engines.py",
    "jobs/test_dependence.py",
    "models/test_baselines.py",
    "jobs/test_store_setting.py",
    "measurement/bsseval/test_museval_engine.py",
    "report/test_deployment.py",
    "serving/jobs/test_store.py",
    "serving/jobs/test_runner.py",
    "jobs/test_listeners.py",
    "serving/jobs/test_store_machine.py",
    "serving/intake/test_uploads.py",
)
_ROOM = {file: room for room, files in ROOMS.items() for file in files}
_PLACE = {file: number for number, file in enumerate((*_ROOM, *LONG))}


def in_order(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """Return tests by rooms, then by files that take long, then as they were.

    Raises:
        pytest.UsageError: a test starts what a room shares, and its file is not in that room.
    """
    for item in items:
        for fixture in SHARED.keys() & set(getattr(item, "fixturenames", ())):
            room, folder = SHARED[fixture]
            if _file(item).startswith(folder) and _room(item) != room:
                raise pytest.UsageError(
                    f"{item.nodeid} uses {fixture}: enter its file in ROOMS of tests/scheduling.py."
                )
    return sorted(items, key=lambda item: _PLACE.get(_file(item), len(_PLACE)))


def twice(items: Sequence[pytest.Item]) -> None:
    """Let tests of real processes be tried again, once; the summary names those that needed it.

    They wait for Ray, services and browsers, whose pace three workers on two cores decide. All other
    tests are tried once.
    """
    for item in items:
        if _room(item) or any(item.get_closest_marker(name) for name in ("ray", "browser")):
            item.add_marker(pytest.mark.flaky(reruns=1))


def _file(item: pytest.Item) -> str:
    return item.path.relative_to(TESTS).as_posix() if item.path.is_relative_to(TESTS) else ""


def rooms(config: pytest.Config, log: Any) -> Any:
    """Return xdist's scheduler that hands out rooms and other files whole, in the order of tests."""
    from xdist.scheduler import LoadScopeScheduling

    class Rooms(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.split("::", 1)[0]
            return _ROOM.get(file.removeprefix("tests/"), file)

    config.option.loadscopereorder = False
    return Rooms(config, log)


class Closers:
    """Stops what the tests of a room share once the next test is of another room."""

    def __init__(self) -> None:
        self._waiting: list[Callable[[], object]] = []

    def add(self, close: Callable[[], object]) -> None:
        """Call `close` when the room is left; it may be called again at the end of the session."""
        self._waiting.append(close)

    def leave(self, item: pytest.Item, following: pytest.Item | None) -> None:
        """Note that a test is done and which one follows."""
        if self._waiting and (following is None or _room(item) != _room(following)):
            while self._waiting:
                self._waiting.pop()()


def _room(item: pytest.Item) -> str | None:
    return _ROOM.get(_file(item))
