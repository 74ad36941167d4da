"""The training loop: AdamW, warm-up and cosine decay, averaged weights, resumable at any step."""

from __future__ import annotations

import copy
import csv
import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from stemwise.core.checks import in_range
from stemwise.core.errors import ConfigError, OutputError
from stemwise.core.memory import keep
from stemwise.training import validation as scoring
from stemwise.training.examples import Examples
from stemwise.training.loss import FLOOR, relative_errors_db
from stemwise.training.validation import StemScores

STATE_FILE, CURVE_FILE, STEMS_FILE = "training.pt", "curve.csv", "stems.csv"
_CURVE = ("step", "seconds", "loss", "validation_loss")


@dataclass(frozen=True)
class Validation:
    """What the averaged network reaches: its mean loss in dB, and each stem's scores."""

    loss: float
    stems: StemScores


Watch = Callable[[int, float, Validation | None], None]


@dataclass(frozen=True)
class TrainingSettings:
    """How a model is trained (conf/training): steps, batch, learning rate and how often to look.

    `floor` is the loss's τ; `weights` says how much a stem counts beside the others' 1; `bfloat16`
    computes the network in half the bits where torch holds that safe.
    """

    steps: int = 2_000
    batch_size: int = 2
    learning_rate: float = 1e-3
    warmup: int = 50
    clip: float = 5.0
    average: float = 0.995
    validate_every: int = 200
    validation_examples: int = 24
    save_every: int = 100
    floor: float = FLOOR
    weights: Mapping[str, float] = field(default_factory=dict)
    bfloat16: bool = False

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "validate_every", "validation_examples", "save_every"):
            in_range(f"training.{name}", getattr(self, name), least=1)
        in_range("training.warmup", self.warmup, least=0)
        for name in ("learning_rate", "clip", "floor"):
            in_range(f"training.{name}", getattr(self, name), above=0)
        in_range("training.average", self.average, least=0, below=1)


class Trainer:
    """Trains one network; what it has reached lies in `folder` and is taken up again.

    Args:
        network: maps `(batch, 2, samples)` to `(batch, stems, 2, samples)` or without the stem axis.
        standardised: whether its input is scaled to deviation 1, as the engine will do for it.
        examples: what it learns from.
        validation: what it never learns from.
        settings: see there.
        folder: keeps state and loss curve.
        device: a torch device.
    """

    def __init__(
        self,
        network: nn.Module,
        standardised: bool,
        examples: Examples,
        validation: Examples,
        settings: TrainingSettings,
        folder: Path,
        device: torch.device,
    ) -> None:
        if device.type == "cpu":
            keep()
        self.network = network.to(device).train()
        self.standardised, self.settings, self.device = standardised, settings, device
        self.examples, self.validation, self.folder = examples, validation, folder
        average = get_ema_multi_avg_fn(settings.average)  # type: ignore[no-untyped-call]
        self.average = AveragedModel(network, multi_avg_fn=average)
        self.optimiser = torch.optim.AdamW(
            network.parameters(), settings.learning_rate, betas=(0.9, 0.99), weight_decay=1e-4
        )
        stems = examples.task.targets
        unknown = set(settings.weights) - set(stems)
        if unknown:
            raise ConfigError(
                f"training.weights names {', '.join(sorted(unknown))}: the model has "
                f"{', '.join(stems)}."
            )
        weights = torch.tensor([settings.weights.get(stem, 1.0) for stem in stems], device=device)
        self.weights = weights / weights.mean()
        self.step, self.seconds = 0, 0.0
        self._restore()

    def run(self, watch: Watch = lambda *_: None) -> nn.Module:
        """Train to the last step and return the averaged network.

        `watch` is called with (step, loss in dB, what validation found or None).
        """
        while self.step < self.settings.steps:
            started = time.perf_counter()
            loss = self._train_once()
            self.seconds += time.perf_counter() - started
            self.step += 1
            last = self.step == self.settings.steps
            seen = (
                self.validate() if self.step % self.settings.validate_every == 0 or last else None
            )
            if self.step % 10 == 0 or seen is not None:
                self._note(loss, seen.loss if seen else None)
                if seen:
                    scoring.note(self.folder / STEMS_FILE, self.step, seen.stems)
                watch(self.step, loss, seen)
            if self.step % self.settings.save_every == 0 or last:
                self._save()
        return self.averaged()

    def averaged(self) -> nn.Module:
        """Return the averaged network, ready for inference.

        A copy, since some networks fuse their weights when they first run in inference and would
        not notice that the average goes on.
        """
        network: nn.Module = copy.deepcopy(self.average.module)
        return network.eval()

    def validate(self) -> Validation:
        """Return what the averaged network reaches on the validation examples."""
        network, losses, scores = self.averaged(), [], []
        with torch.no_grad():
            for number in range(self.settings.validation_examples):
                heard = self._hear(network, *self.validation.batch(number, 1))
                losses.append(float(self._loss(*heard)))
                scores.append(scoring.snrs(*heard))
        stems = self.examples.task.targets
        return Validation(sum(losses) / len(losses), scoring.mean_scores(stems, scores))

    def _train_once(self) -> float:
        for group in self.optimiser.param_groups:
            group["lr"] = self.settings.learning_rate * self._pace()
        inputs, targets = self.examples.batch(self.step, self.settings.batch_size)
        torch.manual_seed(self.examples.seed * 1_000_003 + self.step)  # dropout, shifts
        self.optimiser.zero_grad(set_to_none=True)
        loss = self._loss(*self._hear(self.network, inputs, targets))
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), self.settings.clip)
        self.optimiser.step()
        self.average.update_parameters(self.network)
        return float(loss.detach())

    def _hear(self, network: nn.Module, inputs: Tensor, targets: Tensor) -> tuple[Tensor, ...]:
        """Return estimates, targets and inputs of a batch, on the network's scale."""
        inputs, targets = inputs.to(self.device), targets.to(self.device)
        if self.standardised:
            mono = inputs.mean(dim=1)
            mean = mono.mean(dim=-1)[:, None, None]
            deviation = mono.std(dim=-1)[:, None, None] + 1e-5
            inputs = (inputs - mean) / deviation
            targets = targets / deviation[:, None]
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.settings.bfloat16):
            out: Tensor = network(inputs)
        out = (out if out.ndim == 4 else out[:, None]).float()
        samples = out.shape[-1]
        return out, targets[..., :samples], inputs[..., :samples]

    def _loss(self, estimates: Tensor, targets: Tensor, inputs: Tensor) -> Tensor:
        errors = relative_errors_db(estimates, targets, inputs, self.settings.floor)
        return (errors * self.weights).mean()

    def _pace(self) -> float:
        """Return the share of the learning rate at this step: up linearly, down as a cosine."""
        settings = self.settings
        if self.step < settings.warmup:
            return (self.step + 1) / settings.warmup
        left = (self.step - settings.warmup) / max(1, settings.steps - settings.warmup)
        return 0.02 + 0.98 * (1 + math.cos(math.pi * min(1.0, left))) / 2

    def _state(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "seconds": self.seconds,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }

    def _save(self) -> None:
        temporary = self.folder / f".{STATE_FILE}.{os.getpid()}"
        try:
            torch.save(self._state(), temporary)
            temporary.replace(self.folder / STATE_FILE)
        except (OSError, RuntimeError) as error:
            raise OutputError(f"{self.folder} cannot be written ({error}).") from error

    def _restore(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / STATE_FILE
        if not path.is_file():
            return
        state = torch.load(path, map_location=self.device, weights_only=True)
        try:
            self.network.load_state_dict(state["network"])
            self.average.load_state_dict(state["average"])
            self.optimiser.load_state_dict(state["optimiser"])
        except (RuntimeError, KeyError, ValueError) as error:
            raise ConfigError(
                f"{path} belongs to another network: choose another output=, or delete it to start "
                "anew."
            ) from error
        self.step, self.seconds = int(state["step"]), float(state["seconds"])

    def _note(self, loss: float, seen: float | None) -> None:
        """Append to the loss curve, without the lines that a run lost when it was cut off."""
        path = self.folder / CURVE_FILE
        rows = []
        if path.is_file():
            with path.open(newline="", encoding="utf-8") as file:
                rows = [row for row in csv.reader(file) if row[0].isdigit()]
        rows = [row for row in rows if int(row[0]) < self.step]
        rows.append(
            [
                str(self.step),
                f"{self.seconds:.1f}",
                f"{loss:.4f}",
                "" if seen is None else f"{seen:.4f}",
            ]
        )
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([_CURVE, *rows])
