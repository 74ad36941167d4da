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
from stemwise.training.export import export
from stemwise.training.loss import FLOOR, relative_error_db
from stemwise.training.trainer import CURVE_FILE, STATE_FILE, Trainer, TrainingSettings

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
        found = relative_error_db(gain * target, target, heard)
        assert float(found) == pytest.approx(expected, abs=1e-4)


def test_a_silent_stem_and_silence_have_a_finite_loss():
    silence = torch.zeros(1, 1, 2, 100)
    heard = torch.ones(1, 2, 100)
    floor = 10 * math.log10(FLOOR)
    assert float(relative_error_db(silence, silence, heard)) == pytest.approx(floor, abs=1e-4)
    assert math.isfinite(float(relative_error_db(silence, silence, 0 * heard)))


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
    before = made.validate()
    made.run()
    assert made.validate() < before - 3


def test_a_state_of_another_network_is_refused(trainer):
    trainer(replace(SETTINGS, steps=10)).run()
    with pytest.raises(ConfigError, match="another network"):
        trainer(network=nn.Conv1d(2, 4, 1))


@pytest.mark.parametrize(
    "change",
    [{"steps": 0}, {"batch_size": 0}, {"learning_rate": 0.0}, {"average": 1.0}, {"warmup": -1}],
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
