"""Names, checkpoint files and users' own entries become models, or a sentence that says why not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from demucs.demucs import Demucs

from stemwise.core.config import conf_dir, load_yaml
from stemwise.core.errors import CheckpointError, ConfigError
from stemwise.models import registry
from stemwise.models.band_split import BandSplitModel
from stemwise.models.checkpoints.checkpoint import Checkpoint
from stemwise.models.registry import build, on_this_machine, prepare, resolve, resolve_all

SOURCES = ["drums", "bass", "other", "vocals"]


@pytest.fixture(autouse=True)
def _own_home(home):
    """Digests of checkpoints are recorded in a folder of the test's own."""


def write_package(path, seed=0, **changes):
    torch.manual_seed(seed)
    kwargs = {"sources": SOURCES, "channels": 4, "depth": 2, "segment": 1} | changes
    network = Demucs(**kwargs)
    state = {key: value.half() for key, value in network.state_dict().items()}
    made = {"klass": Demucs, "args": (), "kwargs": kwargs, "state": state, "training_args": {}}
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(made, path)
    return path


@pytest.fixture
def package(tmp_path):
    return write_package(tmp_path / "mine.th")


def entry(package, **changes):
    return {"name": "mine", "base": "demucs_package", "checkpoint": str(package)} | changes


def identity(value):
    return prepare(resolve(value)).identity


def test_every_model_and_set_of_the_zoo_is_well_formed():
    assert "spleeter_2stems" in registry.names()
    for name in registry.names():
        spec = registry.get(name)
        assert spec.name == name
        for checkpoint in spec.checkpoints:
            # of some, the digits in the file's name are all that is published
            assert len(checkpoint.sha256) == 64 or checkpoint.sha256 in checkpoint.filename
            assert checkpoint.url or checkpoint.package
    for members in registry.named_sets().values():
        assert resolve_all(members)


def test_an_own_checkpoint_becomes_a_model(package):
    spec = resolve(entry(package))
    assert (spec.name, spec.stems) == ("mine", ())
    assert build(prepare(spec)).stems == tuple(SOURCES)


def test_nothing_of_the_base_is_claimed_for_an_own_checkpoint(package):
    spec = resolve(entry(package, base="htdemucs_6s"))
    assert (spec.licence, spec.trained_on, spec.paper, spec.notes) == (None, (), None, None)
    assert [checkpoint.url for checkpoint in spec.checkpoints] == [None]
    assert build(prepare(spec)).stems == tuple(SOURCES)


def test_keys_of_the_entry_override_the_base(package):
    spec = resolve(entry(package, licence="CC0", settings={"segment_s": 0.5}, selectable=False))
    assert spec.licence == "CC0"
    assert spec.settings == {"overlap": 0.25, "segment_s": 0.5}
    assert not spec.selectable
    assert build(prepare(spec)).tiling.chunk == 22_050


def test_named_stems_replace_those_of_the_package(package):
    stems = ["kick", "snare", "toms", "cymbals"]
    assert build(prepare(resolve(entry(package, stems=stems)))).stems == tuple(stems)
    with pytest.raises(ConfigError, match="separates 4 stems"):
        build(prepare(resolve(entry(package, stems=["kick"]))))


def test_a_checkpoint_file_alone_is_a_demucs_package(package):
    spec = resolve(str(package))
    assert spec.name == "mine"
    assert build(prepare(spec)).stems == tuple(SOURCES)


@pytest.mark.parametrize("name", ["My Model (final).th", "Été.th", "_.th"])
def test_odd_file_names_become_usable_model_names(tmp_path, name):
    spec = resolve(str(write_package(tmp_path / name)))
    assert spec.name and spec.name == registry.check_name(spec.name)
    assert build(prepare(spec)).stems == tuple(SOURCES)


def test_relative_and_home_paths_are_followed(package, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for path in ("mine.th", "./mine.th", "~/mine.th"):
        assert prepare(resolve(entry(path))).paths == (package,)
        assert prepare(resolve(path)).paths == (package,)


def test_an_entry_may_be_a_yaml_file(package, tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text(f"{{name: mine, base: demucs_package, checkpoint: '{package}'}}")
    assert resolve(str(path)) == resolve(entry(package))
    for content in ("[1, 2]", "just text", "{name: [", "\x00"):
        path.write_text(content)
        with pytest.raises(ConfigError):
            resolve(str(path))
    with pytest.raises(ConfigError, match=r"gone\.yaml"):
        resolve(str(tmp_path / "gone.yaml"))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": None}, "lacks name"),
        ({"name": ""}, "lacks name"),
        ({"base": None}, "lacks base"),
        ({"base": "nothing"}, "no model 'nothing'"),
        ({"base": "../../evaluate"}, "no model"),
        ({"name": "spleeter_2stems"}, "is taken"),
        ({"name": "../escape"}, "escape"),
        ({"name": "two words"}, "two words"),
        ({"name": "reference"}, "'reference'"),
        ({"name": "oracle"}, "'oracle'"),
        ({"colour": "red"}, "unknown keys colour"),
        ({"_target_": "os.system"}, r"stemwise\.models\."),
        ({"_target_": "stemwise.modelsevil.X"}, r"stemwise\.models\."),
        ({"_target_": ""}, r"stemwise\.models\."),
        ({"sha256": "xyz"}, "sha256"),
        ({"sha256": 12345678}, "sha256|is not the file"),
        ({"stems": ["../escape"]}, "escape"),
        ({"stems": "vocals"}, "stems"),
        ({"stems": 5}, "stems"),
        ({"stems": ["vocals", "vocals"]}, "vocals"),
        ({"settings": 5}, "settings"),
        ({"settings": ["overlap"]}, "settings"),
        ({"settings": {"nonsense": 1}}, "no setting nonsense"),
        ({"settings": {"overlap": 1.0}}, "overlap"),
        ({"settings": {"overlap": "much"}}, "mine"),
        ({"settings": {"overlap": None}}, "mine"),
        ({"settings": {"segment_s": "long"}}, "mine"),
        ({"settings": {"checkpoint": "/etc/passwd"}}, "checkpoint"),
        ({"settings": {"stems": ["a", "b", "c", "d"]}}, "stems"),
        ({"checkpoints": ["text"]}, "checkpoint"),
        ({"checkpoints": 5}, "checkpoint"),
        ({"checkpoint": 5}, "5"),
        ({"checkpoint": None, "sha256": "0" * 64}, "sha256"),
    ],
)
def test_wrong_entries_are_refused_with_a_sentence(package, change, says):
    with pytest.raises((ConfigError, CheckpointError), match=says) as caught:
        build(prepare(resolve(entry(package, **change))))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [5, None, ["mixture"], "", ".", "no_such_model"])
def test_what_is_neither_a_name_nor_an_entry_is_refused(value):
    with pytest.raises(ConfigError):
        resolve(value)


def test_only_classes_of_models_can_be_named(package):
    for target in (
        "stemwise.models.registry.load_yaml",
        "stemwise.models.registry.Path",
        "stemwise.models.no_such_module.Model",
        "stemwise.models.demucs.NoSuchModel",
        "stemwise.models.stft.FrameStft",
    ):
        with pytest.raises(ConfigError, match=r"stemwise\.models"):
            build(prepare(resolve(entry(package, _target_=target, settings={}))))


def test_a_name_may_be_listed_once(package):
    with pytest.raises(ConfigError, match="twice"):
        resolve_all([entry(package), str(package)])
    with pytest.raises(ConfigError, match="twice"):
        resolve_all(["hpss", "hpss"])


def test_a_published_digest_of_an_own_checkpoint_is_enforced(package):
    right = prepare(resolve(entry(package)))
    digest = registry.ensure(right.spec.checkpoints[0], name="mine").sha256
    assert prepare(resolve(entry(package, sha256=digest))).paths == (package,)
    with pytest.raises(CheckpointError, match="not the file"):
        prepare(resolve(entry(package, sha256="0" * 64)))


def test_digests_of_a_bag_are_one_for_each_file_or_that_of_the_first():
    published = [file.sha256 for file in registry.get("umxl").checkpoints]
    full = [digest.ljust(64, "0") for digest in published]
    bag = {"name": "mine", "base": "umxl", "augment": {"swap": True}}
    assert [file.sha256 for file in resolve(bag | {"sha256": full}).checkpoints] == full
    one = resolve(bag | {"sha256": full[0]}).checkpoints
    assert [file.sha256 for file in one] == [full[0], *published[1:]]
    with pytest.raises(ConfigError, match="one sha256 per checkpoint"):
        resolve(bag | {"sha256": full[:2]})


def test_a_missing_checkpoint_is_named(tmp_path):
    with pytest.raises(CheckpointError, match=r"gone\.th"):
        prepare(resolve(entry(tmp_path / "gone.th")))


def test_a_base_that_needs_a_checkpoint_says_so():
    for value in ("demucs_package", {"name": "mine", "base": "demucs_package"}):
        with pytest.raises(ConfigError, match="checkpoint"):
            build(prepare(resolve(value)))


def test_a_checkpoint_for_a_model_without_weights_is_refused(package):
    with pytest.raises(ConfigError, match="checkpoint"):
        build(prepare(resolve(entry(package, base="band_split"))))


def test_a_checkpoint_of_another_architecture_is_refused(package):
    with pytest.raises(ConfigError, match="1 files, 2 stems"):
        build(prepare(resolve(entry(package, base="spleeter_2stems"))))
    with pytest.raises(CheckpointError, match=r"mine\.th"):
        build(
            prepare(resolve(entry(package, base="spleeter_2stems", checkpoint=[str(package)] * 2)))
        )


def test_several_checkpoints_keep_their_order(tmp_path):
    first, second = (
        write_package(tmp_path / folder / "model.th", seed) for seed, folder in enumerate("ab")
    )
    one = resolve(entry(None, base="spleeter_2stems", checkpoint=[str(first), str(second)]))
    assert prepare(one).paths == (first, second)
    other = resolve(entry(None, base="spleeter_2stems", checkpoint=[str(second), str(first)]))
    assert prepare(one).identity != prepare(other).identity


def test_another_sample_rate_is_refused(tmp_path):
    path = write_package(tmp_path / "mine.th", samplerate=22_050)
    with pytest.raises(ConfigError, match="22050"):
        build(prepare(resolve(entry(path))))


def test_the_identity_follows_what_decides_the_output(package, tmp_path):
    base = identity(entry(package))
    other = write_package(tmp_path / "other.th", seed=1)
    assert identity(entry(package, settings={"overlap": 0.5})) != base
    assert identity(entry(package, stems=["a", "b", "c", "d"])) != base
    assert identity(entry(other)) != base
    assert identity("band_split") != identity("mixture")


def test_the_identity_does_not_follow_names_places_or_remarks(package, tmp_path):
    base = identity(entry(package))
    copy = tmp_path / "elsewhere" / "renamed.th"
    copy.parent.mkdir()
    copy.write_bytes(package.read_bytes())
    for same in (
        entry(package, name="other_name"),
        entry(copy),
        entry(package, licence="CC0", notes="x", paper="y", trained_on=["z"], selectable=False),
        str(package),
    ):
        assert identity(same) == base


def test_settings_reach_the_model():
    wide = {"name": "wide", "base": "band_split", "settings": {"n_fft": 2048, "hop": 512}}
    model = build(prepare(resolve(wide)))
    assert isinstance(model, BandSplitModel)
    assert (model.tiling.n_fft, model.tiling.hop) == (2048, 512)
    assert model.stems == ("bass", "vocals", "drums")


def test_the_zoo_lies_where_the_configuration_is():
    for path in Path(conf_dir() / "model").glob("*.yaml"):
        assert load_yaml(path)["name"] == path.stem


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"residual": "../../Bad Name!"}, "Bad Name"),
        ({"residual": 7}, "residual"),
        ({"residual": "vocals"}, "stem of its own"),
        ({"parent": "nonsense"}, "parent must be one of mixture, vocals, drums"),
        ({"parent": 5}, "parent"),
        ({"selectable": "maybe"}, "selectable"),
        ({"sample_rate": "hello"}, "sample_rate"),
        ({"trained_on": 5}, "trained_on"),
    ],
)
def test_values_that_would_only_show_later_are_refused(change, says):
    with pytest.raises(ConfigError, match=says) as caught:
        registry.resolve({"name": "mine", "base": "band_split", **change})
    assert "\n" not in str(caught.value)


def test_one_dataset_may_be_named_without_a_list():
    spec = registry.resolve({"name": "mine", "base": "band_split", "trained_on": "demo"})
    assert spec.trained_on == ("demo",)


def test_another_machine_fetches_what_the_first_one_prepared(tmp_path, file_server, monkeypatch):
    """Workers get the entry of a model from the driver, whose paths need not exist on theirs."""
    file_server.body = write_package(tmp_path / "served.th").read_bytes()
    spec = replace(
        resolve(entry(tmp_path / "served.th")),
        checkpoints=(Checkpoint("served.th", url=file_server.url),),
    )
    monkeypatch.setenv("STEMWISE_HOME", str(tmp_path / "driver"))
    ready = prepare(spec)
    assert on_this_machine(ready) == ready and len(file_server.sent) == 1
    monkeypatch.setenv("STEMWISE_HOME", str(tmp_path / "worker"))
    ready.paths[0].unlink()
    here = on_this_machine(ready)
    assert here.paths[0].is_relative_to(tmp_path / "worker") and here.identity == ready.identity
    file_server.body = write_package(tmp_path / "changed.th", seed=1).read_bytes()
    monkeypatch.setenv("STEMWISE_HOME", str(tmp_path / "other"))
    with pytest.raises(CheckpointError, match="has another file for 'mine'"):
        on_this_machine(ready)


def test_a_file_of_the_users_that_another_machine_lacks_is_named(package):
    ready = prepare(resolve(entry(package)))
    package.unlink()
    with pytest.raises(CheckpointError, match=r"mine\.th"):
        on_this_machine(ready)
