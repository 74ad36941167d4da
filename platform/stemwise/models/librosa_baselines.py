"""Classical separators from librosa: harmonic/percussive medians, and REPET-SIM.

librosa (with numba and scikit-learn) is an extra and costs seconds at import, so it is loaded when
one of these models is built.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from stemwise.core.errors import ConfigError, require
from stemwise.models.base import WeightlessModel
from stemwise.models.tiling import CenteredTiling

Magnitude = npt.NDArray[np.float32]


def _librosa(purpose: str) -> ModuleType:
    try:
        import librosa
    except ImportError as error:
        raise require("librosa", "baselines", purpose) from error
    return librosa


class _MaskModel(WeightlessModel):
    """Two stems from one soft mask on the magnitude of the mono mixture: mask, and 1 − mask.

    `end_frames` frames follow the last sample, so that every sample lies under two windows or more.
    """

    def __init__(
        self, stems: Sequence[str], chunk_s: float, n_fft: int, hop: int, end_frames: int
    ) -> None:
        self.stems = tuple(stems)
        if len(self.stems) != 2:
            raise ConfigError(f"A mask model makes 2 stems, not {len(self.stems)}.")
        self.tiling = CenteredTiling(chunk=int(chunk_s * self.sample_rate), overlap=0.25)
        self._n_fft, self._hop, self._end_frames = n_fft, hop, end_frames

    def _mask(self, magnitude: Magnitude) -> Magnitude:
        raise NotImplementedError

    def forward(self, chunks: Tensor) -> Tensor:
        """Mask `(batch, channels, samples)` into `(batch, 2, channels, samples)`."""
        length, device = chunks.shape[-1], chunks.device
        window = torch.hann_window(self._n_fft, device=device)
        # What lies under the tail of the last window alone would be divided by next to nothing.
        whole = (-(-length // self._hop) + self._end_frames) * self._hop
        padded = torch.nn.functional.pad(chunks, (0, max(self._n_fft, whole) - length))
        out = []
        for chunk in padded:
            spectra = torch.stft(
                chunk,
                self._n_fft,
                self._hop,
                window=window,
                return_complex=True,
                pad_mode="constant",
            )
            magnitude = spectra.abs().mean(dim=0).cpu().numpy()
            mask = torch.from_numpy(self._mask(magnitude)).to(device)
            target = torch.istft(
                spectra * mask, self._n_fft, self._hop, window=window, length=padded.shape[-1]
            )
            out.append(torch.stack([target, chunk - target])[..., :length])
        return torch.stack(out)


class HarmonicPercussiveModel(_MaskModel):
    """Drums as what is percussive: median filtering of the spectrogram (FitzGerald 2010).

    `margin` > 1 demands that a bin be that much more percussive than harmonic (Driedger 2014).
    """

    def __init__(
        self,
        stems: Sequence[str],
        margin: float = 1.0,
        kernel: int = 31,
        n_fft: int = 4096,
        hop: int = 1024,
        chunk_s: float = 30.0,
        end_frames: int = 1,
    ) -> None:
        super().__init__(stems, chunk_s, n_fft, hop, end_frames)
        self._hpss: Callable[..., tuple[Magnitude, Magnitude]] = _librosa(
            "The model hpss"
        ).decompose.hpss
        self._margin, self._kernel = (1.0, margin), kernel
        self._mask(np.ones((64, 64), np.float32))  # librosa loads its parts at first use

    def _mask(self, magnitude: Magnitude) -> Magnitude:
        _, percussive = self._hpss(
            magnitude, kernel_size=self._kernel, mask=True, margin=self._margin
        )
        return percussive.astype(np.float32)


class RepetSimModel(_MaskModel):
    """Vocals as what does not repeat: REPET-SIM (Rafii & Pardo 2012).

    The background of a frame is the median of its most similar frames at least `gap_s` away; vocals
    are what exceeds it, through a soft mask with `margin`; below `high_pass_hz` nothing is vocals.
    """

    def __init__(
        self,
        stems: Sequence[str],
        margin: float = 3.0,
        gap_s: float = 1.0,
        high_pass_hz: float = 120.0,
        n_fft: int = 2048,
        hop: int = 1024,
        chunk_s: float = 60.0,
        end_frames: int = 1,
    ) -> None:
        super().__init__(stems, chunk_s, n_fft, hop, end_frames)
        librosa = _librosa("The model repet_sim")
        self._nn_filter: Callable[..., Magnitude] = librosa.decompose.nn_filter
        self._softmask: Callable[..., Magnitude] = librosa.util.softmask
        self._margin = margin
        self._gap = max(1, int(gap_s * self.sample_rate / hop))
        self._lowest_bin = int(np.ceil(high_pass_hz * n_fft / self.sample_rate))
        self._mask(
            np.ones((64, 2 * self._gap + 3), np.float32)
        )  # librosa loads its parts at first use

    def _mask(self, magnitude: Magnitude) -> Magnitude:
        if magnitude.shape[1] < 2 * self._gap + 3 or not magnitude.any():
            # too short to look for a repetition elsewhere: nothing can be separated
            return np.full_like(magnitude, 0.5)
        background = self._nn_filter(
            magnitude, aggregate=np.median, metric="cosine", width=self._gap
        )
        background = np.minimum(magnitude, background)
        mask = self._softmask(magnitude - background, self._margin * background, power=2)
        mask[: self._lowest_bin] = 0
        return np.nan_to_num(mask).astype(np.float32)
