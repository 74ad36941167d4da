"""Every configuration of MSST's repository is understood, or answered by what it is, as docs say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from stemwise.core.errors import ConfigError
from stemwise.models.msst_config import translate

from .msst_files import MODELS, config

DOCS = Path(__file__).parents[2] / "docs" / "msst-configurations.md"


def answer(name: str) -> tuple[str, bool]:
    """Return the architecture of a file and whether stemwise has it."""
    try:
        return str(translate(config(name), f"configs/{name}")["architecture"]), True
    except ConfigError as error:
        found = re.search(r"is a configuration of (.+?), which stemwise does not have", str(error))
        return (found[1] if found else str(error)), False


def test_all_are_listed_in_the_docs_as_they_are_answered():
    rows = re.findall(r"^\| `(.+?)` \| (.+?) \| (yes|no)", DOCS.read_text("utf-8"), re.M)
    expected = {name: answer(name) for name in MODELS if "bandit_v2" not in name}
    assert {
        name: (kind, said == "yes") for name, kind, said in rows if name in expected
    } == expected
    assert [name for name, _, _ in rows] == list(MODELS)
    assert len(MODELS) == 47 and sum(has for _, has in expected.values()) == 28


def test_bandit_v2_is_known_but_its_published_file_has_another_rate():
    name = "config_dnr_bandit_v2_mus64.yaml"
    with pytest.raises(ConfigError, match="works at 48000 Hz"):
        translate(config(name), name)
    at_44100 = config(name) | {"audio": {"chunk_size": 441_000}}
    assert translate(at_44100, name)["architecture"] == "Bandit v2"


@pytest.mark.parametrize(
    "kind", ["scnet_tran", "experimental_mdx23c_stht", "scnet_masked", "dttnet"]
)
def test_a_type_of_another_network_is_answered_by_its_name_and_the_way_out(kind):
    name = "config_musdb18_mdx23c.yaml" if "mdx" in kind else "config_musdb18_scnet.yaml"
    with pytest.raises(ConfigError, match=r"does not have.*: separate with MSST .*CONTRIBUTING"):
        translate(config(name), name, kind)


def test_a_file_that_only_its_name_tells_may_be_said_to_be_the_plain_network():
    name = "config_musdb18_mdx23c_stht.yaml"
    with pytest.raises(ConfigError, match="say model_type: mdx23c"):
        translate(config(name), name)
    assert translate(config(name), name, "mdx23c")["architecture"] == "MDX23C"


@pytest.mark.parametrize(
    ("change", "says"),
    [({"in_channel": 2}, "in_channel is 2"), ({"stems": ["a"]}, "training names 2")],
)
def test_a_bandit_that_cannot_be_run_so_says_why(change, says):
    made = config("config_vocals_bandit_bsrnn_multi_mus64.yaml")
    made["model"] = made["model"] | change
    with pytest.raises(ConfigError, match=says):
        translate(made, "here.yaml")
