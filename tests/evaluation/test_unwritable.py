"""What cannot be written halfway: recorded, or one sentence; what was finished stays."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest

from stemwise.cli import main
from stemwise.storage import tables

from .test_pipeline import Songs, arguments, check_complete, finished, wait_for

pytestmark = [pytest.mark.ray, pytest.mark.faults, pytest.mark.usefixtures("session_ray")]


def blocked_halfway(root: Path, output: Path, then: str) -> int:
    """Evaluate, with a file where a folder of the run was as soon as one song is finished."""

    def replace() -> None:
        wait_for(lambda: finished(output))
        folder = output / then
        folder.rename(output / f"{then}-before")
        folder.write_text("in the way")

    thread = threading.Thread(target=replace)
    thread.start()
    code = main(arguments(root, output, "cluster.actors=1"))
    thread.join()
    return code


def test_songs_that_cannot_be_recorded_end_the_run_with_a_sentence(
    songs: Songs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    root, output = songs(3, seconds=3), tmp_path / "run"
    code = blocked_halfway(root, output, "parts")
    printed = capsys.readouterr()
    said = " ".join((printed.out + printed.err).split())
    assert code == 1, said
    assert "Traceback" not in said and "UDF" not in said
    assert "cannot be written" in said and "parts" in said
    (output / "parts").unlink()
    (output / "parts-before").rename(output / "parts")
    before = len(finished(output))
    assert main(arguments(root, output, "cluster.actors=1")) == 0
    assert f"{before} of 3 tracks are finished already" in capsys.readouterr().out
    check_complete(output, 3)


def test_estimates_that_cannot_be_stored_fail_alone(
    songs: Songs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    root, output = songs(3, seconds=3), tmp_path / "run"
    code = blocked_halfway(root, output, "store")
    assert code == 3
    scores = tables.read(output / "tables", "scores")
    assert scores["track_id"].n_unique() == 3
    failed = scores.filter(scores["status"] == "failed")
    assert 1 <= failed["track_id"].n_unique() < 3
    assert all("cannot be written" in error for error in failed["error"])
    (output / "store").unlink()
    shutil.move(output / "store-before", output / "store")
    assert main(arguments(root, output, "cluster.actors=1")) == 0
    check_complete(output, 3)


def test_a_machine_without_scratch_space_fails_its_songs_and_says_so(
    songs: Songs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    root, output = songs(1), tmp_path / "run"
    (tmp_path / "full").write_text("a file where the folder should be")
    settings = ["cluster.actors=1", f"cluster.scratch={tmp_path}/full", "cluster.measurers=1"]
    assert main(arguments(root, output, *settings)) == 3
    failed = tables.read(output / "tables", "estimates")
    assert set(failed["status"]) == {"failed"}
    told = f"scratch folder {tmp_path}/full cannot be written"
    assert all(told in error for error in failed["error"])
    assert main(arguments(root, output, "cluster.actors=1")) == 0
