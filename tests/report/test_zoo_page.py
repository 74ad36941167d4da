"""docs/models.md is what the zoo's YAMLs say today, and its numbers are those of the networks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from stemwise.core.errors import ConfigError
from stemwise.models import facts, registry
from stemwise.models.mixture import MixtureModel
from stemwise.models.spec import Cost
from stemwise.models.spleeter import UNet
from stemwise.report.zoo_cost import default_tiling, minute_cost
from stemwise.report.zoo_page import zoo_page
from stemwise.report.zoo_settings import settings_text

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = ROOT / "docs" / "models.md"


@pytest.fixture(scope="module")
def page() -> str:
    return zoo_page()


def test_the_page_is_what_the_yamls_say(page):
    assert PAGE.read_text(encoding="utf-8") == page, (
        "docs/models.md is not what conf/model says: run `python docs/make_models.py`."
    )


def test_the_page_says_nothing_about_this_machine(page, monkeypatch, tmp_path):
    monkeypatch.setenv("STEMWISE_HOME", str(tmp_path))
    monkeypatch.setattr(facts, "find_spec", lambda name: None)
    assert zoo_page() == page


def test_every_model_has_a_section_that_the_tables_lead_to(page):
    for name in registry.names():
        assert page.count(f"\n### {name}\n") == 1
        assert f"[{name}](#{name})" in page
        assert (ROOT / "conf" / "model" / f"{name}.yaml").is_file()
    for name in registry.named_sets():
        assert f"`models={name}`" in page


def test_a_score_stands_with_metric_songs_and_source(page):
    lines = page.splitlines()
    for spec in map(registry.get, registry.names()):
        for row in spec.published:
            ending = f"| {row.metric} | {row.dataset} | {row.source} |"
            (line,) = [line for line in lines if line.endswith(ending)][:1]
            assert row.metric and row.dataset and row.source and line
            own = {*spec.stems, spec.residual}
            assert spec.stems == () or set(row.db) <= own


def test_a_network_that_is_measured_by_the_chunk_pays_for_its_overlap():
    scnet = registry.get("scnet")
    one = replace(scnet, cost=Cost(1.0, "test", chunk=485_100))
    assert len(list(default_tiling(one).tiles(240 * 44_100))) == 4 * minute_cost(one)
    # a minute has 60/2.75 steps; the ends of a song cost a little more
    assert 60 / 2.75 < minute_cost(one) < 60 / 2.75 * 1.1
    once = replace(one, settings={**scnet.settings, "num_overlap": 1})
    assert minute_cost(one) == pytest.approx(4 * minute_cost(once), rel=0.1)


def test_costs_of_stretches_are_scaled_to_a_minute():
    band_split = registry.get("band_split")
    assert minute_cost(replace(band_split, cost=Cost(3.0, "test", audio_s=30))) == 6.0
    assert minute_cost(replace(band_split, cost=None)) is None


def test_a_cost_of_another_chunk_is_refused():
    scnet = registry.get("scnet")
    with pytest.raises(ConfigError, match=r"'scnet'.*441000 samples.*model_cost"):
        minute_cost(replace(scnet, cost=Cost(1.0, "test", chunk=441_000)))
    with pytest.raises(ConfigError, match="audio_s"):
        minute_cost(replace(registry.get("hpss"), cost=Cost(1.0, "test", chunk=1000)))


def test_settings_are_told_in_words():
    told = settings_text(registry.get("scnet"))
    assert "chunks of 11 s (485100 samples), a new one every 2.75 s" in told
    assert "standardised" in told and "dims" not in told
    assert "no normalisation" in settings_text(registry.get("melband_roformer_vocals"))
    assert "overlap 25%" in settings_text(registry.get("demucs_package"))
    assert "drums ∞" in settings_text(registry.get("band_split"))
    assert settings_text(registry.get("mixture")) == ""


def test_parameters_of_light_models_are_those_of_their_networks():
    unet = sum(value.numel() for value in UNet().parameters())
    assert registry.get("spleeter_2stems").parameters == 2 * unet
    for name in ("bsrnn", "scnet"):
        if name == "scnet":
            pytest.importorskip("pymss_core")
        spec = registry.get(name)
        with torch.device("meta"):
            network = registry.model_class(spec).untrained(spec.stems, spec.settings["network"])
        assert spec.parameters == sum(value.numel() for value in network.parameters())
    assert not hasattr(MixtureModel(("vocals",)), "network")
    assert facts.parameters(registry.get("mixture")) is None
