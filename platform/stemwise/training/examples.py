"""Training examples: what a model hears and what it should answer.

Every example belongs to (seed, step, number), not to what was drawn before, so that a run that is
resumed goes on with the very examples it would have seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from stemwise.core import stems
from stemwise.core.errors import ConfigError
from stemwise.core.types import SAMPLE_RATE, Audio
from stemwise.training.songs import LEAVES, SongBank

_QUIET = 5e-3  # RMS below which a part counts as absent
_LEVEL = 0.1  # RMS of parts that are balanced
_TRIES = 32  # places looked at for one where a part plays


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
    """How examples vary: share of parts taken from other songs, gains in dB, bleed from outside.

    `active` is the share of examples in which every part plays. Without it most examples teach
    silence for what plays seldom, as toms do. `estimated` is the share of examples, at level 2, whose
    parent is a model's estimate; its parts are those of one song. `balance` is the share of the others
    whose parts are brought to one level before their gains, so that quiet ones are worth finding.
    """

    remix: float = 0.5
    gain_db: float = 6.0
    bleed: float = 0.5
    active: float = 0.0
    estimated: float = 0.0
    balance: float = 0.0


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
        active = rng.random() < self.augmentation.active
        home = self._home(rng, samples) if active else self._place(rng, samples)
        if self.augmentation.estimated and rng.random() < self.augmentation.estimated:
            return self._estimated(home, rng, samples)
        parts = {group: self._part(group, home, rng, samples, active) for group in self.task.groups}
        if self.augmentation.balance and rng.random() < self.augmentation.balance:
            parts = {group: self._level(part, rng) for group, part in parts.items()}
        heard = _sum(list(parts.values()))
        if self.task.parent != stems.MIXTURE:
            heard = heard + self._bleed(home, rng, samples)
        return heard, self._targets(parts)

    def _targets(self, parts: Mapping[str, Audio]) -> Audio:
        """Return the sums `(targets, 2, samples)` of the parts that belong to each target."""
        samples = next(iter(parts.values())).shape[-1]
        targets = np.zeros((len(self.task.targets), 2, samples), np.float32)
        for group, part in parts.items():
            target = self.task.target_of(group)
            if target is not None:
                targets[self.task.targets.index(target)] += part
        return targets

    def _estimated(
        self, home: tuple[int, int], rng: np.random.Generator, samples: int
    ) -> tuple[Audio, Audio]:
        """Return an estimated parent and the true parts, all at one level and with the same sides."""
        heard = self.bank.read_estimate(*home, samples)
        targets = self._targets({g: self._read(g, home, samples) for g in self.task.groups})
        gain, swapped = self._gain(rng)
        if swapped:
            heard, targets = heard[::-1], targets[:, ::-1]
        return np.ascontiguousarray(heard * gain), np.ascontiguousarray(targets * gain)

    def _home(self, rng: np.random.Generator, samples: int) -> tuple[int, int]:
        """Return the place, of several, at which most parts play."""
        best, most = self._place(rng, samples), -1
        for _ in range(_TRIES // 4):
            place = self._place(rng, samples)
            playing = sum(_plays(self._read(g, place, samples)) for g in self.task.groups)
            if playing > most:
                best, most = place, playing
            if playing == len(self.task.groups):
                break
        return best

    def _part(
        self,
        group: str,
        home: tuple[int, int],
        rng: np.random.Generator,
        samples: int,
        active: bool,
    ) -> Audio:
        """Return one part of the input, perhaps from another song, with its own level and sides."""
        part = self._read(group, home, samples)
        if rng.random() < self.augmentation.remix:
            part = self._elsewhere(group, rng, samples, _TRIES if active else 4)
        elif active and not _plays(part):
            part = self._elsewhere(group, rng, samples, _TRIES)
        gain, swapped = self._gain(rng)
        return (part[::-1] if swapped else part) * gain

    def _level(self, part: Audio, rng: np.random.Generator) -> Audio:
        """Return a part that plays at one RMS, give or take its gain."""
        if not _plays(part):
            return part
        gain = 10 ** (rng.uniform(-1, 1) * self.augmentation.gain_db / 20)
        return part * np.float32(gain * _LEVEL / np.sqrt(np.mean(part**2)))

    def _gain(self, rng: np.random.Generator) -> tuple[np.float32, bool]:
        """Draw a gain with its polarity, and whether left and right change places."""
        gain = 10 ** (rng.uniform(-1, 1) * self.augmentation.gain_db / 20)
        if not self.augmentation.gain_db:
            return np.float32(gain), False
        swapped = bool(rng.random() < 0.5)
        return np.float32(-gain if rng.random() < 0.5 else gain), swapped

    def _elsewhere(self, group: str, rng: np.random.Generator, samples: int, tries: int) -> Audio:
        """Return a part of any song: one that plays teaches more than one that rests."""
        for _ in range(tries):
            part = self._read(group, self._place(rng, samples), samples)
            if _plays(part):
                break
        return part

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


def _plays(part: Audio) -> bool:
    return bool(np.sqrt(np.mean(part**2)) > _QUIET)


def _sum(parts: Sequence[Audio]) -> Audio:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total
