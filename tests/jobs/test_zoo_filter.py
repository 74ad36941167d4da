"""`stemwise models --stem … --licence … --parent …` lists the models that fit."""

from __future__ import annotations

import json

import pytest

from stemwise.cli.entry import main
from stemwise.core.errors import ConfigError
from stemwise.jobs.zoo_filter import Filter
from stemwise.models.registry import get, names
from stemwise.models.spec import ModelSpec

SPECS = [
    ModelSpec("a", "t", "A", stems=("vocals", "drums"), licence="MIT"),
    ModelSpec("b", "t", "B", stems=("drums",), licence="code MIT; weights for science only"),
    ModelSpec("c", "t", "C", stems=("lead_vocals",), residual="backing_vocals", parent="vocals"),
    ModelSpec("d", "t", "D", licence="CC BY-NC 4.0"),
]


def found(**wanted: str) -> str:
    return "".join(spec.name for spec in Filter(**wanted).select(SPECS))


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        ({}, "abcd"),
        ({"stem": "drums"}, "ab"),
        ({"stem": "backing_vocals"}, "c"),
        ({"licence": "mit"}, "a"),
        ({"licence": "Code MIT"}, "b"),
        ({"licence": "unknown"}, "c"),
        ({"licence": "cc-by-nc-4.0"}, "d"),
        ({"parent": "vocals"}, "c"),
        ({"stem": "drums", "licence": "mit"}, "a"),
        ({"stem": "drums", "licence": "unknown"}, ""),
    ],
)
def test_models_that_fit_are_kept_in_order(wanted, names):
    assert found(**wanted) == names


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        ({"stem": "drum"}, "--stem 'drum' .*did you mean drums.* use one of vocals, lead_vocals"),
        ({"licence": "gpl"}, "--licence 'gpl' .*use one of cc by nc 4.0, code mit, mit, unknown"),
        ({"parent": "bass"}, "--parent 'bass' .*use one of"),
    ],
)
def test_what_no_model_has_is_answered_with_what_there_is(wanted, says):
    with pytest.raises(ConfigError, match=says):
        found(**wanted)


def test_the_command_lists_what_fits(capsys):
    options = ["models", "--stem", "kick", "--parent", "drums"]
    assert main([*options, "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [item["name"] for item in listed] == [n for n in names() if "kick" in get(n).stems]
    assert all("entry" in item for item in listed)
    assert main([*options, "--licence", "mit"]) == 0
    told = capsys.readouterr().out
    assert "demo_drumsep" in told and "mdx23c_drumsep" not in told
    assert main(["models", "--stem", "backing_vocals", "--licence", "isc librosa"]) == 0
    assert "No model of the zoo is all of that." in capsys.readouterr().out
    assert main(["models", "--stem", "nose"]) == 2
    assert "use one of vocals" in capsys.readouterr().err
