"""Which way a model is cut: a word of jobs, entries and recipes that changes its identity, or not."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from stemwise.core.errors import ConfigError
from stemwise.models import registry
from stemwise.models.heard import heard_by
from stemwise.models.msst import reflected
from stemwise.models.overlap import FAST, REFERENCE, cut, is_fast, twin, with_overlap
from stemwise.models.registry import get, resolve
from stemwise.report.zoo_cost import minute_cost

# before there was a fast tiling, with the digests that the zoo declares: estimates in stores stay valid
IDENTITIES = {
    "band_split": "effd99dcba2bef16",
    "bs_roformer": "4fc572c7972cdb54",
    "bs_roformer_sw": "da7ce7f0f117f231",
    "bsrnn": "d578a154d709c1e4",
    "demo_drumsep": "c10989fa1580001b",
    "demo_htdemucs": "4a28e2e14794f5f3",
    "demo_karaoke": "33ff4a0d634983e2",
    "demo_melband": "e3bf347da7094694",
    "demo_scnet": "498472a185d421ab",
    "demucs_package": "3ad299b2afa6764f",
    "drumsep": "59f3cb9ed100ee6a",
    "hdemucs_mmi": "f7164cc3ebfb64a5",
    "hpss": "bb27cf2f4df4455d",
    "htdemucs": "fbbb9c9265245767",
    "htdemucs_6s": "698d766b3283ff55",
    "htdemucs_ft": "db2427b296641d59",
    "larsnet": "7557f8b2c29a835d",
    "mdx23c_drumsep": "3194f871443d0561",
    "mdx23c_instvoc_hq": "32be5ba3e07e6691",
    "mdx_extra": "adc1369e6d120b39",
    "mdx_extra_q": "d30635752dc56452",
    "melband_roformer_karaoke": "4461b049eeef54fe",
    "melband_roformer_vocals": "33a81bb0251f8c6e",
    "mixture": "7505a2512416f700",
    "oracle_irm": "e7a4aea302eb7215",
    "repet_sim": "05b11155c308e295",
    "scnet": "1f9bff2cd6f930b8",
    "scnet_large": "cd0660cdca4d37ad",
    "scnet_xl_ihf": "b865afb1635720fd",
    "spleeter_2stems": "e03ff71b578930ce",
    "spleeter_4stems": "6c9230bd73b3ad0f",
    "spleeter_5stems": "310a60b8c228efce",
    "umxhq": "f4b6c8f69c436038",
    "umxl": "4d0ca736dfbeafeb",
    "waveunet": "235a8d97c6159f53",
    "waveunet_pytorch": "44e019b7d4802bab",
}
WITHOUT = (
    *("band_split", "spleeter_2stems", "hpss", "repet_sim", "mixture", "oracle_irm", "larsnet"),
    *("spleeter_4stems", "spleeter_5stems", "umxhq", "umxl", "waveunet", "waveunet_pytorch"),
)


@pytest.fixture
def identity(monkeypatch):
    """Return the identity of a spec as if its declared checkpoints were on disk."""
    monkeypatch.setattr(
        registry,
        "ensure",
        lambda item, name="", progress=None: SimpleNamespace(path=None, sha256=item.sha256),
    )
    return lambda spec: registry.prepare(spec).identity


@pytest.mark.parametrize("name", IDENTITIES)
def test_reference_changes_no_identity_and_fast_just_those_of_models_with_overlap(name, identity):
    spec = get(name)
    assert with_overlap(spec, REFERENCE) is spec
    assert identity(spec)[:16] == IDENTITIES[name]
    fast = with_overlap(spec, FAST)
    assert (identity(fast) != identity(spec)) == is_fast(fast) == (name not in WITHOUT)
    assert cut(fast, REFERENCE) == spec


def test_an_entry_says_how_its_model_is_cut_and_is_not_overruled():
    fast = resolve({"name": "scnet_fast", "base": "scnet", "overlap": "fast"})
    scnet = get("scnet")
    assert fast.settings == {**scnet.settings, "tiling": "fast"}
    assert fast.checkpoints == scnet.checkpoints and fast.trained_on == scnet.trained_on
    assert fast.gpu_memory == scnet.gpu_memory
    assert with_overlap(fast, REFERENCE) is fast
    slow = resolve({"name": "slow", "base": "scnet", "overlap": "reference"})
    assert slow.settings == scnet.settings and with_overlap(slow, FAST) is slow
    plain = resolve({"name": "plain", "base": "scnet"})
    assert is_fast(with_overlap(plain, FAST))


def test_demucs_number_of_that_name_is_another_thing():
    spec = resolve(
        {"name": "mine", "base": "htdemucs_6s", "settings": {"overlap": 0.5}, "overlap": "fast"}
    )
    assert spec.settings == {"overlap": 0.5, "tiling": "fast"}
    alone = resolve({"name": "mine", "base": "htdemucs_6s", "settings": {"overlap": 0.0}})
    assert with_overlap(alone, FAST) is alone
    with pytest.raises(ConfigError, match=r"overlap 0.5 is unknown: .*settings: \{overlap: 0.5\}"):
        resolve({"name": "mine", "base": "htdemucs_6s", "overlap": 0.5})


@pytest.mark.parametrize("word", ["fsat", None, True, ["fast"], ""])
def test_any_other_word_is_refused_with_those_there_are(word):
    if word is None:
        assert resolve({"name": "mine", "base": "scnet", "overlap": None}).entry is not None
        return
    with pytest.raises(ConfigError, match="use reference or fast"):
        resolve({"name": "mine", "base": "scnet", "overlap": word})


def test_a_twin_is_the_same_model_under_another_name(identity):
    spec = get("scnet")
    other = twin(spec)
    assert (other.name, other.trained_on) == ("scnet-fast", spec.trained_on)
    assert registry.same_model(cut(other, REFERENCE), spec)
    assert identity(resolve(other.entry)) == identity(other) == identity(with_overlap(spec, FAST))
    assert [twin(one) for one in (other, get("band_split"))] == [None, None]


def test_a_recipes_digest_checks_the_weights_that_the_base_names():
    # as a recipe carries the entry of a model of the zoo that is cut otherwise
    digest = get("scnet").checkpoints[0].sha256
    entry = {"name": "scnet-fast", "base": "scnet", "overlap": "fast"}
    assert resolve({**entry, "sha256": digest}).checkpoints == get("scnet").checkpoints
    (other,) = resolve({**entry, "sha256": "0" * 64}).checkpoints
    assert other.sha256 == "0" * 64 and other.filename == get("scnet").checkpoints[0].filename
    with pytest.raises(ConfigError, match="one sha256 per checkpoint"):
        resolve({"name": "mine", "base": "bsrnn", "sha256": digest})


def test_what_a_model_hears_is_known_without_its_weights():
    scnet = get("scnet")
    reference, fast = heard_by(scnet), heard_by(with_overlap(scnet, FAST))
    length = 240 * 44_100
    assert reference(length) == reflected(485_100, 4).heard(length)
    assert fast(length) == reflected(485_100, 4, FAST).heard(length)
    demo = get("demo_htdemucs")
    assert heard_by(demo)(44_100) == registry.build(registry.prepare(demo)).tiling.chunk
    assert heard_by(get("spleeter_2stems")) is None


def test_declared_costs_follow_what_is_heard():
    for name, seconds in (("scnet", 240), ("demo_scnet", 60)):
        spec = get(name)
        usual, fast = heard_by(spec), heard_by(cut(spec, FAST))
        length = seconds * 44_100
        ratio = minute_cost(cut(spec, FAST)) / minute_cost(spec)
        assert ratio == pytest.approx(fast(length) / usual(length))
