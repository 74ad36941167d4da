"""The graph of a recipe, run one after the other and side by side, with models that are known."""

from __future__ import annotations

import itertools
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Lock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stemwise.core.errors import ConfigError, ModelError
from stemwise.separation.ensembles.spec import parse
from stemwise.separation.recipe import Recipe
from stemwise.separation.recipe_run import Inline, run_recipe
from stemwise.separation.spool import Spool

WAIT_S = 20
SIZES = (1, 2, 12)


class Models:
    """Every stem of a model is a matrix over channels times what the model hears."""

    def __init__(self, gains, failing=(), barrier=None):
        self.gains, self.failing, self.barrier = gains, set(failing), barrier
        self.runs = Counter()
        self._lock = Lock()

    def __call__(self, model, heard, folder):
        signal = np.asarray(heard)
        with self._lock:
            self.runs[model, signal.tobytes()] += 1
        if self.barrier is not None:
            self.barrier.wait(WAIT_S)
        if model in self.failing:
            raise ModelError(f"The model {model!r} fails.")
        spool = Spool(folder, self.gains[model])
        for part in np.array_split(signal, 3, axis=1):
            gains = self.gains[model].values()
            spool.add(np.stack([np.asarray(gain, np.float32) @ part for gain in gains]))
        return spool

    def names(self):
        """How often each model ran."""
        return Counter(model for model, _ in self.runs.elements())


def scalar(*values):
    """Matrices of plain factors, by the stems a, b, c …"""
    return {stem: np.eye(2) * value for stem, value in zip("abc", values, strict=False)}


def noise(length=30, seed=0):
    return np.random.default_rng(seed).uniform(-0.5, 0.5, (2, length)).astype(np.float32)


@pytest.fixture
def run(tmp_path):
    """Return a function (recipe, models, mixture, wanted, threads) → stem → samples or the error."""
    folders = (tmp_path / str(number) for number in itertools.count())
    return lambda *arguments, **options: collect(next(folders), *arguments, **options)


def collect(folder, recipe, models, mixture, wanted=(), threads=None):
    folder.mkdir()
    if threads is None:
        futures = run_recipe(recipe, models, mixture, folder, wanted)
        return {stem: read(stem, future) for stem, future in futures.items()}
    with ThreadPoolExecutor(threads) as executor:
        futures = run_recipe(recipe, models, mixture, folder, wanted, executor)
        return {stem: read(stem, future) for stem, future in futures.items()}


def read(stem, future):
    error = future.exception(WAIT_S)
    return error if error is not None else np.asarray(future.result().read(stem))


TWO_LEVELS = Recipe(
    "two levels",
    {"a": {"m": 0.25, "n": 0.5}, "b": {"m": 1.0}, "c": {"n": -0.75}},
    children={
        "a": {"a1": {"p": 1.0}, "a2": {"p": 0.5, "q": 0.5}},
        "b": {"b1": {"p": 2.0}},
    },
    remainder="other",
    rests={"a": "a_rest"},
)
GAINS = {
    "m": {"a": np.eye(2), "b": np.eye(2) * 0.5},
    "n": {"a": np.array([[0, 1], [1, 0]]), "c": np.eye(2) * 0.25},
    "p": {"a1": np.eye(2) * 0.3, "a2": np.eye(2) * 0.4, "b1": np.eye(2)},
    "q": {"a2": np.eye(2) * 0.2},
}


@pytest.mark.parametrize("threads", SIZES)
def test_threads_give_the_same_samples_as_one_after_the_other(run, threads):
    mixture = noise()
    alone = run(TWO_LEVELS, Models(GAINS), mixture)
    together = run(TWO_LEVELS, Models(GAINS), mixture, threads=threads)
    assert list(alone) == list(together) == [*"abc", "a1", "a2", "a_rest", "b1", "other"]
    for stem, samples in alone.items():
        np.testing.assert_array_equal(samples, together[stem], err_msg=stem)


def test_closed_form_of_two_levels(run):
    mixture = noise()
    found = run(TWO_LEVELS, Models(GAINS), mixture)
    a = 0.25 * mixture + 0.5 * mixture[::-1]
    b, c = 0.5 * mixture, -0.75 * 0.25 * mixture
    expected = {
        "a": a,
        "b": b,
        "c": c,
        "a1": 0.3 * a,
        "a2": 0.5 * 0.4 * a + 0.5 * 0.2 * a,
        "a_rest": a - 0.3 * a - 0.3 * a,
        "b1": 2 * b,
        "other": mixture - a - b - c,
    }
    assert set(found) == set(expected)
    for stem, samples in expected.items():
        np.testing.assert_allclose(found[stem], samples, atol=1e-6, err_msg=stem)


@pytest.mark.parametrize("threads", [None, *SIZES])
def test_every_model_runs_once_for_each_signal_that_it_hears(run, threads):
    models = Models(GAINS)
    run(TWO_LEVELS, models, noise(), threads=threads)
    assert set(models.runs.values()) == {1}
    assert models.names() == {"m": 1, "n": 1, "p": 2, "q": 1}  # p hears a and b


def test_models_of_a_level_run_side_by_side(run):
    """Each waits until all four have begun, which would never happen one after the other."""
    recipe = Recipe("r", {stem: {model: 1.0} for stem, model in zip("abcd", "mnop", strict=True)})
    gains = {model: {stem: np.eye(2)} for stem, model in zip("abcd", "mnop", strict=True)}
    found = run(recipe, Models(gains, barrier=Barrier(4)), noise(), threads=4)
    assert all(isinstance(samples, np.ndarray) for samples in found.values())


@pytest.mark.parametrize("threads", SIZES)
@pytest.mark.parametrize(
    ("failing", "lost"),
    [
        ("m", {"a", "b", "a1", "a2", "a_rest", "b1", "other"}),
        ("n", {"a", "c", "a1", "a2", "a_rest", "other"}),
        ("p", {"a1", "a2", "a_rest", "b1"}),
        ("q", {"a2", "a_rest"}),
    ],
)
def test_a_failing_model_fails_the_stems_that_need_it_and_no_others(run, failing, lost, threads):
    mixture = noise()
    whole = run(TWO_LEVELS, Models(GAINS), mixture)
    found = run(TWO_LEVELS, Models(GAINS, {failing}), mixture, threads=threads)
    failed = {stem: error for stem, error in found.items() if isinstance(error, Exception)}
    assert set(failed) == lost
    assert {str(error) for error in failed.values()} == {f"The model {failing!r} fails."}
    for stem in set(whole) - lost:
        np.testing.assert_array_equal(found[stem], whole[stem])


def test_one_after_the_other_a_failure_is_raised_at_once(run):
    models = Models(GAINS, {"m"})
    with pytest.raises(ModelError, match="'m' fails"):
        run(TWO_LEVELS, models, noise())
    assert models.names() == {"m": 1}  # nothing runs that can no longer be delivered


def test_a_stem_that_a_model_does_not_make_is_said(run):
    recipe = Recipe("r", {"a": {"m": 1.0}, "z": {"m": 1.0}})
    found = run(recipe, Models(GAINS), noise(), threads=2)
    assert isinstance(found["a"], np.ndarray)
    assert isinstance(found["z"], ConfigError)
    assert "The model 'm' has no stem 'z': it has a, b." in str(found["z"])


@pytest.mark.parametrize(
    ("wanted", "ran"),
    [
        (("c",), {"n": 1}),
        (("b",), {"m": 1}),
        (("b1",), {"m": 1, "p": 1}),
        (("a1",), {"m": 1, "n": 1, "p": 1}),
        (("a_rest",), {"m": 1, "n": 1, "p": 1, "q": 1}),
        (("other",), {"m": 1, "n": 1}),
        (("other", "b1", "a"), {"m": 1, "n": 1, "p": 1}),
    ],
)
@pytest.mark.parametrize("threads", [None, 1, 12])
def test_wanted_stems_are_those_of_the_whole_and_only_their_models_run(run, wanted, ran, threads):
    mixture, models = noise(), Models(GAINS)
    whole = run(TWO_LEVELS, Models(GAINS), mixture)
    found = run(TWO_LEVELS, models, mixture, wanted, threads)
    assert tuple(found) == wanted and models.names() == ran
    for stem, samples in found.items():
        np.testing.assert_array_equal(samples, whole[stem])


@pytest.mark.parametrize("wanted", [("nothing",), ("a", "nothing")])
def test_an_unknown_wanted_stem_is_refused_before_anything_runs(run, wanted):
    models = Models(GAINS)
    with pytest.raises(ConfigError, match="two levels has no stem 'nothing'"):
        run(TWO_LEVELS, models, noise(), wanted, 2)
    assert not models.runs


def test_models_named_as_paths_have_folders_of_their_own(run):
    names = ("zoo/x.th", "zoo_x.th", "../x.th", "..", "/x.th")
    recipe = Recipe("r", {"a": dict.fromkeys(names, 0.5)})
    gains = {name: scalar(number) for number, name in enumerate(names, 1)}
    found = run(recipe, Models(gains), noise(), threads=2)
    np.testing.assert_allclose(found["a"], 0.5 * (1 + 2 + 3 + 4 + 5) * noise(), atol=1e-5)


def test_inline_futures_are_done():
    assert Inline().submit(lambda number: number + 1, 4).result(0) == 5


MATRICES = st.lists(st.floats(-1, 1, width=32), min_size=4, max_size=4).map(
    lambda values: np.array(values, np.float32).reshape(2, 2)
)
WEIGHTS = st.dictionaries(
    st.sampled_from(["m", "n", "o"]), st.one_of(st.just(1.0), st.floats(-2, 2)), min_size=1
)
TOP, BELOW = ("a", "b", "c"), ("x", "y")


@st.composite
def recipes(draw):
    stems = draw(st.dictionaries(st.sampled_from(TOP), WEIGHTS, min_size=1))
    parents = draw(st.sets(st.sampled_from(sorted(stems))))
    children = {
        parent: {
            f"{parent}{name}": weights
            for name, weights in draw(
                st.dictionaries(st.sampled_from(BELOW), WEIGHTS, min_size=1)
            ).items()
        }
        for parent in sorted(parents)
    }
    rests = {parent: f"{parent}_rest" for parent in sorted(parents) if draw(st.booleans())}
    remainder = draw(st.sampled_from([None, "other"]))
    recipe = Recipe("drawn", stems, children, remainder, rests=rests)
    wanted = tuple(draw(st.lists(st.sampled_from(recipe.all_stems()), unique=True)))
    return recipe, wanted


def expected_of(recipe, gains, mixture):
    """What the recipe means, with 64 bits."""

    def blend(stem, weights, heard):
        return sum(weight * (gains[model][stem] @ heard) for model, weight in weights.items())

    heard = mixture.astype(np.float64)
    out = {stem: blend(stem, weights, heard) for stem, weights in recipe.stems.items()}
    below = {}
    for parent, group in recipe.children.items():
        made = {stem: blend(stem, weights, out[parent]) for stem, weights in group.items()}
        if parent in recipe.rests:
            below[recipe.rests[parent]] = out[parent] - sum(made.values())
        below |= made
    rest = {recipe.remainder: heard - sum(out.values())} if recipe.remainder else {}
    return out | below | rest


@settings(max_examples=60, deadline=None)
@given(
    drawn=recipes(),
    matrices=st.lists(MATRICES, min_size=6, max_size=6),
    seed=st.integers(0, 99),
    threads=st.sampled_from([None, *SIZES]),
)
def test_random_recipes_are_their_closed_form(tmp_path_factory, drawn, matrices, seed, threads):
    recipe, wanted = drawn
    every = [*TOP, *(f"{parent}{name}" for parent in TOP for name in BELOW)]
    gains = {
        model: {stem: matrices[(place + shift) % 6] for place, stem in enumerate(every)}
        for shift, model in enumerate("mno")
    }
    mixture, models = noise(12, seed), Models(gains)
    folder = tmp_path_factory.mktemp("run") / "scratch"
    found = collect(folder, recipe, models, mixture, wanted, threads)
    expected = expected_of(recipe, gains, mixture)
    assert set(found) == set(wanted or expected)
    for stem, samples in found.items():
        np.testing.assert_allclose(samples, expected[stem], atol=2e-4, err_msg=stem)
    if not wanted:
        top = [*recipe.stems, *([recipe.remainder] if recipe.remainder else [])]
        if recipe.remainder:
            np.testing.assert_allclose(sum(found[stem] for stem in top), mixture, atol=1e-4)


@pytest.mark.parametrize("threads", [None, *SIZES])
def test_an_ensemble_of_another_kind_is_made_of_its_models(run, threads):
    """The median of 0.5, 1 and 9 times the mixture is the mixture; its parts are made of that."""
    median = parse({"kind": "median", "models": ["m", "n", "q"]}, "here")
    both = parse({"kind": "stft_max", "models": ["m", "n"], "n_fft": 8, "hop": 4}, "here")
    recipe = Recipe("r", {"a": median, "b": both}, {"a": {"a1": {"p": 1.0}}}, remainder="rest")
    gains = {"m": scalar(0.5, 1), "n": scalar(1.0, 2), "q": scalar(9.0), "p": {"a1": np.eye(2)}}
    mixture = noise(50)
    models = Models(gains)
    found = run(recipe, models, mixture, threads=threads)
    for stem, gain in {"a": 1, "b": 2, "a1": 1, "rest": -2}.items():
        np.testing.assert_allclose(found[stem], gain * mixture, atol=1e-6, err_msg=stem)
    assert models.names() == {"m": 1, "n": 1, "q": 1, "p": 1}


def test_models_of_different_stems_are_one_sentence(run):
    median = parse({"kind": "stft_min", "models": ["m", "n"]}, "here")
    recipe = Recipe("r", {"c": median, "a": {"m": 1.0}})
    found = run(recipe, Models(GAINS), noise(), threads=2)
    assert isinstance(found["a"], np.ndarray)
    assert "c is to be the stft_min of 'n' and 'm', but 'm' makes only a, b" in str(found["c"])
