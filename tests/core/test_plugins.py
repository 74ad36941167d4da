"""Users' own YAMLs and code: where they are found, and one sentence for what cannot be."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import EntryPoint
from types import SimpleNamespace

import numpy as np
import pytest

from stemwise.core import config_dirs, plugins
from stemwise.core.errors import ConfigError
from stemwise.models.registry import resolve
from stemwise.selection.rules import get_rule
from stemwise.selection.weights import get_strategy

CODE = """
def smaller(first, second): return first if first.sum() < second.sum() else second
def single(first): return first
def total(first, second): return first.sum()
def one_weight(forms, score): return [1.0]
def broken(first, second): raise ValueError("no rule")
number = 3
"""


@pytest.fixture
def conf(tmp_path, monkeypatch):
    """A config dir of its own, with Python beside it that is called as no other test's."""
    module = f"rules_of_{tmp_path.name.replace('-', '_')}"
    (tmp_path / f"{module}.py").write_text(CODE)
    folder = tmp_path / "conf"
    (folder / "selection").mkdir(parents=True)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setenv(config_dirs.VARIABLE, "")

    def write(name: str, target: str, group: str = "selection") -> None:
        (folder / group).mkdir(exist_ok=True)
        path = folder / group / f"{name}.yaml"
        path.write_text(f"_target_: {target.replace('MODULE', module)}\nrule: {name}\n")
        config_dirs.add(str(folder))

    write.folder = folder
    write.module = module
    yield write
    for known in (config_dirs._files, plugins._targets, plugins._function):
        known.cache_clear()


def test_a_rule_of_a_config_dir_is_one_of_ours(conf):
    conf("mine", "MODULE.smaller")
    assert "mine" in plugins.having_target("selection") and "linear" in config_dirs.names(
        "selection"
    )
    np.testing.assert_array_equal(get_rule("mine")(np.array([1.0]), np.array([2.0])), [1.0])
    assert plugins.code_digest(f"{conf.module}.smaller") != plugins.code_digest("stemwise.x.y")


@pytest.mark.parametrize(
    ("target", "says"),
    [
        ("MODULE.single", "must take first, second, in this order"),
        ("MODULE.number", "is no function"),
        ("MODULE.total", "one score for each two"),
        ("MODULE.broken", r"fails on arrays.*ValueError: no rule"),
        ("MODULE.absent", "there is no such class or function"),
        ("no_such_module_here.f", "there is no such class or function.*no_such_module_here"),
    ],
)
def test_what_is_no_rule_is_one_sentence_that_names_the_file(conf, target, says):
    conf("mine", target)
    with pytest.raises(ConfigError, match=rf"mine\.yaml.*{says}") as caught:
        get_rule("mine")
    assert "\n" not in str(caught.value)


def test_a_strategy_must_weigh_every_model(conf):
    conf("mine", "MODULE.one_weight", "decision")
    with pytest.raises(ConfigError, match=r"mine\.yaml.*one weight for each of 2 models"):
        get_strategy("mine")(SimpleNamespace(models=("a", "b")), None)


def test_two_of_one_name_and_absent_folders_are_refused(conf, tmp_path):
    with pytest.raises(ConfigError, match=r"absent, which --config-dir names, is no folder"):
        config_dirs.add(str(tmp_path / "absent"))
    conf("linear", "MODULE.smaller")
    with pytest.raises(ConfigError, match=r"linear\.yaml and .*linear\.yaml have one name"):
        config_dirs.names("selection")


def test_entries_name_no_code_but_a_config_dirs_yaml_may(conf):
    entry = {"name": "mine", "base": "hpss", "_target_": "os.system"}
    with pytest.raises(ConfigError, match=r"_target_ must begin with stemwise\.models\."):
        resolve(entry)
    with pytest.raises(ConfigError, match=r"no YAML of selection/ names it"):
        plugins.load("selection", "os.system", "here")


def test_installed_packages_need_not_be_named(conf, tmp_path, monkeypatch):
    package = tmp_path / f"package_{conf.module}"
    (package / "conf" / "selection").mkdir(parents=True)
    (package / "__init__.py").write_text("raise AssertionError('imported without need')")
    (package / "conf" / "selection" / "theirs.yaml").write_text("_target_: x.y\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    point = EntryPoint("theirs", package.name, config_dirs.ENTRY_POINTS)
    monkeypatch.setattr(config_dirs, "entry_points", lambda group: [point])
    config_dirs._own.cache_clear()
    try:
        assert config_dirs.own_config_dirs() == (package / "conf",)
        assert config_dirs.path("selection", "theirs") == package / "conf/selection/theirs.yaml"
        assert config_dirs.environment() == {}
    finally:
        monkeypatch.undo()
        config_dirs._own.cache_clear()


def test_the_option_is_taken_out_of_a_command_line(conf):
    folder = str(conf.folder)
    assert config_dirs.without_option(["a", "--config-dir", folder, "b"]) == ["a", "b"]
    assert config_dirs.without_option([f"--config-dir={folder}"]) == []
    assert os.environ[config_dirs.VARIABLE] == folder
    assert config_dirs.environment() == {config_dirs.VARIABLE: folder}


def test_other_processes_can_import_what_lies_beside_a_config_dir(conf):
    """As workers must that get a track of a user's dataset, before they know of any YAML."""
    code = f"import stemwise.core.config_dirs, {conf.module}; print({conf.module}.number)"
    env = {**os.environ, config_dirs.VARIABLE: str(conf.folder)}
    made = subprocess.check_output([sys.executable, "-c", code], env=env, text=True)
    assert made.strip() == "3"
