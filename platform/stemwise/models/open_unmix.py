"""Open-Unmix (Stöter, Uhlich, Liutkus & Mitsufuji 2019): a BLSTM per stem on a track's magnitudes.

The networks are written here with the parameters' names of the package `openunmix`, which imports
torchaudio; its published state dicts are loaded strictly but for three leftovers of its first version.
The estimates are refined by `multichannel_wiener`, in stretches of 300 frames, as there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from stemwise.core.errors import CheckpointError, ConfigError
from stemwise.core.types import CHANNELS, SAMPLE_RATE
from stemwise.models.base import Normalisation
from stemwise.models.checkpoints.safe_load import load
from stemwise.models.checkpoints.state_dict import fit, unwrap
from stemwise.models.multichannel_wiener import refine
from stemwise.models.tiling import CenteredTiling

N_FFT, HOP, BINS = 4096, 1024, 2049
_BANDWIDTH_HZ = 16_000
_FILTER_FRAMES = 300
_SEAM_S = 10.0  # by which stretches of a long track overlap
# buffers of the transform that was part of the network when umxhq was published
_LEFTOVERS = ("stft.window", "transform.0.window")


class OpenUnmix(nn.Module):
    """Estimates one stem's magnitudes `(2, bins, frames)` from the mixture's.

    Args:
        hidden: features of the BLSTM.
        bins, heard: of the spectra, and how many of them the network hears.
        layers: of the BLSTM.
    """

    def __init__(
        self, hidden: int, bins: int = BINS, heard: int | None = None, layers: int = 3
    ) -> None:
        super().__init__()
        self.heard = bins_below(_BANDWIDTH_HZ) if heard is None else heard
        self.input_mean = nn.Parameter(torch.zeros(self.heard))
        self.input_scale = nn.Parameter(torch.ones(self.heard))
        self.output_scale = nn.Parameter(torch.ones(bins))
        self.output_mean = nn.Parameter(torch.ones(bins))
        self.fc1 = nn.Linear(self.heard * CHANNELS, hidden, bias=False)
        self.bn1 = nn.BatchNorm1d(hidden)
        self.lstm = nn.LSTM(hidden, hidden // 2, layers, bidirectional=True)
        self.fc2 = nn.Linear(2 * hidden, hidden, bias=False)
        self.bn2 = nn.BatchNorm1d(hidden)
        self.fc3 = nn.Linear(hidden, bins * CHANNELS, bias=False)
        self.bn3 = nn.BatchNorm1d(bins * CHANNELS)

    def forward(self, magnitude: Tensor) -> Tensor:
        """Return magnitudes of the shape that came in."""
        frames = magnitude.permute(2, 0, 1)  # frames, channels, bins
        x = (frames[..., : self.heard] + self.input_mean) * self.input_scale
        x = torch.tanh(self.bn1(self.fc1(x.flatten(1))))
        x = torch.cat([x, self.lstm(x)[0]], dim=1)
        x = functional.relu(self.bn2(self.fc2(x)))
        x = self.bn3(self.fc3(x)).reshape(frames.shape)
        mask = functional.relu(x * self.output_scale + self.output_mean)
        return (mask * frames).permute(1, 2, 0)


class OpenUnmixModel:
    """Stems by Open-Unmix, each from a network of its own.

    Args:
        checkpoint: a state dict per stem, in the order of `stems`.
        stems: what they separate.
        network: arguments of `OpenUnmix`.
        iterations: of the Wiener filter, which needs at least two stems; 0 leaves it out.
        chunk_s: a track up to this length is heard as a whole, as by the package; a longer one in
            stretches that overlap by 10 s, so that memory has a bound.

    Raises:
        ConfigError: files and stems that do not match, or settings that cannot be.
        CheckpointError: a file of another network.
    """

    sample_rate = SAMPLE_RATE
    normalisation: Normalisation = "none"
    uses_references = False

    def __init__(
        self,
        checkpoint: Path | Sequence[Path],
        stems: Sequence[str],
        network: Mapping[str, Any],
        iterations: int = 1,
        chunk_s: float = 300.0,
    ) -> None:
        paths = [checkpoint] if isinstance(checkpoint, Path) else list(checkpoint)
        if len(paths) != len(stems):
            raise ConfigError(
                f"Open-Unmix needs one checkpoint per stem: {len(paths)} files, {len(stems)} stems."
            )
        if iterations < 0 or (iterations and len(stems) < 2):
            raise ConfigError(
                "Open-Unmix's Wiener filter needs two stems or more: give their checkpoints too, or "
                "settings: {iterations: 0}."
            )
        if not chunk_s > 2 * _SEAM_S:
            raise ConfigError(f"chunk_s={chunk_s} is too short: give more than {2 * _SEAM_S:g} s.")
        self.stems, self.iterations = tuple(stems), iterations
        self.networks = nn.ModuleList(load_network(path, network) for path in paths).eval()
        # `exact`: a track that fits is one tile
        self.tiling = CenteredTiling(int(chunk_s * SAMPLE_RATE), _SEAM_S / chunk_s, exact=True)
        self._window = torch.hann_window(N_FFT)

    def forward(self, chunks: Tensor) -> Tensor:
        """Separate `(batch, 2, samples)` into `(batch, stems, 2, samples)`."""
        return torch.stack([self._separate(chunk) for chunk in chunks])

    def to(self, device: torch.device) -> None:
        """Move networks and window."""
        self.networks.to(device)
        self._window = self._window.to(device)

    def _separate(self, mixture: Tensor) -> Tensor:
        length = mixture.shape[-1]
        if length <= N_FFT // 2:  # too short to be reflected at its ends
            return self._separate(functional.pad(mixture, (0, N_FFT)))[..., :length]
        spectra = torch.stft(
            mixture, N_FFT, HOP, window=self._window, pad_mode="reflect", return_complex=True
        )
        magnitude = spectra.abs()
        targets = torch.stack([network(magnitude) for network in self.networks])
        out = mixture.new_zeros(len(targets), CHANNELS, (spectra.shape[-1] - 1) * HOP + N_FFT)
        weight = mixture.new_zeros(out.shape[-1])
        for start in range(0, spectra.shape[-1], _FILTER_FRAMES):
            part = slice(start, start + _FILTER_FRAMES)
            refined = refine(targets[..., part], spectra[..., part], self.iterations)
            self._add(refined, out[..., start * HOP :], weight[start * HOP :])
        kept = slice(N_FFT // 2, N_FFT // 2 + length)
        return out[..., kept] / weight[kept]

    def _add(self, spectra: Tensor, out: Tensor, weight: Tensor) -> None:
        """Overlap-add frames `(stems, 2, bins, frames)` and the squares of their windows."""
        frames = torch.fft.irfft(spectra.transpose(-1, -2), n=N_FFT) * self._window
        count, columns = frames.shape[-2], frames.flatten(0, 1).transpose(1, 2)
        length = (count - 1) * HOP + N_FFT
        summed = functional.fold(columns, (1, length), (1, N_FFT), stride=(1, HOP))
        out[..., :length] += summed.reshape(*out.shape[:2], length)
        squared = (self._window**2)[None, :, None].expand(1, N_FFT, count)
        weight[:length] += functional.fold(
            squared, (1, length), (1, N_FFT), stride=(1, HOP)
        ).flatten()


def bins_below(hertz: float) -> int:
    """Return how many bins of the STFT lie at or below a frequency."""
    return int(hertz * N_FFT / SAMPLE_RATE) + 1


def load_network(path: Path, arguments: Mapping[str, Any]) -> OpenUnmix:
    """Build a network and load one target's published state dict.

    Raises:
        CheckpointError: another network's, or one for another sample rate.
        ConfigError: arguments that the network does not take.
    """
    try:
        network = OpenUnmix(**arguments)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ConfigError(f"Open-Unmix cannot be built with {dict(arguments)}: {error}.") from error
    state = unwrap(load(path), path)
    rate = state.pop("sample_rate", None)
    if rate is not None and float(rate) != SAMPLE_RATE:
        raise CheckpointError(
            f"{path} was trained at {float(rate):g} Hz, but stemwise separates at {SAMPLE_RATE} Hz."
        )
    state = {key: value for key, value in state.items() if key not in _LEFTOVERS}
    fit(network, state, path, "these settings")
    return network
