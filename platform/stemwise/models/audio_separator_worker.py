"""The process in which audio-separator runs: `python audio_separator_worker.py MODE FOLDER FILE [YAML]`.

audio-separator changes its process: it may exit it, puts a folder of its own first in sys.path,
silences warnings and prints. So it gets a process to itself, which may belong to another virtual
environment: this file uses nothing of stemwise, only what audio-separator needs itself.

MODE `describe` answers what is installed, without importing it; `fetch` lets audio-separator
download FILE; `serve` loads FILE (with its YAML, if it is of a kind that has one) and separates what
comes in on stdin until it closes.
Every message, in both directions, is a magic word, the lengths of a JSON text and of its samples,
and these two. Samples are float32, `(2, samples)` in, `(stems, 2, samples)` out.
"""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    # Started by its path, Python puts this folder first, where demucs.py would pass for the package.
    sys.path[:] = [place for place in sys.path if place != os.path.dirname(__file__)]  # noqa: PTH120

import importlib.metadata
import importlib.util
import json
import struct
import tempfile
import threading
import time
from pathlib import Path
from typing import IO, Any

MAGIC = b"stemwise"
HEADER = struct.Struct("<8sIQ")
_PACKAGE = "audio_separator"
_INDEX = "download_checks.json"  # UVR's list of models, which audio-separator fetches
_WITH_YAML = ("roformer_download_list", "mdx23c_download_list", "mdx23c_download_vip_list")
_DEMUCS = {"segment_size": "Default", "shifts": 2, "overlap": 0.25, "segments_enabled": True}


def send(stream: IO[bytes], content: dict[str, Any], samples: bytes = b"") -> None:
    """Write one message."""
    text = json.dumps(content).encode()
    stream.write(HEADER.pack(MAGIC, len(text), len(samples)) + text)
    stream.write(samples)
    stream.flush()


def receive(stream: IO[bytes]) -> tuple[dict[str, Any], bytes] | None:
    """Read one message, or None where the stream has ended before its end.

    Raises:
        ValueError: what comes is no message.
    """
    head = stream.read(HEADER.size)
    if len(head) == HEADER.size:
        magic, text_length, length = HEADER.unpack(head)
        if magic == MAGIC:
            text, samples = stream.read(text_length), stream.read(length)
            whole = len(text) == text_length and len(samples) == length
            return (json.loads(text), samples) if whole else None
    if head and not MAGIC.startswith(head[: len(MAGIC)]):
        raise ValueError(f"it sent {head!r}")
    return None


def describe(folder: Path, name: str) -> dict[str, Any]:
    """Return what is known about model `name` without importing audio-separator.

    `version` is None where it is not installed; `files` are those that the model needs in `folder`;
    `stems` are its outputs where no YAML of its own says so.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None:
        return {"version": None, "files": [], "stems": []}
    package = Path(next(iter(spec.submodule_search_locations or ["."])))
    lists: dict[str, dict[str, Any]] = {}
    for path in (package / "models.json", folder / _INDEX):
        if path.is_file():
            for key, models in json.loads(path.read_text(encoding="utf-8")).items():
                lists[key] = lists.get(key, {}) | models
    stems: list[str] = []
    if _is_checkpoint(name):
        groups = [group for key in _WITH_YAML for group in lists.get(key, {}).values()]
        yaml = next((group[name] for group in groups if name in group), f"{Path(name).stem}.yaml")
        files = [name, yaml]
    else:
        groups = [
            group for group in lists.get("demucs_download_list", {}).values() if name in group
        ]
        weights = [file for group in groups[:1] for file in group if file != name]
        files = [name, *weights, _INDEX]
        scores = package / "models-scores.json"
        if scores.is_file():
            known = json.loads(scores.read_text(encoding="utf-8"))
            stems = known.get(name, {}).get("stems") or []
    try:
        version = importlib.metadata.version("audio-separator")
    except importlib.metadata.PackageNotFoundError:
        version = "unknown"
    return {"version": version, "files": files, "stems": stems}


def _is_checkpoint(name: str) -> bool:
    """Tell Roformers and MDX23C, which have a YAML, from VR, MDX-Net and Demucs."""
    return name.endswith(".ckpt")


def separator(folder: Path, name: str, yaml: str | None) -> Any:
    """Return audio-separator's `Separator`; with `yaml`, nothing is asked of its lists or fetched."""
    import logging

    from audio_separator.separator import Separator

    class ArraySeparator(Separator):  # type: ignore[misc]
        """Takes the files that are there; nothing is written, so no ffmpeg is needed."""

        def check_ffmpeg_installed(self) -> None:
            """Ask for nothing."""

        def download_model_files(self, model_filename: str) -> Any:
            """Return audio-separator's own description of the model, without its download."""
            if yaml is None:
                return super().download_model_files(model_filename)
            return name, "MDXC", name, str(folder / name), yaml

    return ArraySeparator(
        model_file_dir=str(folder),
        output_dir=str(folder),
        normalization_threshold=1.0,
        log_level=logging.ERROR,
        # its two random shifts would give other estimates every time
        demucs_params={**_DEMUCS, "shifts": 0},
    )


def separate_array(model: Any, mixture: Any) -> dict[str, Any]:
    """Return the outputs `(2, samples)` of a Roformer or MDX23C model by their names."""
    found = model.demix(mixture)
    return found if isinstance(found, dict) else {str(model.primary_stem_name): found}


def separate_file(model: Any, mixture: Any) -> dict[str, Any]:
    """Do the same with a model that reads files; its outputs are taken before they are written.

    The file's peak is 1, since MDX-Net multiplies by the peak of what it has not divided by it.
    """
    import numpy as np
    import soundfile

    peak = float(np.abs(mixture).max()) or 1.0
    found = {}

    def keep(_: str, source: Any, stem: str) -> dict[str, Any]:
        out = np.zeros_like(mixture)
        length = min(len(source), out.shape[1])  # VR models may lose some samples
        out[:, :length] = peak * np.asarray(source, np.float32).T[:, :length]
        found[stem.lower()] = out
        return {stem: source}

    model.final_process = keep
    with tempfile.TemporaryDirectory() as place:
        path = str(Path(place) / "mixture.wav")
        soundfile.write(path, (mixture / peak).T, 44_100, subtype="FLOAT")
        model.separate(path)
    model.clear_file_specific_paths()
    return found


def serve(out: IO[bytes], folder: Path, name: str, yaml: str | None) -> None:
    """Load the model, say so, and answer every request."""
    import numpy as np

    known = describe(folder, name)
    loaded = separator(folder, name, yaml)
    loaded.load_model(name)
    send(out, {"version": known["version"]})
    while (message := receive(sys.stdin.buffer)) is not None:
        request, samples = message
        mixture = np.frombuffer(samples, np.float32).reshape(request["shape"]).copy()
        if yaml is None:
            made = separate_file(loaded.model_instance, mixture)
            found = {stem: made[stem] for stem in known["stems"] or made}
        else:
            found = separate_array(loaded.model_instance, mixture)
        estimates = np.stack([np.asarray(found[stem], np.float32) for stem in found])
        answer = {"stems": list(found), "shape": list(estimates.shape)}
        send(out, answer, estimates.tobytes())


def _follow_parent(parent: int) -> None:
    """End with the parent: a long separation would otherwise go on for nobody."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)


def main(mode: str, folder: str, name: str, yaml: str | None = None) -> None:
    """Do what `mode` says; whatever goes wrong becomes an answer with `error`."""
    # Answers keep the true stdout; what libraries print goes to stderr, which the parent collects.
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    threading.Thread(target=_follow_parent, args=(os.getppid(),), daemon=True).start()
    try:
        if mode == "describe":
            send(out, describe(Path(folder), name))
        elif mode == "fetch":
            fetching = separator(Path(folder), name, None)
            if _is_checkpoint(name):
                fetching.download_model_files(name)
            else:
                fetching.load_model(name)  # which fetches the tables of parameters too
            send(out, {})
        else:
            serve(out, Path(folder), name, yaml)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - audio-separator exits where others raise
        text = " ".join(str(error).split())[:300] or "no message"  # torch lists every key
        kind = type(error).__name__
        send(out, {"error": f"{kind}: {text}", "missing": isinstance(error, ModuleNotFoundError)})
        sys.exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
