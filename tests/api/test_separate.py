"""Stems in memory: as the command line's, at the rate of an array, models loaded once."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile
import torch

import stemwise
from stemwise.api import separate as module
from stemwise.cli import main
from stemwise.core.errors import AudioError, ConfigError
from stemwise.separation.recipe_separator import RecipeSeparator

MODEL = "demo_scnet"


@pytest.fixture
def mixture(song):
    return np.sum(list(song.values()), axis=0, dtype=np.float32)


@pytest.fixture
def loads(monkeypatch):
    """Count the models that are loaded."""
    monkeypatch.setattr(module, "_KEPT", module._Kept())
    found, real = [], RecipeSeparator._separator

    def counting(self, name):
        if name not in self._loaded:
            found.append(name)
        return real(self, name)

    monkeypatch.setattr(RecipeSeparator, "_separator", counting)
    return found


def test_a_file_gives_what_the_command_line_writes(mixture, tmp_path, capsys):
    file = tmp_path / "song.wav"
    soundfile.write(file, mixture.T, 44_100, subtype="FLOAT")
    output = ["--output", str(tmp_path / "out"), "--format", "wav"]
    assert main(["separate", str(file), "--recipe", MODEL, *output]) == 0
    stems = stemwise.separate(file, MODEL)
    written = {path.stem: path for path in (tmp_path / "out" / "song").iterdir()}
    assert set(stems) == set(written)
    assert stems.rate == 44_100
    for stem, samples in stems.items():
        np.testing.assert_array_equal(samples.T, soundfile.read(written[stem], dtype="float32")[0])
    saved = stems.save(tmp_path / "saved", "wav")
    for path in saved:
        assert soundfile.read(path)[0].tobytes() == soundfile.read(written[path.stem])[0].tobytes()
    np.testing.assert_array_equal(
        stemwise.separate(torch.from_numpy(mixture), MODEL, rate=44_100)["bass"], stems["bass"]
    )


def test_stems_of_an_array_have_its_rate_and_length(mixture):
    other = stemwise.separate(mixture[:, :7_001], MODEL, rate=22_050, stems=["bass", "drums"])
    assert other.rate == 22_050
    assert {array.shape for array in other.values()} == {(2, 7_001)}
    assert set(other) == {"drums", "bass"}
    assert other.seconds == pytest.approx(7_001 / 22_050)


def test_models_stay_loaded_from_call_to_call(mixture, loads):
    for _ in range(2):
        stemwise.separate(mixture, MODEL, rate=44_100, stems="bass")
    assert loads == [MODEL]
    separator = stemwise.Separator(MODEL)
    for _ in range(2):
        separator(mixture, rate=44_100)
    assert loads == [MODEL] * 2
    stemwise.separate(mixture, MODEL, rate=44_100, overlap="fast")
    assert loads == [MODEL] * 3


def test_a_checkpoint_of_ones_own_is_read_anew(mixture, loads, tmp_path):
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(f"{{name: mine, base: {MODEL}}}")
    for _ in range(2):
        stemwise.separate(mixture, recipe, rate=44_100)
    assert len(loads) == 2


def test_progress_is_told_as_a_share(mixture):
    told = []
    stemwise.separate(mixture, MODEL, rate=44_100, progress=lambda *args: told.append(args))
    assert {model for model, _ in told} == {MODEL}
    assert told[-1] == (MODEL, 1.0)


@pytest.mark.parametrize(
    ("arguments", "options", "sentence"),
    [
        (("song.wav", MODEL), {"rate": 44_100}, "rate= is for arrays"),
        ((np.zeros((2, 9)), MODEL), {}, "rate= is not set"),
        ((np.zeros((2, 9)), "demo_scnett"), {"rate": 1}, "did you mean demo_scnet"),
        ((np.zeros((2, 9)), MODEL), {"rate": 44_100, "stems": "vocal"}, "vocal"),
        ((np.zeros((2, 9)), MODEL), {"rate": 44_100, "precision": "fp8"}, "precision=fp8"),
        ((np.zeros((2, 9)), MODEL), {"rate": 44_100, "overlap": "none"}, "overlap=none"),
        ((np.zeros((2, 9)), "oracle_irm"), {"rate": 44_100}, "needs the true stems"),
    ],
)
def test_arguments_that_cannot_be_meant(arguments, options, sentence):
    with pytest.raises(ConfigError, match=sentence):
        stemwise.separate(*arguments, **options)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(AudioError, match=r"absent\.wav does not exist"):
        stemwise.separate(tmp_path / "absent.wav", MODEL)


def test_stems_that_would_clip_are_turned_down_with_a_warning(tmp_path):
    stems = stemwise.Stems({"a": np.full((2, 9), 2.0, np.float32)}, 8_000)
    with pytest.warns(UserWarning, match="attenuated to 50 %"):
        (file,) = stems.save(tmp_path)
    written, rate = soundfile.read(file)
    assert rate == 8_000
    with pytest.raises(ConfigError, match="MP3 is written at 44100 Hz"):
        stems.save(tmp_path, "mp3")
    np.testing.assert_allclose(written, 1.0, atol=1e-6)


def test_stems_show_themselves():
    stems = stemwise.Stems({"<b>": np.full((2, 9), 0.1, np.float32)}, 9, "mine")
    assert repr(stems) == "Stems(<b>: 1.0 s at 9 Hz by mine)"
    assert "&lt;b&gt;" in stems._repr_html_()
    assert "-20.0" in stems._repr_html_()
    with pytest.raises(KeyError, match="did you mean vocals"):
        stemwise.Stems({"vocals": np.zeros((2, 1), np.float32)})["vocal"]
    with pytest.raises(ConfigError, match="'flak' is not written: did you mean flac"):
        stems.save("nowhere", "flak")
