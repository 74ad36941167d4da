"""What a recipe may say of an ensemble, and the sentences for what it may not."""

from __future__ import annotations

import pytest

from stemwise.core.errors import ConfigError
from stemwise.separation.ensembles.spec import Ensemble, models_of, parse, sources_of
from stemwise.separation.recipe import load_recipe, refuse_other_stems

WEIGHTS = {"a": [0.5, 1.0], "b": [0.5, 0.0]}


@pytest.fixture
def written(tmp_path):
    def write(text):
        path = tmp_path / "recipe.yaml"
        path.write_text(text)
        return load_recipe(str(path))

    return write


def test_settings_are_completed_by_their_defaults():
    found = parse({"kind": "stft_max", "models": ["a", "b"], "hop": 512}, "here")
    assert found == Ensemble("stft_max", ("a", "b"), {"n_fft": 2048, "hop": 512})
    assert found.written() == {"kind": "stft_max", "models": ["a", "b"], "n_fft": 2048, "hop": 512}
    assert parse(found.written(), "again") == found


def test_the_models_of_bands_are_those_of_their_weights():
    found = parse({"kind": "bands", "edges_hz": [1000], "weights": WEIGHTS}, "here")
    assert models_of(found) == ("a", "b")
    assert sources_of(found, "drums") == (("a", "drums"), ("b", "drums"))
    assert models_of({"m": 0.5, "n": 0.5}) == ("m", "n")


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ({"kind": "medain", "models": list("abc")}, "did you mean median?"),
        ({"kind": "median", "models": list("ab")}, "median needs 3 models or more, and has a, b"),
        ({"kind": "stft_max", "models": ["a"]}, "stft_max needs 2 models or more, and has a"),
        ({"kind": "trimmed_mean", "models": list("ab")}, "needs 3 models or more"),
        ({"kind": "median"}, r"median needs models: \[a, b, …\]"),
        ({"kind": "median", "models": "abc"}, r"needs models: \[a, b, …\], and has 'abc'"),
        ({"kind": "median", "models": list("aab")}, "names the model 'a' twice"),
        ({"kind": "median", "models": list("abc"), "trim": 1}, "'trim' is no setting of median"),
        ({"kind": "stft_max", "models": list("ab"), "nfft": 1}, "did you mean n_fft?"),
        ({"kind": "stft_max", "models": list("ab"), "hop": 700}, "multiple of 2·hop"),
        ({"kind": "stft_max", "models": list("ab"), "hop": "x"}, "not usable: n_fft must be"),
        ({"kind": "trimmed_mean", "models": list("abc"), "trim": 0.5}, "below 0.5"),
        ({"kind": "bands", "weights": WEIGHTS}, "bands needs edges_hz"),
        ({"kind": "bands", "edges_hz": [900, 100], "weights": WEIGHTS}, "list rising frequencies"),
        ({"kind": "bands", "edges_hz": [100, 900], "weights": WEIGHTS}, "list 3 numbers"),
        ({"kind": "bands", "edges_hz": [9, float("nan"), 99], "weights": WEIGHTS}, "list rising"),
        ({"kind": "cross_stem", "weights": {"a/drums": 1}, "wiener": ["a"]}, "wiener must map"),
        (
            {"kind": "bands", "edges_hz": [9], "weights": WEIGHTS, "models": ["a", "c"]},
            "each of a, c",
        ),
        ({"kind": "bands", "edges_hz": [9], "weights": {"a": [1, 2], "b": [1, "x"]}}, "of 'b' are"),
    ],
)
def test_one_sentence_for_what_cannot_be_used(value, sentence):
    with pytest.raises(ConfigError, match=sentence) as caught:
        parse(value, "recipe.yaml: drums")
    assert str(caught.value).startswith("recipe.yaml: drums: ")


def test_a_recipe_with_kinds_at_both_levels(written):
    recipe = written(
        "stems: {drums: {kind: median, models: [a, b, c]}, vocals: {d: 1.0}}\n"
        "children: {drums: {kick: {kind: stft_min, models: [e, f]}}}\n"
    )
    assert recipe.models() == ("a", "b", "c", "d", "e", "f")
    assert isinstance(recipe.stems["drums"], Ensemble)
    assert recipe.only(("vocals",)).models() == ("d",)


def test_a_model_may_be_called_kind(written):
    assert written("stems: {drums: {kind: 1.0}}").stems == {"drums": {"kind": 1.0}}


def test_a_recipe_names_its_file_and_stem(written):
    with pytest.raises(
        ConfigError, match=r"recipe.yaml: drums: There is no kind of ensemble 'max'"
    ):
        written("stems: {drums: {kind: max, models: [a, b]}}")


def test_models_of_different_stems_are_both_named():
    made = parse({"kind": "median", "models": ["a", "b", "c"]}, "here")
    makes = {"a": ("drums", "vocals"), "b": ("drums",), "c": ()}
    refuse_other_stems(made, "drums", makes)
    with pytest.raises(ConfigError) as caught:
        refuse_other_stems(made, "vocals", makes)
    assert str(caught.value) == (
        "vocals is to be the median of 'a' and 'b', but 'b' makes only drums: name models that all "
        "make vocals."
    )
