"""Predictions of a stem's SNR: the line itself, its interval, and what recipes may hold."""

import math

import pytest

from stemwise.core.errors import ConfigError
from stemwise.separation.quality import parse, predict

GOOD = {
    "features": ["level", "leakage"],
    "coefficients": [0.5, -1.0],
    "intercept": 2.0,
    "sigma": 1.0,
    "half_width": 1.5,
    "ranges": [[-20, 0], [-20, 5]],
    "rank_correlation": 0.8,
    "rank_correlation_of_level": None,
    "tracks": 30,
    "artists": 20,
}


def test_a_prediction_with_its_interval():
    quality = parse({"bass": GOOD}, {"bass": 1}, "r.yaml")["bass"]
    assert predict(quality, {"level": -10, "leakage": -4, "agreement": 3}) == (1.0, -0.5, 2.5)


@pytest.mark.parametrize("known", [{"level": -30, "leakage": -4}, {"level": -10}])
@pytest.mark.parametrize("unknown", [{}, {"leakage": math.nan}, {"leakage": math.inf}])
def test_nothing_is_predicted_of_songs_unlike_those_seen(known, unknown):
    quality = parse({"bass": GOOD}, {"bass": 1}, "r.yaml")["bass"]
    assert predict(quality, known | unknown) is None


def test_what_is_written_is_read():
    quality = parse({"bass": GOOD}, {"bass": 1}, "r.yaml")["bass"]
    assert parse({"bass": quality.content()}, {"bass": 1}, "r.yaml") == {"bass": quality}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"features": ["level", "loudness"]}, "some of level, leakage, agreement"),
        ({"features": ["level", "level"]}, "each once"),
        ({"features": ["level", "agreement"]}, "one model has no agreement"),
        ({"coefficients": [1.0]}, "one item per feature"),
        ({"coefficients": "ab"}, "no finite number"),
        ({"intercept": math.nan}, "no finite number"),
        ({"intercept": True}, "no finite number"),
        ({"ranges": [[1, 0], [0, 1]]}, "lies above"),
        ({"ranges": [1, 2]}, "cannot be used"),
        ({"sigma": -1}, "cannot be negative"),
        ({"extra": 1}, "it needs the keys"),
    ],
)
def test_malformed_ones_are_refused(change, said):
    with pytest.raises(ConfigError, match=said) as error:
        parse({"bass": GOOD | change}, {"bass": 1}, "r.yaml")
    assert "r.yaml: quality of 'bass'" in str(error.value)


@pytest.mark.parametrize(
    ("value", "said"),
    [([], "must map stems"), ({"bas": GOOD}, "did you mean"), ({"bass": 3}, "it needs the keys")],
)
def test_other_things_are_no_quality(value, said):
    with pytest.raises(ConfigError, match=said):
        parse(value, {"bass": 1, "drums": 2}, "r.yaml")
