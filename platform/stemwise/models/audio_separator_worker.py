"""The process in which audio-separator runs: `python audio_separator_worker.py MODE FOLDER FILE [YAML]`.

audio-separator changes its process: it may exit it, puts a folder of its own first in sys.path,
silences warnings and prints. So it gets a process to itself, which may belong to another virtual
environment: this file uses nothing of stemwise, only what audio-separator needs itself.

MODE `describe` answers what is installed, without importing it; `fetch` lets audio-separator
download FILE; `serve` loads FILE with its YAML and separates what comes in on stdin until it closes.
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
import threading
import time
from pathlib import Path
from typing import IO, Any

MAGIC = b"stemwise"
HEADER = struct.Struct("<8sIQ")
_PACKAGE = "audio_separator"
_LISTS = ("roformer_download_list", "mdx23c_download_list", "mdx23c_download_vip_list")


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
    """Return the version installed (None: not installed) and the name of the YAML of model `name`."""
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None:
        return {"version": None, "yaml": None}
    places = [Path(place) / "models.json" for place in spec.submodule_search_locations or ()]
    yaml = None
    for path in [*places, folder / "download_checks.json"]:
        if path.is_file():
            lists = json.loads(path.read_text(encoding="utf-8"))
            pairs = [files for key in _LISTS for files in lists.get(key, {}).values()]
            yaml = next((files[name] for files in pairs if name in files), yaml)
    try:
        version = importlib.metadata.version("audio-separator")
    except importlib.metadata.PackageNotFoundError:
        version = "unknown"
    return {"version": version, "yaml": yaml}


def separator(folder: Path, name: str, yaml: str | None) -> Any:
    """Return audio-separator's `Separator`; with `yaml` its model is loaded, without any download."""
    import logging

    from audio_separator.separator import Separator

    class ArraySeparator(Separator):  # type: ignore[misc]
        """Takes the files that are there; its samples come as arrays, so no ffmpeg is needed."""

        def check_ffmpeg_installed(self) -> None:
            """Ask for nothing."""

        def download_model_files(self, model_filename: str) -> Any:
            """Return audio-separator's own description of the model, without its download."""
            if yaml is None:
                return super().download_model_files(model_filename)
            return name, "MDXC", name, str(folder / name), yaml

    made = ArraySeparator(
        model_file_dir=str(folder),
        output_dir=str(folder),
        normalization_threshold=1.0,
        log_level=logging.ERROR,
    )
    if yaml is not None:
        made.load_model(name)
    return made


def serve(out: IO[bytes], folder: Path, name: str, yaml: str) -> None:
    """Load the model, say so, and answer every request."""
    import numpy as np

    model = separator(folder, name, yaml).model_instance
    send(out, {"version": describe(folder, name)["version"]})
    while (message := receive(sys.stdin.buffer)) is not None:
        request, samples = message
        mixture = np.frombuffer(samples, np.float32).reshape(request["shape"])
        found = model.demix(mixture.copy())
        if not isinstance(found, dict):
            found = {str(model.primary_stem_name): found}
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
            separator(Path(folder), name, None).download_model_files(name)
            send(out, {})
        else:
            serve(out, Path(folder), name, str(yaml))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - audio-separator exits where others raise
        text = " ".join(str(error).split()) or "no message"
        kind = type(error).__name__
        send(out, {"error": f"{kind}: {text}", "missing": isinstance(error, ModuleNotFoundError)})
        sys.exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
