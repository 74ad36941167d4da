"""Configurations of ZFTurbo's Music-Source-Separation-Training (MSST) as entries of the zoo.

Nearly every community checkpoint comes with such a YAML: sections `audio`, `model`, `training`,
`inference`. It is translated here to the class and settings that do what MSST's own inference does
with it (`utils/model_utils.py`, `demix`). Plain dicts only: listing models imports no torch.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from stemwise.core.errors import ConfigError
from stemwise.models.msst_kinds import architecture
from stemwise.models.msst_networks import ARCHITECTURES
from stemwise.models.msst_stems import tree_stems
from stemwise.models.msst_values import Reader, Section


class _Loader(yaml.SafeLoader):
    """YAML's safe loader, which builds plain values only, plus the one tag that MSST's files use."""


def _tuple(loader: yaml.SafeLoader, node: yaml.Node) -> list[Any]:
    if not isinstance(node, yaml.SequenceNode):
        raise yaml.constructor.ConstructorError(
            None, None, "a tuple must be a list", node.start_mark
        )
    return loader.construct_sequence(node, deep=True)


_Loader.add_constructor("tag:yaml.org,2002:python/tuple", _tuple)
# YAML 1.1 takes 1e-3 for a text, the loaders of MSST for a number.
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def read(path: Path) -> dict[str, Any]:
    """Read an MSST configuration; `!!python/tuple` becomes a list, other Python tags are refused.

    Raises:
        ConfigError: absent, not YAML, not a mapping, or with a tag that could run code.
    """
    try:
        # this is a SafeLoader: it builds no objects
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except OSError as error:
        raise ConfigError(f"The MSST config {path} cannot be read ({error.strerror}).") from error
    except yaml.constructor.ConstructorError as error:
        raise ConfigError(
            f"{path} holds what a configuration must not ({_problem(error)}): nothing was run, "
            "remove it from the file."
        ) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not valid YAML ({_problem(error)}).") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path} must be a mapping with the sections audio, model, training, …")
    return content


def _problem(error: Exception) -> str:
    return str(getattr(error, "problem", None) or " ".join(str(error).split())[:200])


def translate(
    config: Section,
    origin: str,
    model_type: str | None = None,
    stems: Sequence[str] | None = None,
) -> dict[str, Any]:
    """Return what conf/model/*.yaml would say: `_target_`, `architecture`, `stems`, `settings`.

    Args:
        config: the whole configuration.
        origin: its file, for error messages.
        model_type: MSST's name of the architecture; None takes the config's own, or detects it.
        stems: names for the outputs instead of the config's instruments.

    Raises:
        ConfigError: an architecture that we do not have, or a value missing or not usable.
    """
    kind = architecture(config, origin, model_type)
    target, name, network = ARCHITECTURES[kind]
    reader = Reader(config, origin)
    rate = reader.get("audio.sample_rate") or reader.get("training.samplerate") or 44_100
    channels = reader.get("audio.num_channels") or reader.get("training.channels") or 2
    if rate != 44_100:
        raise ConfigError(
            f"{origin} works at {rate} Hz; stemwise compares models at 44100 Hz only."
        )
    if channels != 2:
        raise ConfigError(f"{origin} takes {channels} channels, but stemwise separates stereo.")
    instruments, wanted = reader.instruments()
    if kind == "htdemucs":
        wanted = None  # it always makes all stems; MSST picks the target from them
    outputs = instruments if wanted is None else [wanted]
    if stems is not None and len(stems) != len(outputs):
        raise ConfigError(
            f"{origin} has {len(outputs)} outputs ({', '.join(outputs)}), but stems names {len(stems)}."
        )
    settings = network(reader, outputs)
    settings["num_overlap"] = reader.whole("inference.num_overlap")
    # as MSST's inference: `training.normalize` is about batches in training
    settings["zscore"] = reader.get("inference.normalize") is True
    return {
        "_target_": f"stemwise.models.{target}",
        "architecture": "HDemucs" if config.get("model") == "hdemucs" else name,
        "stems": list(stems) if stems is not None else tree_stems(instruments, wanted, origin),
        "settings": settings,
    }
