"""Test-time augmentation: closed forms with models that one can write down, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from stemwise.core.errors import ConfigError
from stemwise.models import registry
from stemwise.models.augment import Augment, check
from stemwise.models.augmented import AugmentedModel
from stemwise.models.base import WeightlessModel
from stemwise.models.fast_tiling import FastTiling
from stemwise.models.heard import heard_by
from stemwise.models.overlap import FAST, cut
from stemwise.models.reflect_tiling import ReflectTiling
from stemwise.models.registry import get, resolve
from stemwise.models.shifted_tiling import ShiftedTiling, shifted
from stemwise.models.tiling import CenteredTiling, FrameTiling
from stemwise.models.whole_tiling import WholeTiling
from stemwise.report.zoo_cost import minute_cost
from stemwise.report.zoo_settings import settings_text
from stemwise.separation.separator import Separator

TILINGS = [
    CenteredTiling(100, 0.25),
    CenteredTiling(100, 0.25, valid_length=lambda size: 120, exact=True),
    ReflectTiling(100, 4),
    FastTiling(100),
    FrameTiling(32, 8, 10),
    WholeTiling(),
]
LENGTH = 331
FULL = Augment((0, 7, 40), polarity=True, swap=True)


class Formula(WeightlessModel):
    """A model of two stems that is a formula of its chunk, and counts what it hears."""

    stems = ("a", "b")

    def __init__(self, formula, tiling):
        self.formula, self.tiling, self.heard = formula, tiling, []

    def forward(self, chunks):
        self.heard.append(chunks)
        return torch.stack([self.formula(chunks), 0.5 * chunks], dim=1)


def song(seed=0, length=LENGTH):
    return np.random.default_rng(seed).normal(size=(2, length)).astype(np.float32)


def separated(formula, tiling, mixture, augment=None):
    model = Formula(formula, tiling)
    made = model if augment is None else AugmentedModel(model, augment)
    return Separator(made, "cpu")(mixture).numpy()


@pytest.mark.parametrize("tiling", TILINGS, ids=lambda tiling: type(tiling).__name__)
def test_what_is_linear_and_time_invariant_is_not_changed(tiling):
    plain = separated(lambda x: 0.3 * x, tiling, song())
    assert separated(lambda x: 0.3 * x, tiling, song(), FULL) == pytest.approx(plain, abs=1e-6)


@pytest.mark.parametrize("tiling", TILINGS, ids=lambda tiling: type(tiling).__name__)
def test_shifts_are_the_mean_of_delayed_tracks(tiling):
    """A model that depends on the place in the chunk, by hand: delay, separate, advance, average."""

    def placed(x):
        return x * torch.linspace(0.2, 1, x.shape[-1]) + 0.1 * x**2

    mixture = song(1)
    by_hand = [
        separated(placed, tiling, np.pad(mixture, ((0, 0), (shift, 0))))[..., shift:]
        for shift in FULL.shifts
    ]
    found = separated(placed, tiling, mixture, Augment(FULL.shifts))
    assert found == pytest.approx(np.mean(by_hand, axis=0), abs=2e-6)


def test_polarity_keeps_the_odd_part_of_a_model_and_swapping_the_symmetric_one():
    tiling, mixture = CenteredTiling(100), song(2)
    inverted, swapped = Augment(polarity=True), Augment(swap=True)
    assert separated(lambda x: x**2, tiling, mixture, inverted)[0] == pytest.approx(0, abs=1e-6)
    odd = separated(lambda x: x**3 + x**2, tiling, mixture, inverted)[0]
    assert odd == pytest.approx(mixture**3, rel=1e-4, abs=1e-5)
    # a model that makes both channels of the left one: the mean of what it makes of either
    left = separated(lambda x: x[:, :1].expand(-1, 2, -1), tiling, mixture, swapped)[0]
    assert left == pytest.approx(np.stack([mixture.mean(axis=0)] * 2), abs=1e-6)


@pytest.mark.parametrize(
    "augment", [Augment((0, 9)), Augment(polarity=True), Augment((0, 3, 60), True, True)]
)
def test_the_model_hears_the_track_as_often_as_there_are_passes(augment):
    model = Formula(lambda x: x, FastTiling(100))
    made = AugmentedModel(model, augment)
    Separator(made, "cpu")(song())
    plain = Formula(lambda x: x, FastTiling(100))
    Separator(plain, "cpu")(song())
    passes = sum(map(len, model.heard)) / sum(map(len, plain.heard))
    assert augment.passes <= passes < augment.passes * 1.4  # a delay may add a chunk
    heard = sum(chunks.shape[0] * chunks.shape[-1] for chunks in model.heard)
    assert made.tiling.heard(LENGTH) * augment.variants == heard


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from([t for t in TILINGS if not isinstance(t, FrameTiling)]),
    st.integers(1, 450),
    st.sets(st.integers(0, 150), min_size=1, max_size=4),
)
def test_each_delay_weighs_one_at_every_sample_and_tiles_come_in_order(tiling, length, shifts):
    total, last, count = torch.zeros(length), 0, 0
    for tile in ShiftedTiling(tiling, tuple(sorted(shifts))).tiles(length):
        assert last <= tile.start < tile.stop <= length
        last, count = tile.start, count + tile.read_stop - tile.read_start
        total[tile.start : tile.stop] += tile.weight
    assert total.numpy() == pytest.approx(np.full(length, len(shifts)), rel=1e-5)
    if hasattr(tiling, "heard"):
        assert shifted(tiling, tuple(sorted(shifts))).heard(length) == (
            tiling.heard(length) if shifts == {0} else count
        )


def test_normalisation_and_residual_hold_the_track_together():
    model = Formula(lambda x: 0.3 * x, ReflectTiling(100, 2))
    model.normalisation = "zscore"
    made = Separator(AugmentedModel(model, FULL), "cpu", residual="c")(song(3)).numpy()
    assert made.sum(axis=0) == pytest.approx(song(3), abs=1e-6)


def test_a_long_song_is_streamed_in_stretches_of_a_chunk():
    model = AugmentedModel(Formula(lambda x: x, CenteredTiling(1000)), Augment((0, 100, 300)))
    parts = list(Separator(model, "cpu").stream(song(length=20_000)))
    assert max(part.shape[-1] for part in parts) <= 1000 and len(parts) > 20


ENTRY = {
    "name": "tta",
    "base": "demo_scnet",
    "augment": {"shifts": [0.0, 0.11, 0.37], "polarity": True, "swap": True},
}


@pytest.fixture
def identity(monkeypatch):
    monkeypatch.setattr(
        registry,
        "ensure",
        lambda item, name="", progress=None: SimpleNamespace(path=None, sha256=item.sha256),
    )
    return lambda spec: registry.prepare(spec).identity


def test_an_entry_is_another_model_with_its_own_identity_and_cost(identity):
    plain, tta = get("demo_scnet"), resolve(ENTRY)
    assert tta.augment == Augment((0, 4851, 16317), True, True) and tta.augment.passes == 12
    assert tta.trained_on == plain.trained_on and tta.checkpoints == plain.checkpoints
    assert minute_cost(tta) == 12 * minute_cost(plain)
    assert "12 passes (delayed by 0, 0.11, 0.37 s; inverted polarity; swapped" in settings_text(tta)
    turned = {**ENTRY, "name": "turned", "augment": dict(reversed(ENTRY["augment"].items()))}
    turned["augment"]["shifts"] = [0.37, 0, 0.11]
    assert identity(resolve(turned)) == identity(tta) != identity(plain)
    assert identity(replace(tta, augment=None)) == identity(plain)
    assert not registry.same_model(tta, plain) and registry.same_model(tta, resolve(turned))
    assert len({identity(cut(one, FAST)) for one in (plain, tta)} | {identity(tta)}) == 3
    length = 60 * 44_100
    assert heard_by(tta)(length) / heard_by(plain)(length) == pytest.approx(12, rel=0.03)
    assert isinstance(
        registry.build(SimpleNamespace(spec=resolve(MIXED), paths=())), AugmentedModel
    )


MIXED = {"name": "mixed", "base": "mixture", "stems": ["vocals"], "augment": {"swap": True}}


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (True, "augment is a mapping of shifts, polarity, swap"),
        ({"shift": [0.1]}, "augment.shift is unknown: did you mean shifts"),
        ({"shifts": 0.1}, r"is a list of seconds, such as \[0.0, 0.11, 0.37\], not 0.1"),
        ({"shifts": []}, "is a list of seconds"),
        ({"shifts": [-0.1, 0]}, "holds -0.1: a shift is a delay of 0 to 10 seconds"),
        ({"shifts": [0, 11]}, "holds 11"),
        ({"shifts": [0, float("nan")]}, "holds nan"),
        ({"shifts": [0, True]}, "holds True"),
        ({"shifts": ["0.1"]}, "holds '0.1'"),
        ({"shifts": [0.1, 0.1000001]}, "one delay twice"),
        ({"polarity": "yes"}, "augment.polarity is true or false, not 'yes'"),
        ({}, "averages nothing"),
        ({"shifts": [0.0]}, "averages nothing"),
        ({"shifts": [n / 100 for n in range(17)], "polarity": True, "swap": True}, "68 passes"),
    ],
)
def test_what_cannot_be_meant_is_refused(asked, told):
    with pytest.raises(ConfigError, match=told):
        check(asked, "mine")


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"base": "oracle_irm"}, "computes its estimates from the true stems"),
        ({"base": "file:LarsNet"}, "finished estimates, which no model can make anew"),
        (
            {"base": "scnet", "augment": {"shifts": -1}},
            "the model entry 'x': augment.shifts is a list",
        ),
    ],
)
def test_what_cannot_be_augmented_is_refused(entry, told):
    with pytest.raises(ConfigError, match=told):
        resolve({"name": "x", "augment": {"swap": True}, **entry})
