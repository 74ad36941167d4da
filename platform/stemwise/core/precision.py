"""In which arithmetic a model computes, as settings say it: a word for all, or one per model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, get_args

from stemwise.core.errors import ConfigError
from stemwise.core.nearest import did_you_mean

# What a pass runs in: IEEE float32; float32 whose products are rounded to TensorFloat-32; autocast.
Precision = Literal["fp32", "tf32", "bf16", "fp16"]
Choice = Literal["auto", "fp32", "tf32", "bf16", "fp16"]
PrecisionSetting = Choice | Mapping[str, Choice]

FP32: Precision = "fp32"
AUTO: Choice = "auto"
DEFAULT = "default"  # key of a mapping for the models that it does not name
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
CHOICES: tuple[Choice, ...] = get_args(Choice)


def named(choice: Choice) -> Precision | None:
    """Return the precision that a word names; None for `auto`."""
    return next((precision for precision in PRECISIONS if precision == choice), None)


def precision_for(setting: PrecisionSetting, model: str) -> Choice:
    """Return what a setting says of one model."""
    if isinstance(setting, str):
        return setting
    return setting.get(model, setting.get(DEFAULT, AUTO))


def check_precision(setting: PrecisionSetting, models: Iterable[str]) -> None:
    """Refuse a mapping that names a model which is not in the run (ConfigError)."""
    known = [*models, DEFAULT]
    for name in () if isinstance(setting, str) else setting:
        if name not in known:
            raise ConfigError(
                f"precision.{name} is not a model of this run: {did_you_mean(name, known)}"
                f"it has {', '.join(known)}."
            )
