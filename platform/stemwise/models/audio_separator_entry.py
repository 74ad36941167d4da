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
from typing import TYPE_CHECKING, Any

from stemwise.config import home
from stemwise.errors import CheckpointError, ConfigError, ModelError
from stemwise.models import msst_config
from stemwise.models.audio_separator_process import ask_once, missing
from stemwise.models.checkpoint import Checkpoint
from stemwise.models.msst_stems import tree_stems

if TYPE_CHECKING:
    from stemwise.models.registry import ModelSpec

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
    if not re.fullmatch(r"\w[^/\\\0]*\.ckpt", name):
        raise ConfigError(
            f"{entry!r} is not usable: give the file name of a Roformer or MDX23C model of "
            "audio-separator (*.ckpt); its VR, MDX-Net and Demucs models work on files only."
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
    """Return the spec with the stems, the YAML and the version that decide the model's output.

    audio-separator fetches the files where they are absent.

    Raises:
        MissingDependencyError: audio-separator is not installed.
        CheckpointError: a file is absent and cannot be fetched.
        ConfigError: the YAML is not usable, or other stems than it has were asked for.
    """
    path = Path(str(spec.checkpoints[0].path))
    version, yaml = _describe(path)
    if not path.is_file() or not yaml.is_file():
        _fetch(path, yaml)
        version, yaml = _describe(path)
    stems = _outputs(yaml)
    if spec.stems and len(spec.stems) != len(stems):
        raise ConfigError(
            f"The model {spec.name!r} has {len(stems)} outputs ({', '.join(stems)}), but stems "
            f"names {len(spec.stems)}."
        )
    return replace(
        spec,
        stems=spec.stems or stems,
        checkpoints=(spec.checkpoints[0], Checkpoint(yaml.name, path=yaml)),
        settings={**spec.settings, "version": version},
    )


def _describe(path: Path) -> tuple[str, Path]:
    """Return audio-separator's version and where the model's YAML lies or belongs."""
    found = ask_once("describe", str(path.parent), path.name)
    if found["version"] is None:
        raise missing("the package audio-separator")
    return str(found["version"]), path.with_name(str(found["yaml"] or f"{path.stem}.yaml"))


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


def _fetch(path: Path, yaml: Path) -> None:
    """Let audio-separator fetch what is absent, into a folder beside, so nothing half is left."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".fetching-") as place:
            for file in (path, yaml):
                if file.is_file():
                    (Path(place) / file.name).symlink_to(file.resolve())
            ask_once("fetch", place, path.name)
            for file in Path(place).iterdir():
                if not file.is_symlink():
                    os.replace(file, path.with_name(file.name))  # noqa: PTH105
    except (CheckpointError, ModelError, OSError) as error:
        raise CheckpointError(
            f"{path.name} and {yaml.name} are not both in {path.parent}, and could not be fetched "
            f"({str(error)[:400].rstrip('.')}): put them there."
        ) from error
