"""Sets by stem follow from the zoo."""

from __future__ import annotations

import pytest

from stemwise.core.errors import ConfigError
from stemwise.jobs.configuration import models
from stemwise.models import facts
from stemwise.models.registry import get, named_sets, names, resolve_all
from stemwise.models.sets import all_sets, members


def test_every_model_that_makes_a_stem_and_needs_no_file_is_in_its_set():
    sets = all_sets()
    for spec in map(get, names()):
        ready = spec.selectable and not facts.is_base(spec) and not facts.is_demo(spec)
        for stem in spec.with_residual(spec.stems):
            assert (spec.name in sets.get(f"all_{stem}", ())) == ready, (spec.name, stem)
    assert {"scnet", "htdemucs_6s"} <= set(sets["all_drums"])
    assert sets["all_backing_vocals"] == members("all_backing_vocals")
    assert "melband_roformer_karaoke" in sets["all_backing_vocals"]
    assert named_sets().items() <= sets.items() and members("paper") == named_sets()["paper"]
    for found in sets.values():
        assert resolve_all(found)


def test_sets_may_share_models_and_stand_beside_names():
    specs, files = models(("all_kick", "all_snare", "scnet"))
    found = [spec.name for spec in specs]
    assert len(found) == len(set(found)) and "drumsep" in found and found[-1] == "scnet"
    assert files == ()
    with pytest.raises(ConfigError, match="'scnet' is listed twice"):
        models(("scnet", "scnet"))


def test_a_set_of_a_stem_that_nothing_makes_is_answered_with_those_there_are():
    with pytest.raises(ConfigError, match=r"no set 'all_drum': did you mean all_drums.*all_vocals"):
        models("all_drum")
    assert members("scnet") is None
