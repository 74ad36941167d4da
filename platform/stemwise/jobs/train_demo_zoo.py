"""Train one model of the demo zoo on the demo generator (`python jobs/train_demo_zoo.py`)."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from pydantic import JsonValue
from pydantic.dataclasses import dataclass
from rich.console import Console
from torch import nn

from stemwise.core.checks import in_range
from stemwise.core.errors import ConfigError
from stemwise.datasets.synthesis import song
from stemwise.jobs.fields import Name, Where
from stemwise.jobs.holding import exclusive
from stemwise.jobs.launch import launch
from stemwise.jobs.run_places import local_output
from stemwise.jobs.typed import STRICT
from stemwise.models.checkpoints.checkpoint import sha256_of
from stemwise.models.checkpoints.safe_load import load
from stemwise.models.checkpoints.state_dict import fit, unwrap
from stemwise.models.overlap import FAST, cut
from stemwise.models.registry import build, get, model_class, prepare
from stemwise.models.spec import ModelSpec
from stemwise.separation.separator import Separator, pick_device
from stemwise.training.estimates import with_estimates
from stemwise.training.examples import Augmentation, Examples, Task
from stemwise.training.export import export
from stemwise.training.inherit import inherit, shares
from stemwise.training.songs import TRAINING_SEED, VALIDATION_SEED, SongBank, open_bank
from stemwise.training.trainer import Trainer, TrainingSettings, Validation


@dataclass(frozen=True, kw_only=True, config=STRICT)
class TrainingPlan(TrainingSettings):
    """How one model is trained (conf/training): the loop's settings, its model, network and examples.

    Args:
        model: of the zoo.
        seconds: per example.
        network: arguments of the network, where the model's entry does not say them.
        start: a checkpoint to go on from, or `package` for the one that the model has now; null
            starts from nothing.
        start_stems: the stems of that checkpoint, where they are others (`training.inherit`).
        parent_model: at level 2, the model of the zoo whose estimates stand for the parent in
            `augmentation.estimated` of the examples and in all of validation.
        augmentation: how examples vary.
    """

    model: Name
    seconds: float = 3.0
    network: dict[str, JsonValue] | None = None
    start: str | None = None
    start_stems: tuple[str, ...] | None = None
    parent_model: str | None = None
    augmentation: Augmentation = Augmentation()


@dataclass(frozen=True, kw_only=True, config=STRICT)
class TrainSettings:
    """What conf/train_demo_zoo.yaml says."""

    training: TrainingPlan
    output: Where | None
    song_folder: str | None = None
    songs: int = 240
    validation_songs: int = 24
    duration_s: float = 14.0
    workers: int = 2
    seed: int = 0
    device: Name = "auto"
    threads: int | None = None

    def __post_init__(self) -> None:
        for name in ("workers", "threads"):
            in_range(name, getattr(self, name), least=1)
        in_range("seed", self.seed, least=0)
        in_range("duration_s", self.duration_s, above=0)


_PLAIN = Augmentation(remix=0.0, gain_db=0.0, bleed=0.0)


def train_demo_zoo(settings: TrainSettings, console: Console) -> int:
    """Train the model of conf/training, export its checkpoint and return the exit code."""
    plan, seed = settings.training, settings.seed
    spec = get(plan.model)
    network = plan.network or spec.settings.get("network")
    if not isinstance(network, Mapping) or not spec.checkpoints:
        raise ConfigError(f"training.network of {spec.name} must map the network's arguments.")
    task = Task(spec.parent, spec.stems)
    if settings.threads is not None:
        torch.set_num_threads(settings.threads)
    torch.manual_seed(seed)
    target = model_class(spec)
    if bool(plan.augmentation.estimated) != (plan.parent_model is not None):
        raise ConfigError("Give training.parent_model and augmentation.estimated, or neither.")
    made = target.untrained(spec.stems, network)
    if plan.start is not None:
        warm_start(made, spec, plan.start, plan.start_stems or spec.stems)
    folder = local_output(settings.output, "training") / spec.name
    with exclusive(folder):
        counts = {TRAINING_SEED: settings.songs, VALIDATION_SEED: settings.validation_songs}
        banks = [_bank(settings, first, count) for first, count in counts.items()]
        heard = replace(_PLAIN, estimated=float(plan.parent_model is not None))
        trainer = Trainer(
            made,
            bool(spec.settings.get("zscore", target.__name__ == "DemucsModel")),
            Examples(banks[0], task, plan.seconds, plan.augmentation, seed),
            Examples(banks[1], task, plan.seconds, heard, seed),
            plan,
            folder,
            pick_device(settings.device),
        )
        size = sum(parameter.numel() for parameter in made.parameters())
        console.print(
            f"{spec.name}: {size:,} parameters, from step {trainer.step}", highlight=False
        )
        with warnings.catch_warnings():
            # SCNet uses a rectangular window on purpose
            warnings.filterwarnings("ignore", message="A window was not provided")
            trained = trainer.run(lambda *seen: _say(console, plan.steps, *seen))
        path = folder / f"{spec.name}.safetensors"
        facts = {"steps": str(trainer.step), "seed": str(seed), "trained_on": "demo generator"}
        export(trained, path, facts)
        console.print(
            f"{path}\nsize: {path.stat().st_size}\nsha256: {sha256_of(path)}",
            highlight=False,
            soft_wrap=True,
        )
    return 0


def _bank(settings: TrainSettings, first_seed: int, count: int) -> SongBank:
    chosen = settings.song_folder or local_output(settings.output, "training") / "songs"
    folder = Path(chosen).expanduser()
    bank = open_bank(folder, first_seed, count, settings.duration_s, settings.workers)
    if settings.training.parent_model is None:
        return bank
    ready = prepare(cut(get(settings.training.parent_model), FAST))
    parent = get(settings.training.model).parent
    separator = Separator(build(ready), settings.device)
    index = separator.stems_for().index(parent)
    kept = folder / f"generator{song.VERSION}" / "estimates" / ready.identity[:16] / parent
    return with_estimates(bank, kept, lambda mixture: separator(mixture)[index].numpy())


def warm_start(network: nn.Module, spec: ModelSpec, start: str, stems: Sequence[str]) -> None:
    """Load the weights of a checkpoint of `stems`, strictly.

    Raises:
        CheckpointError: it cannot be had, or belongs to another network.
        ConfigError: the model's stems cannot be made from those.
    """
    path = prepare(spec).paths[0] if start == "package" else Path(start).expanduser()
    state = unwrap(load(path), path)
    if tuple(stems) != spec.stems:
        state = inherit(network.state_dict(), state, shares(stems, spec.stems))
    fit(network, state, path, "training.network")


def _say(console: Console, steps: int, step: int, loss: float, seen: Validation | None) -> None:
    if seen is None:
        return
    stems = ", ".join(f"{stem} {score.snr:.2f}" for stem, score in seen.stems.items())
    console.print(
        f"step {step}/{steps}: loss {loss:.2f} dB, validation {seen.loss:.2f} dB; SNR {stems}",
        highlight=False,
        soft_wrap=True,
    )


def main(arguments: list[str] | None = None) -> int:
    """Run the job with Hydra overrides."""
    return launch("train_demo_zoo", TrainSettings, train_demo_zoo, arguments)
