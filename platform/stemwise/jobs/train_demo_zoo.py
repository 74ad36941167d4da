"""Train one model of the demo zoo on the demo generator (`python jobs/train_demo_zoo.py`)."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from stemwise.jobs import configuration
from stemwise.jobs.launch import launch
from stemwise.jobs.work import exclusive, output_folder
from stemwise.models.checkpoint import sha256_of
from stemwise.models.registry import get, model_class
from stemwise.separation.separator import pick_device
from stemwise.training.examples import Augmentation, Examples, Task
from stemwise.training.export import export
from stemwise.training.songs import TRAINING_SEED, VALIDATION_SEED, open_bank
from stemwise.training.trainer import Trainer, TrainingSettings

_PLAIN = Augmentation(remix=0.0, gain_db=0.0, bleed=0.0)


def train_demo_zoo(config: dict[str, Any], console: Console) -> int:
    """Train the model of conf/training, export its checkpoint and return the exit code."""
    plan = dict(config["training"])
    spec = get(str(plan.pop("model")))
    network = plan.pop("network", None) or spec.settings["network"]
    seconds, seed = float(plan.pop("seconds")), int(config["seed"])
    augmentation = configuration.settings(
        Augmentation, plan.pop("augmentation", {}), "augmentation"
    )
    settings = configuration.settings(TrainingSettings, plan, "training")
    task = Task(spec.parent, spec.stems)
    if config["threads"] is not None:
        torch.set_num_threads(int(config["threads"]))
    torch.manual_seed(seed)
    target = model_class(spec)
    made = target.untrained(spec.stems, network)
    folder = output_folder(config) / spec.name
    with exclusive(folder):
        banks = [_bank(config, first, count) for first, count in _banks(config).items()]
        trainer = Trainer(
            made,
            bool(spec.settings.get("zscore", target.__name__ == "DemucsModel")),
            Examples(banks[0], task, seconds, augmentation, seed),
            Examples(banks[1], task, seconds, _PLAIN, seed),
            settings,
            folder,
            pick_device(config["device"]),
        )
        size = sum(parameter.numel() for parameter in made.parameters())
        console.print(
            f"{spec.name}: {size:,} parameters, from step {trainer.step}", highlight=False
        )
        with warnings.catch_warnings():
            # SCNet uses a rectangular window on purpose
            warnings.filterwarnings("ignore", message="A window was not provided")
            trained = trainer.run(lambda *seen: _say(console, settings.steps, *seen))
        path = folder / f"{spec.name}.safetensors"
        facts = {"steps": str(trainer.step), "seed": str(seed), "trained_on": "demo generator"}
        export(trained, path, facts)
        console.print(
            f"{path}\nsize: {path.stat().st_size}\nsha256: {sha256_of(path)}",
            highlight=False,
            soft_wrap=True,
        )
    return 0


def _banks(config: dict[str, Any]) -> dict[int, int]:
    return {
        TRAINING_SEED: int(config["songs"]),
        VALIDATION_SEED: int(config["validation_songs"]),
    }


def _bank(config: dict[str, Any], first_seed: int, count: int) -> Any:
    folder = Path(config["song_folder"] or output_folder(config) / "songs").expanduser()
    return open_bank(folder, first_seed, count, float(config["duration_s"]), int(config["workers"]))


def _say(console: Console, steps: int, step: int, loss: float, seen: float | None) -> None:
    if seen is not None:
        console.print(
            f"step {step}/{steps}: loss {loss:.2f} dB, validation {seen:.2f} dB", highlight=False
        )


def main(arguments: list[str] | None = None) -> int:
    """Run the job with Hydra overrides."""
    return launch("train_demo_zoo", train_demo_zoo, arguments)
