"""Precisions as settings say them: one for all models, or one per model."""

from __future__ import annotations

import pytest

from stemwise.core.errors import ConfigError
from stemwise.core.precision import check_precision, named, precision_for


def test_a_word_is_for_all_models_and_a_mapping_for_those_that_it_names():
    assert precision_for("tf32", "scnet") == "tf32"
    mapping = {"scnet": "fp16", "default": "fp32"}
    assert [precision_for(mapping, name) for name in ("scnet", "drumsep")] == ["fp16", "fp32"]
    assert precision_for({"scnet": "fp16"}, "drumsep") == "auto"


def test_auto_names_no_precision():
    assert named("auto") is None and named("bf16") == "bf16"


def test_a_mapping_may_name_models_of_the_run_only():
    check_precision("bf16", [])
    check_precision({"scnet": "bf16", "default": "auto"}, ["scnet"])
    with pytest.raises(ConfigError, match=r"precision.scnt .*did you mean scnet\? it has scnet, "):
        check_precision({"scnt": "bf16"}, ["scnet"])
