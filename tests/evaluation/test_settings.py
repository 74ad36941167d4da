"""Which pair of scores a stem has, and which settings are refused."""

from __future__ import annotations

import pytest
import yaml

from stemwise.core.config import conf_dir
from stemwise.core.errors import ConfigError
from stemwise.core.stems import ORDER
from stemwise.evaluation.settings import MetricSettings
from stemwise.jobs.typed import read

USUAL = ("snr", "bss_sdr")


def test_listeners_have_evidence_for_three_stems_and_the_usual_pair_for_the_rest():
    content = yaml.safe_load((conf_dir() / "metric" / "listeners.yaml").read_text())
    metric = read(MetricSettings, content, "metric")
    known = {"vocals": ("snr",) * 2, "drums": ("si_sar",) * 2, "bass": ("si_sar",) * 2}
    for stem in (*ORDER, "guitar+piano+other", "drums+bass"):
        assert metric.pair_of(stem) == known.get(stem, USUAL)
    plain = MetricSettings()
    assert {plain.pair_of(stem) for stem in ORDER} == {USUAL}
    assert metric.measured == plain.measured  # so it can be applied to finished runs


@pytest.mark.parametrize(
    ("by_stem", "message"),
    [
        ({"drum": USUAL}, r"metric\.by_stem\.drum is no stem: did you mean drums"),
        ({"drums": ("snr", "sdr")}, "'sdr' is not a score"),
        ({"drums": ("snr", "museval_sar")}, r"set metric\.museval=true"),
    ],
)
def test_what_cannot_be_meant_is_refused(by_stem, message):
    with pytest.raises(ConfigError, match=message):
        MetricSettings(by_stem=by_stem)


def test_a_pair_has_two_scores():
    with pytest.raises(ConfigError, match=r"metric\.by_stem\.drums"):
        read(MetricSettings, {"by_stem": {"drums": ["snr"]}}, "metric")
