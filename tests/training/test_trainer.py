"""Training: the loss in closed form, a planted optimum that is found, resuming, exporting."""

from __future__ import annotations

import csv
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from stemwise.core.errors import CheckpointError, ConfigError
from stemwise.models import demucs, mel_band_roformer, scnet
from stemwise.models.checkpoints.safe_load import load, metadata
from stemwise.training.examples import Task
from stemwise.training.export import export
from stemwise.training.loss import FLOOR, relative_errors_db
from stemwise.training.trainer import (
    CURVE_FILE,
    STATE_FILE,
    STEMS_FILE,
    Trainer,
    TrainingSettings,
)
from stemwise.training.validation import mean_scores, snrs

SETTINGS = TrainingSettings(
    steps=40,
    batch_size=2,
    learning_rate=0.1,
    warmup=2,
    average=0.5,
    validate_every=20,
    validation_examples=2,
    save_every=10,
)


def test_the_loss_is_the_errors_level_below_the_input():
    heard = torch.ones(1, 2, 100)
    target = torch.ones(1, 1, 2, 100)
    for gain in (0.0, 0.5, 0.9):
        expected = 10 * math.log10((1 - gain) ** 2 + FLOOR)
        found = relative_errors_db(gain * target, target, heard)
        assert float(found) == pytest.approx(expected, abs=1e-4)


def test_a_silent_stem_and_silence_have_a_finite_loss():
    silence = torch.zeros(1, 1, 2, 100)
    heard = torch.ones(1, 2, 100)
    floor = 10 * math.log10(FLOOR)
    assert float(relative_errors_db(silence, silence, heard)) == pytest.approx(floor, abs=1e-4)
    assert math.isfinite(float(relative_errors_db(silence, silence, 0 * heard)))


class Gains(nn.Module):
    """One gain per stem: the smallest network that can learn the planted answer."""

    def __init__(self) -> None:
        super().__init__()
        self.gains = nn.Parameter(torch.zeros(2))

    def forward(self, chunks):
        return chunks[:, None] * self.gains[:, None, None]


class Planted:
    """The answer is 0.75 and 0.25 times the input."""

    seed = 0
    task = Task("vocals", ("lead_vocals", "backing_vocals"))

    def batch(self, step, size):
        noise = np.random.default_rng([step, size]).normal(0, 0.1, (size, 2, 500))
        inputs = torch.from_numpy(noise).float()
        return inputs, torch.stack([0.75 * inputs, 0.25 * inputs], dim=1)


@pytest.fixture
def trainer(tmp_path):
    def make(settings=SETTINGS, folder=None, network=None, standardised=False):
        torch.manual_seed(0)
        return Trainer(
            network or Gains(),
            standardised,
            Planted(),
            Planted(),
            settings,
            folder or tmp_path / "training",
            torch.device("cpu"),
        )

    return make


@pytest.mark.parametrize("standardised", [False, True])
def test_a_planted_answer_is_found(trainer, standardised):
    trained = trainer(replace(SETTINGS, steps=150), standardised=standardised).run()
    torch.testing.assert_close(trained.gains.data, torch.tensor([0.75, 0.25]), atol=0.02, rtol=0)


def test_a_run_that_was_cut_off_ends_as_if_it_had_not_been(trainer, tmp_path):
    whole = trainer(folder=tmp_path / "whole").run()
    interrupted = trainer(folder=tmp_path / "cut")
    while interrupted.step < 25:  # dies after step 25; the last state is that of step 20
        interrupted._train_once()
        interrupted.step += 1
        if interrupted.step == 20:
            interrupted._save()
    resumed = trainer(folder=tmp_path / "cut")
    assert resumed.step == 20
    torch.testing.assert_close(resumed.run().gains.data, whole.gains.data, atol=0, rtol=0)


def test_the_curve_has_every_step_once_also_after_a_restart(trainer, tmp_path):
    folder = tmp_path / "training"
    seen = []
    trainer().run(lambda *row: seen.append(row))
    (folder / STATE_FILE).unlink()
    trainer().run()
    with (folder / CURVE_FILE).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["step"]) for row in rows] == [10, 20, 30, 40]
    assert [row["validation_loss"] != "" for row in rows] == [False, True, False, True]
    assert float(rows[-1]["validation_loss"]) < float(rows[1]["validation_loss"]) < 0
    assert [step for step, _, checked in seen if checked is not None] == [20, 40]
    with (folder / STEMS_FILE).open(newline="") as file:
        rows = list(csv.DictReader(file))
    stems = ["lead_vocals", "backing_vocals"]
    assert [(row["step"], row["stem"]) for row in rows] == [
        (s, x) for s in ("20", "40") for x in stems
    ]
    # the untouched input is 1/0.75 and 1/0.25 of the two answers
    inputs = [float(row["input_snr_db"]) for row in rows[2:]]
    assert inputs == pytest.approx([20 * math.log10(3), -20 * math.log10(3)], abs=1e-3)


def test_validation_does_not_freeze_the_average(trainer):
    """A network that fuses its weights when it first runs must not be asked to do so too early."""

    class Caching(Gains):
        fused = None

        def forward(self, chunks):
            if self.training:
                return super().forward(chunks)
            if self.fused is None:
                self.fused = self.gains.detach().clone()
            return chunks[:, None] * self.fused[:, None, None]

    made = trainer(network=Caching())
    before = made.validate().loss
    made.run()
    assert made.validate().loss < before - 3


def test_a_state_of_another_network_is_refused(trainer):
    trainer(replace(SETTINGS, steps=10)).run()
    with pytest.raises(ConfigError, match="another network"):
        trainer(network=nn.Conv1d(2, 4, 1))


def test_a_stems_snr_is_known_where_it_plays_only():
    target = torch.ones(2, 2, 2, 100)
    target[1, 1] = 0
    estimate = 0.9 * target
    heard = 2 * torch.ones(2, 2, 100)
    ours, theirs = snrs(estimate, target, heard)
    torch.testing.assert_close(ours[:, 0], torch.full((2,), 20.0))
    assert ours[:, 1].isnan().tolist() == [False, True]
    scores = mean_scores(("a", "b"), [(ours[:1], theirs[:1]), (ours[1:], theirs[1:])])
    assert scores["b"].snr == pytest.approx(20, abs=1e-4)
    assert scores["a"].input_snr == pytest.approx(0, abs=1e-4)


def test_weights_count_a_stem_more(trainer):
    """Their mean is 1, so that the loss stays in dB."""
    even = trainer(folder=None)._loss
    odd = trainer(replace(SETTINGS, weights={"backing_vocals": 3.0}))._loss
    target = torch.ones(1, 2, 2, 100)
    estimate = target * torch.tensor([0.5, 0.9])[:, None, None]
    heard = torch.ones(1, 2, 100)
    lead, backing = (10 * math.log10(error + FLOOR) for error in (0.25, 0.01))
    assert float(even(estimate, target, heard)) == pytest.approx((lead + backing) / 2, abs=1e-4)
    weighted = (lead + 3 * backing) / 4
    assert float(odd(estimate, target, heard)) == pytest.approx(weighted, abs=1e-4)


def test_a_weight_of_a_stem_that_the_model_lacks_is_refused(trainer):
    with pytest.raises(ConfigError, match="toms: the model has"):
        trainer(replace(SETTINGS, weights={"toms": 2.0}))


@pytest.mark.parametrize(
    "change",
    [
        {"steps": 0},
        {"batch_size": 0},
        {"learning_rate": 0.0},
        {"average": 1.0},
        {"warmup": -1},
        {"floor": 0.0},
    ],
)
def test_settings_that_cannot_be_meant_are_refused(change):
    with pytest.raises(ConfigError, match="training"):
        replace(SETTINGS, **change)


NETWORKS = {
    "scnet": (
        scnet.ScnetModel,
        ("drums", "vocals"),
        {"dims": [4, 4, 8, 8], "num_dplayer": 2},
        {"chunk": 8820, "num_overlap": 2},
    ),
    "mel": (
        mel_band_roformer.MelBandRoformerModel,
        ("vocals",),
        {"dim": 8, "depth": 1, "stereo": True, "num_bands": 30, "dim_head": 4, "heads": 2}
        | {"stft_hop_length": 441, "mlp_hidden_layers": 1, "zero_dc": False},
        {"chunk": 8820, "num_overlap": 2},
    ),
    "hdemucs": (
        demucs.DemucsModel,
        ("kick", "snare"),
        {"klass": "HDemucs", "channels": 4, "depth": 5, "dconv_mode": 0, "norm_starts": 9}
        | {"segment": 1},
        {},
    ),
    "htdemucs": (
        demucs.DemucsModel,
        ("drums", "vocals"),
        {"klass": "HTDemucs", "channels": 4, "depth": 4, "bottom_channels": 16, "t_layers": 1}
        | {"t_heads": 2, "dconv_mode": 0, "segment": 1},
        {},
    ),
}


@pytest.mark.parametrize("kind", NETWORKS)
def test_what_is_exported_is_what_the_zoo_loads(kind, tmp_path):
    """Half precision rounds weights to 11 bits; nothing else may differ."""
    target, stems, network, settings = NETWORKS[kind]
    torch.manual_seed(1)
    made = target.untrained(stems, network)
    path = tmp_path / "demo.safetensors"
    export(made.eval(), path, {"steps": "3"})
    assert metadata(path)["steps"] == "3"
    if kind in ("scnet", "mel"):
        settings = {**settings, "network": network}
    model = target(checkpoint=path, stems=stems, **settings)
    for (name, theirs), (_, ours) in zip(
        made.state_dict().items(), model.network.state_dict().items(), strict=True
    ):
        torch.testing.assert_close(ours, theirs.half().to(ours.dtype), msg=name)
    assert model.stems == stems
    assert model.forward(0.1 * torch.randn(1, 2, 8820)).shape[:3] == (1, len(stems), 2)


@pytest.mark.parametrize("package", [None, "[]", '{"klass": "os.system"}'])
def test_a_state_without_its_network_is_no_demucs_package(tmp_path, package):
    from safetensors.torch import save_file

    path = tmp_path / "bare.safetensors"
    save_file({"a": torch.zeros(1)}, path, {"demucs_package": package} if package else None)
    with pytest.raises(CheckpointError, match="demucs_package"):
        demucs.DemucsModel(path)
    assert load(path) is not None
