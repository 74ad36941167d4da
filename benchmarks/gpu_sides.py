"""Both sides of `benchmarks/gpu.py`: one network each, and the ways in which it separates a song."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from stemwise.core.precision import CHOICES, Choice
from stemwise.models import registry
from stemwise.models.base import Model
from stemwise.models.demucs import DemucsModel, load_package, save_package
from stemwise.models.scnet import ScnetModel
from stemwise.models.spec import GPU_BATCH
from stemwise.separation.device.halving import Halving
from stemwise.separation.device.precision import supported
from stemwise.separation.overlap_add import PLAIN, overlap_add
from stemwise.separation.separator import Separator, track_scale

# what demucs does with a track, and small networks, are written down once, for the tests
sys.path.append(str(Path(__file__).parents[1] / "tests" / "models"))
from reference_inference import demucs_apply
from tiny_networks import SCNET

Song = npt.NDArray[np.float32]
Way = Callable[[Song], Tensor]
# `inference.batch_size` of MSST's YAMLs for these architectures, where it is not 1.
_MSST_BATCH = {"scnet": 8, "scnet_large": 8, "melband_roformer_vocals": 4}


@dataclass(frozen=True)
class Subject:
    """A model: ours, and the network of the package that defines it, with equal weights.

    `msst` are chunk, num_overlap, normalize and batch size of MSST's loop; None: demucs is the peer.
    """

    name: str
    ours: Model
    network: nn.Module
    msst: dict[str, Any] | None

    @property
    def peer(self) -> str:
        """Who else runs such models."""
        return "demucs" if self.msst is None else "MSST"


def true_size(name: str, folder: Path) -> Subject:
    """Return a model of the zoo with random weights."""
    from side_by_side import cases

    path = cases.write(name, folder)
    settings = registry.get(name).settings
    msst = None
    if cases.CASES[name].peer == "MSST":
        msst = {key: settings[key] for key in ("chunk", "num_overlap")}
        msst |= {"normalize": settings["zscore"], "batch_size": _MSST_BATCH.get(name, 1)}
    return Subject(name, cases.ours(name, path), cases.theirs(name, path), msst)


_TINY_DEMUCS = {"klass": "HTDemucs", "channels": 8, "depth": 4, "t_layers": 1, "t_heads": 2}


def tiny(name: str, folder: Path) -> Subject:
    """Return a small model of the same family, to try the benchmark itself."""
    torch.manual_seed(0)
    if name == "htdemucs_6s":
        path = folder / "tiny.safetensors"
        small = {**_TINY_DEMUCS, "segment": 0.5, "nfft": 1024}
        save_package(DemucsModel.untrained(["a", "b"], small), path, {})
        return Subject(name, DemucsModel(path), load_package(path), None)
    path, chunk = folder / "tiny.ckpt", 8192
    network = ScnetModel.untrained(["a", "b"], SCNET).eval()
    torch.save(network.state_dict(), path)
    msst = {"chunk": chunk, "num_overlap": 4, "normalize": True, "batch_size": 8}
    ours = ScnetModel(path, ["a", "b"], SCNET, chunk, 4, zscore=True)
    return Subject(name, ours, network, msst)


def ways(subject: Subject, device: torch.device) -> dict[str, Way]:
    """Return all ways of separating with a model on a device, by name."""
    subject.network.to(device)
    found: dict[str, Way] = {
        subject.peer: _peer(subject, device),
        "before": _before(subject, device),
    }
    known = supported(device)
    for word in CHOICES:
        if word == "auto" or word in known:
            found[word] = _ours(subject, device, word)
    return found


def _ours(subject: Subject, device: torch.device, precision: Choice) -> Way:
    separator = Separator(subject.ours, str(device), precision=precision)

    def separate(song: Song) -> Tensor:
        return separator(song)

    separate.separator = separator  # type: ignore[attr-defined]
    return separate


def _before(subject: Subject, device: torch.device) -> Way:
    """Return stemwise's way before it knew precisions: the package's network, sums on the CPU."""
    size = 1 if device.type == "cpu" else GPU_BATCH

    def forward(chunks: Tensor) -> Tensor:
        made: Tensor = subject.network(chunks)
        return made if made.ndim == 4 else made[:, None]

    @torch.inference_mode()
    def separate(song: Song) -> Tensor:
        scale = track_scale(song) if subject.ours.normalisation == "zscore" else PLAIN
        tiles = subject.ours.tiling.tiles(song.shape[1])
        stretches = overlap_add(song, tiles, Halving(forward, size), device, size, scale)
        return torch.cat(list(stretches), dim=-1)

    return separate


def _peer(subject: Subject, device: torch.device) -> Way:
    if subject.msst is None:
        return lambda song: demucs_apply(subject.network, song, device=device)
    msst = subject.msst
    return lambda song: msst_half(subject.network, song, device, **msst)


@torch.inference_mode()
def msst_half(
    network: nn.Module,
    song: Song,
    device: torch.device,
    chunk: int,
    num_overlap: int,
    normalize: bool,
    batch_size: int,
) -> Tensor:
    """Separate as MSST does by default: half precision on CUDA, batches, sums on the CPU.

    Written from its description (see tests/models/reference_inference.py, where one chunk is a batch).
    """
    track = torch.from_numpy(song)
    mono = track.double().mean(0)
    mean, deviation = (mono.mean(), mono.std(correction=0)) if normalize else (0.0, 1.0)
    track = ((track - mean) / deviation).float()
    border = chunk - chunk // num_overlap
    extended = track.shape[1] > 2 * border > 0
    if extended:
        track = functional.pad(track[None], (border, border), mode="reflect")[0]
    total: Tensor | None = None
    weights = torch.zeros(track.shape[1])
    for batch in _batched(_chunks(track, chunk, num_overlap), batch_size):
        parts = torch.stack([part for part, _, _ in batch]).to(device)
        with torch.autocast("cuda", torch.float16, enabled=device.type == "cuda"):
            made = network(parts)
        made = (made if made.ndim == 4 else made[:, None]).cpu()
        if total is None:
            total = torch.zeros(made.shape[1], *track.shape)
        for out, (_, start, window) in zip(made, batch, strict=True):
            stop = start + len(window)
            total[..., start:stop] += out[..., : len(window)] * window
            weights[start:stop] += window
    assert total is not None
    means = (total / weights) * deviation + mean
    return (means[..., border:-border] if extended else means).float()


def _chunks(track: Tensor, chunk: int, num_overlap: int) -> Iterator[tuple[Tensor, int, Tensor]]:
    """Yield chunks, where they begin, and their windows with linear fades."""
    fade, step, length = chunk // 10, chunk // num_overlap, track.shape[1]
    for start in range(0, length, step):
        part = track[:, start : start + chunk]
        held = part.shape[1]
        mode = "reflect" if held > chunk // 2 else "constant"
        window = torch.ones(chunk)
        if start > 0:
            window[:fade] = torch.linspace(0, 1, fade)
        if start + step < length:
            window[-fade:] = torch.linspace(1, 0, fade)
        yield functional.pad(part[None], (0, chunk - held), mode=mode)[0], start, window[:held]


def _batched(items: Iterator[Any], size: int) -> Iterator[list[Any]]:
    batch: list[Any] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
