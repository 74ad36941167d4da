"""Training examples: what a model hears and what it should answer.

Every example belongs to (seed, step, number), not to what was drawn before, so that a run that is
resumed goes on with the very examples it would have seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from stemwise.core import stems
from stemwise.core.errors import ConfigError
from stemwise.core.types import SAMPLE_RATE, Audio
from stemwise.training.songs import LEAVES, SongBank

_QUIET = 1e-3  # RMS below which a part counts as absent


@dataclass(frozen=True)
class Task:
    """What is separated: `parent` (the mixture, drums or vocals) into `targets`.

    A model whose targets are fewer than the parent's children answers for those only; `other` is
    then everything that no target names.
    """

    parent: str
    targets: tuple[str, ...]

    def __post_init__(self) -> None:
        unknown = set(self.targets) - set(self.groups)
        if unknown:
            raise ConfigError(
                f"{self.parent} has no part {', '.join(sorted(unknown))}: "
                f"it has {', '.join(self.groups)}."
            )

    @property
    def groups(self) -> tuple[str, ...]:
        """The parts that together make up the input."""
        if self.parent == stems.MIXTURE:
            return stems.LEVEL1
        if self.parent not in stems.CHILDREN:
            raise ConfigError(f"There is nothing to learn below {self.parent!r}.")
        return tuple(stem for stem in stems.CHILDREN[self.parent] if stem in LEAVES)

    def target_of(self, group: str) -> str | None:
        """Return the target that a part of the input belongs to."""
        if group in self.targets:
            return group
        return "other" if "other" in self.targets else None


@dataclass(frozen=True)
class Augmentation:
    """How examples vary: share of parts taken from other songs, gains in dB, bleed from outside."""

    remix: float = 0.5
    gain_db: float = 6.0
    bleed: float = 0.5


def leaves_of(stem: str) -> tuple[str, ...]:
    """Return the leaves that make up a stem."""
    return tuple(leaf for leaf in stems.CHILDREN.get(stem, (stem,)) if leaf in LEAVES)


@dataclass(frozen=True)
class Examples:
    """Draws examples of `seconds` from a bank."""

    bank: SongBank
    task: Task
    seconds: float
    augmentation: Augmentation
    seed: int = 0

    def __post_init__(self) -> None:
        shortest = min(self.bank.length(index) for index in range(len(self.bank)))
        if not 0 < self.seconds <= shortest / SAMPLE_RATE or self.seed < 0:
            raise ConfigError(
                f"Examples of {self.seconds} s with seed {self.seed} cannot be drawn from songs of "
                f"{shortest / SAMPLE_RATE:g} s: give fewer seconds, and a seed from 0 on."
            )

    def batch(self, step: int, size: int) -> tuple[Tensor, Tensor]:
        """Return inputs `(size, 2, samples)` and targets `(size, targets, 2, samples)` of a step."""
        drawn = [self.draw(np.random.default_rng([self.seed, step, n])) for n in range(size)]
        inputs, targets = zip(*drawn, strict=True)
        return torch.from_numpy(np.stack(inputs)), torch.from_numpy(np.stack(targets))

    def draw(self, rng: np.random.Generator) -> tuple[Audio, Audio]:
        """Return one input `(2, samples)` and its targets `(targets, 2, samples)`."""
        samples = round(self.seconds * SAMPLE_RATE)
        home = self._place(rng, samples)
        targets = np.zeros((len(self.task.targets), 2, samples), np.float32)
        heard = np.zeros((2, samples), np.float32)
        for group in self.task.groups:
            part = self._part(group, home, rng, samples)
            heard += part
            target = self.task.target_of(group)
            if target is not None:
                targets[self.task.targets.index(target)] += part
        if self.task.parent != stems.MIXTURE:
            heard += self._bleed(home, rng, samples)
        return heard, targets

    def _part(
        self, group: str, home: tuple[int, int], rng: np.random.Generator, samples: int
    ) -> Audio:
        """Return one part of the input, perhaps from another song, with its own level and sides."""
        part = self._read(group, home, samples)
        if rng.random() < self.augmentation.remix:
            for _ in range(4):  # a part that plays teaches more than one that rests
                part = self._read(group, self._place(rng, samples), samples)
                if np.sqrt(np.mean(part**2)) > _QUIET:
                    break
        gain = 10 ** (rng.uniform(-1, 1) * self.augmentation.gain_db / 20)
        if self.augmentation.gain_db:
            part = part[::-1] if rng.random() < 0.5 else part
            gain = -gain if rng.random() < 0.5 else gain
        return part * np.float32(gain)

    def _bleed(self, home: tuple[int, int], rng: np.random.Generator, samples: int) -> Audio:
        """Return what an estimated parent still holds of the other stems, 40 to 15 dB down."""
        rest = [stem for stem in stems.LEVEL1 if stem != self.task.parent]
        if rng.random() >= self.augmentation.bleed:
            return np.zeros((2, samples), np.float32)
        gain = np.float32(10 ** (rng.uniform(-40, -15) / 20))
        total: Audio = gain * sum(self._read(stem, home, samples) for stem in rest)  # type: ignore[assignment]
        return total

    def _place(self, rng: np.random.Generator, samples: int) -> tuple[int, int]:
        index = int(rng.integers(len(self.bank)))
        return index, int(rng.integers(max(1, self.bank.length(index) - samples + 1)))

    def _read(self, group: str, place: tuple[int, int], samples: int) -> Audio:
        return _sum(
            [self.bank.read(place[0], leaf, place[1], samples) for leaf in leaves_of(group)]
        )


def _sum(parts: Sequence[Audio]) -> Audio:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total
