"""Names of audio-separator's registry as entries of the zoo: `audio_separator:<file name>`.

What a model is follows from its YAML, which comes with the checkpoint; audio-separator itself runs
in a process of its own, so nothing of it is imported here.
"""

from __future__ import annotations

import os
import re
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from stemwise.core.config import home
from stemwise.core.errors import CheckpointError, ConfigError, ModelError
from stemwise.models import msst_config
from stemwise.models.audio_separator_process import ask_once, missing
from stemwise.models.checkpoints.checkpoint import Checkpoint
from stemwise.models.msst_stems import tree_stems
from stemwise.models.spec import ModelSpec

PREFIX = "audio_separator:"
TARGET = "stemwise.models.audio_separator.AudioSeparatorModel"


def folder() -> Path:
    """Return where the files of audio-separator's models lie (not created here)."""
    return home() / "audio-separator"


def content(entry: str) -> dict[str, Any]:
    """Return what a YAML of the zoo would say about `audio_separator:<file name>`.

    Raises:
        ConfigError: not the name of a file that can be used.
    """
    name = entry.removeprefix(PREFIX)
    if not re.fullmatch(r"\w[^/\\\0]*\.(ckpt|pth|onnx|yaml)", name):
        raise ConfigError(
            f"{entry!r} is not usable: give the file name of a model as `audio-separator -l` lists "
            "it (*.ckpt, *.onnx, *.pth, or *.yaml for Demucs)."
        )
    slug = re.sub(r"[^a-z0-9_\-]+", "_", Path(name).stem.lower()).strip("_-")
    return {
        "name": f"audio_separator_{slug}",
        "_target_": TARGET,
        "architecture": "of audio-separator",
        "checkpoints": [{"filename": name, "path": folder() / name}],
        "notes": "Loaded and run by audio-separator in a process of its own.",
    }


def complete(spec: ModelSpec) -> ModelSpec:
    """Return the spec with the stems, the files and the version that decide the model's output.

    audio-separator fetches the files where they are absent.

    Raises:
        MissingDependencyError: audio-separator is not installed.
        CheckpointError: a file is absent and cannot be fetched.
        ConfigError: nothing says which stems the model makes, or others were asked for.
    """
    path = Path(str(spec.checkpoints[0].path))
    known = _describe(path)
    if absent := _absent(path, known):
        _fetch(path, absent)
        known = _describe(path)  # an index that has come since may name more files
        if absent := _absent(path, known):
            raise CheckpointError(f"{path.parent} still lacks {', '.join(absent)}: put it there.")
    weights = [name for name in known["files"] if not name.endswith(".json")]
    if path.suffix == ".ckpt":
        stems = _outputs(path.with_name(weights[1]))
    else:
        stems = tuple(tree_stems(known["stems"], None, path.name))
    if not stems:
        raise ConfigError(
            f"audio-separator does not say which stems {path.name} makes: use another."
        )
    if spec.stems and len(spec.stems) != len(stems):
        raise ConfigError(
            f"The model {spec.name!r} has {len(stems)} outputs ({', '.join(stems)}), but stems "
            f"names {len(spec.stems)}."
        )
    others = [Checkpoint(name, path=path.with_name(name)) for name in weights[1:]]
    return replace(
        spec,
        stems=spec.stems or stems,
        checkpoints=(spec.checkpoints[0], *others),
        settings={**spec.settings, "version": known["version"]},
    )


def _describe(path: Path) -> dict[str, Any]:
    """Return audio-separator's version, and the model's files and stems as far as it knows them."""
    known = ask_once("describe", str(path.parent), path.name)
    if known["version"] is None:
        raise missing("the package audio-separator")
    return known


def _absent(path: Path, known: dict[str, Any]) -> list[str]:
    return [name for name in known["files"] if not path.with_name(name).is_file()]


def _outputs(yaml: Path) -> tuple[str, ...]:
    """Return our names for what audio-separator makes, in its order."""
    training = msst_config.read(yaml).get("training")
    instruments = training.get("instruments") if isinstance(training, dict) else None
    if not isinstance(instruments, list) or not all(isinstance(i, str) for i in instruments):
        raise ConfigError(f"{yaml} names no stems in training.instruments: get it from its author.")
    target = training.get("target_instrument") if isinstance(training, dict) else None
    if not target:
        return tuple(tree_stems(instruments, None, str(yaml)))
    # After the target comes what it leaves, which has a name only where there are two stems.
    (first,) = tree_stems(instruments, str(target), str(yaml))
    both = tree_stems(instruments, None, str(yaml)) if len(instruments) == 2 else []
    return (first, *(stem for stem in both if stem != first))


def _fetch(path: Path, absent: list[str]) -> None:
    """Let audio-separator fetch what is absent, into a folder beside, so nothing half is left."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".fetching-") as place:
            for file in path.parent.iterdir():
                if file.is_file():
                    (Path(place) / file.name).symlink_to(file.resolve())
            ask_once("fetch", place, path.name)
            for file in Path(place).iterdir():
                if not file.is_symlink():
                    os.replace(file, path.with_name(file.name))  # noqa: PTH105
    except (CheckpointError, ModelError, OSError) as error:
        raise CheckpointError(
            f"{path.parent} lacks {', '.join(absent)}, and audio-separator could not fetch "
            f"{path.name} ({str(error)[:400].rstrip('.')}): put what is missing there."
        ) from error
