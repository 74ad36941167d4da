"""What YAMLs say about models is checked, derived without torch, and decides no estimate."""

from __future__ import annotations

import inspect
import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from stemwise.core.config import conf_dir, load_yaml
from stemwise.core.errors import ConfigError
from stemwise.models import facts, registry
from stemwise.models.checkpoints.checkpoint import Checkpoint
from stemwise.models.registry import prepare, resolve
from stemwise.models.spec import ModelSpec

SCORE = {"metric": "SDR", "dataset": "songs", "source": "paper", "db": {"vocals": 9}}
COST = {"cpu_s": 2.0, "source": "script", "audio_s": 60}
GPU = {"weights_gb": 0.5, "pass_gb": 3, "source": "estimated"}


@pytest.fixture(autouse=True)
def _own_home(home):
    """Digests of checkpoints are recorded in a folder of the test's own."""


def base(**changes):
    return {"name": "mine", "base": "band_split", **changes}


def test_facts_become_types():
    spec = resolve(base(parameters=5, extra="zoo", published=[SCORE], cost=COST, gpu_memory=GPU))
    assert (spec.parameters, spec.extra) == (5, "zoo")
    assert spec.published == (facts.Published("SDR", "songs", "paper", {"vocals": 9.0}),)
    assert spec.cost == facts.Cost(2.0, "script", audio_s=60)
    assert spec.gpu_memory == facts.GpuMemory(0.5, 3, "estimated") and spec.gpu_memory.gb == 3.5


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"parameters": "many"}, "parameters"),
        ({"parameters": -1}, "parameters"),
        ({"parameters": True}, "parameters"),
        ({"extra": "everything"}, "no extra 'everything'"),
        ({"published": "9 dB"}, "list"),
        ({"published": ["9 dB"]}, "published"),
        ({"published": [{**SCORE, "db": {}}]}, "stems to dB"),
        ({"published": [{**SCORE, "db": {"vocals": "loud"}}]}, "published"),
        ({"published": [{**SCORE, "db": {"vocals": float("nan")}}]}, "stems to dB"),
        ({"published": [{**SCORE, "db": 9}]}, "published"),
        ({"published": [{**SCORE, "db": {"../x": 9}}]}, r"\.\./x"),
        ({"published": [{"db": {"vocals": 9}}]}, "needs metric, dataset, source"),
        ({"published": [{**SCORE, "source": ""}]}, "needs metric, dataset, source"),
        ({"published": [{**SCORE, "metric": None}]}, "needs metric, dataset, source"),
        ({"published": [{**SCORE, "year": 2024}]}, "published"),
        ({"cost": 5}, "cost needs"),
        ({"cost": {"cpu_s": 5, "source": "x"}}, "cost needs"),
        ({"cost": {"cpu_s": "fast", "source": "x", "chunk": 5}}, "cost needs"),
        ({"cost": {**COST, "chunk": 5}}, "cost needs"),
        ({"cost": {**COST, "cpu_s": 0}}, "cost needs"),
        ({"cost": {**COST, "source": ""}}, "cost needs"),
        ({"gpu_memory": 5}, "gpu_memory needs"),
        ({"gpu_memory": {"weights_gb": 5, "pass_gb": 1}}, "gpu_memory needs"),
        ({"gpu_memory": {**GPU, "source": "guessed"}}, "gpu_memory needs"),
        ({"gpu_memory": {**GPU, "source": "measured"}}, "measured with a device"),
        ({"gpu_memory": {**GPU, "device": "a card"}}, "gpu_memory needs"),
        ({"gpu_memory": {**GPU, "pass_gb": "much"}}, "gpu_memory needs"),
        ({"gpu_memory": {**GPU, "pass_gb": float("nan")}}, "gpu_memory needs"),
        ({"gpu_memory": {**GPU, "weights_gb": -1}}, "gpu_memory needs"),
    ],
)
def test_wrong_facts_are_refused_with_a_sentence(change, says):
    with pytest.raises(ConfigError, match=says) as caught:
        resolve(base(**change))
    assert "'mine'" in str(caught.value) or "../x" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_facts_decide_no_estimate():
    plain = prepare(resolve(base())).identity
    told = base(parameters=5, extra="zoo", published=[SCORE], cost=COST, gpu_memory=GPU)
    assert prepare(resolve(told)).identity == plain
    assert prepare(replace(registry.get("band_split"), cost=None)).identity == plain


def test_nothing_of_the_base_is_told_of_an_own_checkpoint(tmp_path):
    file = tmp_path / "own.ckpt"
    file.write_bytes(b"weights")
    spec = resolve({"name": "mine", "base": "scnet", "checkpoint": str(file)})
    assert (spec.parameters, spec.published, spec.cost) == (None, (), None)
    assert spec.extra == "zoo"  # its network is still that of the package


def test_an_own_checkpoint_takes_the_memory_of_its_base_as_long_as_the_network_is_the_same(
    tmp_path,
):
    file = tmp_path / "own.ckpt"
    file.write_bytes(b"weights")
    own = {"name": "mine", "base": "scnet", "checkpoint": str(file)}
    scnet = registry.get("scnet")
    assert scnet.gpu_memory is not None and resolve(own).gpu_memory == scnet.gpu_memory
    assert resolve(own | {"settings": {"num_overlap": 2}}).gpu_memory == scnet.gpu_memory
    assert resolve(own | {"settings": {"chunk": 970_200}}).gpu_memory is None
    assert resolve(own | {"stems": ["drums", "bass"]}).gpu_memory is None
    assert resolve(own | {"base": "htdemucs_6s"}).gpu_memory is None  # the file says which network
    told = resolve(own | {"settings": {"chunk": 970_200}, "gpu_memory": GPU})
    assert told.gpu_memory == facts.GpuMemory(0.5, 3, "estimated")


def test_weights_take_four_bytes_for_each_parameter():
    for spec in map(registry.get, registry.names()):
        if facts.is_base(spec) and load_yaml(conf_dir() / "model" / f"{spec.name}.yaml").get(
            "self_describing"
        ):
            assert spec.gpu_memory is None  # the file decides
            continue
        assert spec.gpu_memory is not None, spec.name
        expected = 4e-9 * (facts.parameters(spec) or 0)
        assert spec.gpu_memory.weights_gb == pytest.approx(expected, rel=0.06, abs=5e-4), spec.name


def test_a_missing_extra_is_named(monkeypatch):
    scnet, spleeter, htdemucs = map(registry.get, ("scnet", "spleeter_2stems", "htdemucs_6s"))
    monkeypatch.setattr(facts, "find_spec", lambda name: object())
    assert facts.missing_extra(scnet) is None
    monkeypatch.setattr(facts, "find_spec", lambda name: None)
    assert facts.missing_extra(scnet) == "zoo"
    assert facts.missing_extra(htdemucs) is None
    # of Spleeter's package only the weights are used, so a copy of them will do
    monkeypatch.setattr(facts, "locate", lambda file: None)
    assert facts.missing_extra(spleeter) == "spleeter"
    monkeypatch.setattr(facts, "locate", lambda file: conf_dir())
    assert facts.missing_extra(spleeter) is None


def test_every_class_that_imports_an_extra_declares_it():
    for name in registry.names():
        spec = registry.get(name)
        ours = [
            c for c in registry.model_class(spec).__mro__ if c.__module__.startswith("stemwise")
        ]
        source = "".join(inspect.getsource(inspect.getmodule(c)) for c in ours)
        needed = {extra for extra in ("zoo", "baselines") if f'"{extra}", ' in source}
        # diffq is needed by the files of a model, not by its class
        assert needed == ({spec.extra} - {None, "diffq"}), name


def test_bases_are_those_whose_class_asks_for_a_checkpoint():
    for name in registry.names():
        spec = registry.get(name)
        asks = "checkpoint" in inspect.signature(registry.model_class(spec)).parameters
        assert facts.is_base(spec) == (asks and not spec.checkpoints), name


def test_levels_follow_from_the_parent():
    assert facts.level(registry.get("scnet")) == 1
    assert facts.level(registry.get("drumsep")) == 2


def test_carried_weights_are_counted_once_they_are_finished(tmp_path, monkeypatch):
    path = tmp_path / "demo.safetensors"
    save_file({"a": torch.zeros(3, 4), "b": torch.zeros(())}, path, {"package": "x"})
    made = Checkpoint("demo.safetensors", package="stemwise/weights/demo.safetensors", size=7)
    spec = ModelSpec("demo", "stemwise.models.x.X", "X", checkpoints=(made,))
    monkeypatch.setattr(facts, "locate", lambda file: path)
    assert facts.is_demo(spec) and facts.parameters(spec) is None
    done = replace(spec, checkpoints=(replace(made, sha256="0" * 64),))
    assert (facts.parameters(done), facts.size(done)) == (13, 7)
    assert facts.parameters(replace(done, parameters=5)) == 5
    monkeypatch.setattr(facts, "locate", lambda file: None)
    assert facts.parameters(done) is None


def test_sizes_are_known_only_where_all_are():
    known, unknown = Checkpoint("a", size=5), Checkpoint("b")
    spec = ModelSpec("x", "stemwise.models.x.X", "X")
    assert facts.size(replace(spec, checkpoints=(known, replace(known, filename="c")))) == 10
    assert facts.size(replace(spec, checkpoints=(known, unknown))) is None
    assert facts.size(spec) is None


def test_the_zoo_says_what_it_must():
    for name in registry.names():
        spec, content = registry.get(name), load_yaml(conf_dir() / "model" / f"{name}.yaml")
        if spec.checkpoints:
            assert spec.licence and spec.trained_on, name
        assert json.dumps(content.get("published") or [])
