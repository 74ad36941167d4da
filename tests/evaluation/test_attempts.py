"""What is remembered of songs that end their process, beyond the end of a run."""

from __future__ import annotations

import pytest

from stemwise.core.errors import ConfigError, OutputError
from stemwise.evaluation.attempts import MOST_UNFINISHED, Attempts
from stemwise.evaluation.cluster import ClusterSettings, time_limit


def test_reasons_are_remembered_until_the_song_is_finished(tmp_path):
    attempts = Attempts.load(tmp_path / "attempts", "song", "print")
    assert attempts.given_up(1) is None
    attempts.begun().ended("it was killed").begun().ended("it took too long")
    again = Attempts.load(tmp_path / "attempts", "song", "print")
    assert list(again.reasons) == ["it was killed", "it took too long"] and again.unfinished == 0
    assert again.given_up(3) is None
    said = again.given_up(2)
    assert said == (
        "Given up: this song ended its process 2 times, most recently because it took too long."
    )
    again.forget()
    assert Attempts.load(tmp_path / "attempts", "song", "print").reasons == ()


def test_attempts_of_another_run_do_not_count(tmp_path):
    Attempts.load(tmp_path, "song", "old").begun().ended("it was killed")
    assert Attempts.load(tmp_path, "song", "new").given_up(1) is None
    assert Attempts.load(tmp_path, "other", "old").given_up(1) is None


def test_a_song_whose_attempts_nobody_survives_is_not_tried_for_ever(tmp_path):
    """The worker and whoever supervises it die together: only that it began is known."""
    for count in range(MOST_UNFINISHED):
        attempts = Attempts.load(tmp_path, "song", "print")
        assert attempts.given_up(3) is None, count
        attempts.begun()
    said = Attempts.load(tmp_path, "song", "print").given_up(3)
    assert said is not None and "10 attempts" in said


@pytest.mark.parametrize("content", ["", "{", "[]", '{"fingerprint": "print"}', "\0"])
def test_half_a_file_counts_nothing(tmp_path, content):
    (tmp_path / "song.json").write_text(content)
    assert Attempts.load(tmp_path, "song", "print").given_up(1) is None


def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path):
    (tmp_path / "attempts").write_text("a file in its place")
    with pytest.raises(OutputError, match=r"attempts.*choose another output="):
        Attempts.load(tmp_path / "attempts", "song", "print").begun()


def test_the_time_limit_grows_with_the_song_and_the_models():
    assert time_limit("auto", 0.0, 4) == 900
    assert time_limit("auto", 240.0, 4) == 900 + 30 * 240 * 4
    assert time_limit(60.0, 240.0, 4) == 60
    assert time_limit(None, 240.0, 4) is None


@pytest.mark.parametrize("limit", [0, -1.0, "soon"])
def test_limits_that_cannot_be_meant_are_refused(limit):
    with pytest.raises(ConfigError, match="track_timeout_s"):
        ClusterSettings(track_timeout_s=limit)
    with pytest.raises(ConfigError, match="max_attempts"):
        ClusterSettings(max_attempts=0)
