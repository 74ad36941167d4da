"""audio-separator as a further peer of the RoFormers, in the process that stemwise gives it.

It cuts a track in its own way: chunks of hop · (dim_t − 1) samples, the last one moved back to the
track's end, nothing extended or filled up, each weighted by a Hamming window. `dim_t` and
`num_overlap` are set so that its chunk and its step are ours.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from side_by_side.process import PROC, cpu_s, forget_peak, peak_gb
from side_by_side.turn import Turn
from stemwise.core.errors import MissingDependencyError
from stemwise.models import registry
from stemwise.models.audio_separator_process import Worker, ask_once, missing, python
from stemwise.models.spec import ModelSpec

NAME = "audio-separator"
_TORCH = "from importlib.metadata import version; print(version('torch'))"


def version() -> str:
    """Return its version and that of its torch.

    Raises:
        MissingDependencyError: it is not installed, or the system does not tell what a child takes.
    """
    if not (PROC / "self" / "stat").exists():
        raise MissingDependencyError("What its process takes is read in /proc: run this on Linux.")
    with tempfile.TemporaryDirectory() as folder:
        found = ask_once("describe", folder, "any.ckpt")["version"]
    if found is None:
        raise missing("the package audio-separator")
    torch = subprocess.run([python(), "-c", _TORCH], capture_output=True, text=True, check=True)
    return f"{NAME} {found} (torch {torch.stdout.strip()})"


def runs(name: str) -> bool:
    """Tell whether it has the model's network."""
    return registry.get(name).target.endswith("RoformerModel")


def configuration(spec: ModelSpec) -> dict[str, Any]:
    """Return the YAML that it wants beside a checkpoint, with our chunk and step."""
    network = {
        key: tuple(value) if isinstance(value, list) else value
        for key, value in spec.settings["network"].items()
    }
    hop = int(network["stft_hop_length"])
    frames, rest = divmod(int(spec.settings["chunk"]), hop)
    if rest:
        raise ValueError(f"A chunk of {spec.name} is not a multiple of its hop of {hop} samples.")
    (stem,) = spec.stems
    return {
        "audio": {"sample_rate": 44_100, "num_channels": 2, "hop_length": hop},
        "model": {**network, "num_stems": 1},
        "training": {"instruments": [stem, "other"], "target_instrument": stem},
        "inference": {
            "dim_t": frames + 1,
            "num_overlap": int(spec.settings["num_overlap"]),
            "batch_size": 1,
        },
    }


def passes(length: int, chunk: int, step: int) -> int:
    """Return how many chunks it cuts a track into that is at least one chunk long."""
    return 1 + -(-(length - chunk) // step)


class AudioSeparatorSide:
    """Asked like any `Side`. A track shorter than a chunk gets silence behind it, as ours does.

    Args:
        name: of the model.
        checkpoint: its file; the YAML is written beside it.
        threads: of PyTorch.
        kept: whether its process keeps the memory that it frees, as ours does.

    Raises:
        MissingDependencyError: it lacks a package.
        CheckpointError: it cannot load the files.
    """

    def __init__(self, name: str, checkpoint: Path, threads: int, kept: bool) -> None:
        self._spec = registry.get(name)
        config = checkpoint.with_suffix(".yaml")
        config.write_text(yaml.dump(configuration(self._spec)), encoding="utf-8")
        environment = {"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": str(threads)}
        files = (str(checkpoint.parent), checkpoint.name, config.name)
        self._worker = Worker("serve", *files, environment=environment, kept=kept)
        self._worker.ask()  # it has loaded its model
        self._samples = 0

    def ask(self, what: str, *arguments: Any) -> Any:
        """Return the answer to `separate` or `passed`."""
        return getattr(self, what)(*arguments)

    def separate(self, audio: Path, out: Path) -> Turn:
        """Separate the track in `audio` into `out`; its process's pipes count, but are nothing."""
        mixture, pid = np.load(audio), self._worker.pid
        length, chunk = mixture.shape[1], int(self._spec.settings["chunk"])
        mixture = np.pad(mixture, ((0, 0), (0, max(chunk - length, 0))))
        samples = mixture.tobytes()
        forget_peak(pid)
        cpu, wall = cpu_s(pid), time.perf_counter()
        answer, data = self._worker.ask({"shape": mixture.shape}, samples)
        cpu, wall = cpu_s(pid) - cpu, time.perf_counter() - wall
        peak = peak_gb(pid)
        estimates = np.frombuffer(data, np.float32).reshape(answer["shape"])
        # behind the model's stem comes what it leaves over
        np.save(out, estimates[: len(self._spec.stems), :, :length])
        step = chunk // int(self._spec.settings["num_overlap"])
        self._samples += chunk * passes(mixture.shape[1], chunk, step)
        return Turn(cpu, wall, peak)

    def passed(self) -> int:
        """Return how many samples went through the network since this was last asked."""
        samples, self._samples = self._samples, 0
        return samples

    def close(self) -> None:
        """End the process."""
        self._worker.close()
