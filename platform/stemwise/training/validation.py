"""What a network reaches on validation examples, stem by stem: the mean loss hides a silent stem."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

_QUIET = 1e-4  # RMS below which a stem has no SNR


@dataclass(frozen=True)
class StemScore:
    """Mean SNR in dB of a stem and of the untouched input, over the examples in which it plays.

    Both are NaN where it plays in none. Silence scores 0 dB.
    """

    snr: float
    input_snr: float


StemScores = Mapping[str, StemScore]


def snrs(estimates: Tensor, targets: Tensor, inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Return the SNRs in dB of estimates and of the input, each `(batch, stems)`.

    NaN where a target rests.

    Args:
        estimates: `(batch, stems, channels, samples)`.
        targets: of the same shape.
        inputs: `(batch, channels, samples)`.
    """
    power = targets.square().mean(dim=(-2, -1))
    power = torch.where(power > _QUIET**2, power, torch.nan)

    def of(signals: Tensor) -> Tensor:
        return 10 * torch.log10(power / (signals - targets).square().mean(dim=(-2, -1)))

    return of(estimates), of(inputs[:, None])


def mean_scores(stems: Sequence[str], seen: Sequence[tuple[Tensor, Tensor]]) -> StemScores:
    """Average what `snrs` returned for each batch."""
    ours, theirs = (torch.cat(list(part)).nanmean(dim=0) for part in zip(*seen, strict=True))
    return {stem: StemScore(float(ours[n]), float(theirs[n])) for n, stem in enumerate(stems)}


def note(path: Path, step: int, scores: StemScores) -> None:
    """Append a row per stem to the CSV, without the rows that a run lost when it was cut off."""
    rows = []
    if path.is_file():
        with path.open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.reader(file) if row[0].isdigit() and int(row[0]) < step]
    for stem, score in scores.items():
        rows.append([str(step), stem, f"{score.snr:.3f}", f"{score.input_snr:.3f}"])
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([("step", "stem", "snr_db", "input_snr_db"), *rows])
