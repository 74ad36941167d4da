"""Ensemble presets of audio-separator, or of one's own in its format, as recipes.

A preset names models of audio-separator's registry and an algorithm that joins what they make of each
stem. Average spectra are the average of the signals, since the STFT is linear, so both averages are
plain weights. audio-separator runs the models; where the zoo has the very file, the zoo does.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stemwise.core import config_dirs
from stemwise.core.config import load_yaml
from stemwise.core.errors import ConfigError
from stemwise.core.nearest import did_you_mean
from stemwise.core.stems import INSTRUMENTAL, MIXTURE
from stemwise.models import audio_separator_entry, registry

PREFIX = "audio_separator_preset:"
_GROUP, _FILE = "presets", "audio_separator"
_LINEAR = ("avg_wave", "avg_fft")
# audio-separator's algorithms (separator/ensembler.py) and the kinds of ensembles that they are
ALGORITHMS = {
    "avg_wave": None,
    "avg_fft": None,
    "median_wave": "median",
    "min_wave": "wave_min",
    "max_wave": "wave_max",
    "median_fft": "stft_median_parts",
    "min_fft": "stft_min",
    "max_fft": "stft_max",
    "uvr_min_spec": "stft_min",
    "uvr_max_spec": "stft_max",
}
_STEMS = ("vocals", INSTRUMENTAL)
# names under which audio-separator knows files of the zoo
_ALIASES = {"vocals_mel_band_roformer.ckpt": "MelBandRoformer.ckpt"}


@dataclass(frozen=True)
class _Member:
    """One model of a preset: its name in the recipe, its entry (None: the zoo's), and its stems.

    `stems` is None where only its files tell them.
    """

    name: str
    entry: Mapping[str, Any] | None
    stems: tuple[str, ...] | None


def names() -> tuple[str, ...]:
    """Return the presets that stemwise knows."""
    return tuple(_carried()["presets"])


def content(reference: str) -> dict[str, Any]:
    """Return the recipe, as its YAML would say it, of `audio_separator_preset:NAME`.

    NAME may be FILE.json:NAME, a file in the format of audio-separator's ensemble_presets.json.

    Raises:
        ConfigError: no such preset or file, an algorithm or weights that cannot be had.
    """
    given = reference.removeprefix(PREFIX)
    path, _, name = given.rpartition(":")
    if path or given.endswith(".json"):
        path, name = (path, name) if path else (given, "")
        found = _of_file(Path(path))
    else:
        found = _carried()
    presets = found["presets"]
    if not name and len(presets) == 1:
        (name,) = presets
    if name not in presets:
        raise ConfigError(
            f"There is no preset {name!r}: {did_you_mean(name, presets)}use one of {', '.join(presets)}."
        )
    return _recipe(name, presets[name], found["source"])


def _carried() -> dict[str, Any]:
    return load_yaml(config_dirs.path(_GROUP, _FILE))


def _of_file(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = " ".join(str(getattr(error, "strerror", None) or error).split())
        raise ConfigError(f"The presets {path} cannot be read ({reason}).") from error
    presets = found.get("presets") if isinstance(found, dict) else None
    if not isinstance(presets, dict) or not presets:
        raise ConfigError(
            f"{path} holds no presets: it must say {{presets: {{NAME: {{models, algorithm}}}}}}, as "
            "audio-separator's ensemble_presets.json does."
        )
    return {"presets": presets, "source": path.name}


def _recipe(name: str, preset: Any, source: str) -> dict[str, Any]:
    files, algorithm, weights = _checked(name, preset)
    wanted = _stems(name, preset)
    members = [_member(file) for file in files]
    if len({member.name for member in members}) != len(members):
        raise ConfigError(f"The preset {name!r} names a model twice: {', '.join(files)}.")
    stems = {}
    for stem in wanted:
        makers = [i for i, m in enumerate(members) if m.stems is None or stem in m.stems]
        makers = [i for i in makers if weights[i] != 0]
        if not makers:
            continue
        shares = [weights[i] for i in makers]
        if sum(shares) == 0:
            raise ConfigError(
                f"The preset {name!r} has weights whose sum is 0 among the models that make {stem}: "
                "give others."
            )
        stems[stem] = _joined(algorithm, [members[i].name for i in makers], shares)
    if not stems:
        raise ConfigError(
            f"No model of the preset {name!r} makes {' or '.join(wanted)}: name "
            "its stems with stems: [NAME, …]."
        )
    return {
        "name": f"preset-{name}",
        "stems": stems,
        "models": {m.name: dict(m.entry) for m in members if m.entry is not None},
        "provenance": {"fitted_by": f"nobody: {algorithm} of {source}"},
    }


def _checked(name: str, preset: Any) -> tuple[list[str], str, list[float]]:
    """Return files, algorithm and weights of a preset (ConfigError where they cannot be used)."""
    files = preset.get("models") if isinstance(preset, Mapping) else None
    if not isinstance(files, list) or len(files) < 2 or not all(isinstance(f, str) for f in files):
        raise ConfigError(f"The preset {name!r} must list two models or more, not {files!r}.")
    algorithm = preset.get("algorithm", "avg_wave")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise ConfigError(
            f"The preset {name!r} joins by {algorithm!r}, which stemwise does not have: "
            f"{did_you_mean(str(algorithm), ALGORITHMS)}use one of {', '.join(ALGORITHMS)}."
        )
    weights = preset.get("weights")
    if weights is None:
        return files, algorithm, [1.0] * len(files)
    usable = isinstance(weights, list) and len(weights) == len(files)
    usable = usable and all(type(w) in (int, float) and math.isfinite(w) for w in weights)
    if not usable or sum(weights) == 0:
        raise ConfigError(
            f"The preset {name!r} has {len(files)} models and the weights {weights!r}: give one number "
            "per model, and not a sum of 0."
        )
    if algorithm not in _LINEAR and len(set(weights)) > 1:
        raise ConfigError(
            f"The preset {name!r} has weights, which {algorithm} does not know: leave them out, or "
            f"average ({', '.join(_LINEAR)})."
        )
    return files, algorithm, weights


def _stems(name: str, preset: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the stems that a preset joins (ConfigError where they are no names)."""
    stems = preset.get("stems") or list(_STEMS)
    if not isinstance(stems, list) or not all(isinstance(stem, str) for stem in stems):
        raise ConfigError(f"The preset {name!r}: stems must list names, not {stems!r}.")
    return tuple(stems)


def _joined(algorithm: str, models: Sequence[str], weights: Sequence[float]) -> dict[str, Any]:
    """Return what a recipe says of one stem: weights, or a kind of ensemble where there is a choice."""
    kind, total = ALGORITHMS[algorithm], sum(weights)
    # the median of two is their mean, and weights that are no part of the algorithm are all equal
    if kind is not None and len(models) >= (3 if algorithm.startswith("median") else 2):
        return {"kind": kind, "models": list(models)}
    return {model: weight / total for model, weight in zip(models, weights, strict=True)}


def _member(file: str) -> _Member:
    """Return the model of a file name: the zoo's where it has this very file, else audio-separator's."""
    known = _ALIASES.get(file, file)
    for spec in map(registry.get, registry.names()):
        if spec.parent == MIXTURE and [item.filename for item in spec.checkpoints] == [known]:
            if spec.stems == ("vocals",):
                # audio-separator makes the rest of the mixture too
                name = f"{spec.name}-and-rest"
                return _Member(name, {"base": spec.name, "residual": INSTRUMENTAL}, _STEMS)
            return _Member(spec.name, None, spec.stems)
    entry = f"{audio_separator_entry.PREFIX}{file}"
    return _Member(audio_separator_entry.content(entry)["name"], {"base": entry}, None)
