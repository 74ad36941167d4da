"""BS-RoFormer (Lu et al. 2023) and Mel-Band RoFormer (Wang et al. 2023) over pymss-core's parameters."""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor, nn

from stemwise.models.fast.bands import Bands, starts_of
from stemwise.models.fast.layout import Pass, expect, fast_pass
from stemwise.models.fast.rows import full_precision
from stemwise.models.fast.transformer import FastTransformer, block_of, is_norm, rotations


def roformer_pass(network: nn.Module) -> Pass:
    """Return the fast pass of a RoFormer, or the network itself if its layout is not known."""
    return fast_pass(network, FastRoformer)


class FastRoformer:
    """Separates `(batch, channels, samples)` as the network does.

    Features are `(batch, band, time, dim)` throughout, so that attention along time, the more expensive
    one, needs no copy.

    Raises:
        UnknownLayoutError: the network has other parts.
    """

    def __init__(self, network: Any) -> None:
        kind = type(network).__name__
        expect(kind in ("MelBandRoformer", "BSRoformer"), kind)
        self._network = network
        self._mel = kind == "MelBandRoformer"
        split, heads = network.band_split, list(network.mask_estimators)
        self._bands = Bands(split, heads, _starts(network, split.dim_inputs, self._mel))
        self._layers = [tuple(map(FastTransformer, pair)) for pair in network.layers]
        expect(all(len(pair) == 2 for pair in self._layers), "layers along other axes")
        for axis in (0, 1):
            first = self._layers[0][axis].frequencies
            expect(all(pair[axis].frequencies is first for pair in self._layers), "positions")
        self._norm = None if isinstance(network.final_norm, nn.Identity) else network.final_norm
        expect(self._norm is None or is_norm(self._norm), "final norm")

    def __call__(self, audio: Tensor) -> Tensor:
        """Return the stems `(batch, stems, channels, samples)`; one stem comes without its axis."""
        if self._network._active_source_indices() is not None:
            plain: Tensor = self._network(audio)
            return plain
        with full_precision(audio):
            frames = self._analysed(audio)
        rows = torch.view_as_real(frames).flatten(2)
        x = self._transformed(self._bands.features(rows))
        masks = self._bands.masks(x, self._norm, rows.shape[-1])
        with full_precision(audio):
            return self._synthesised(frames, masks.float(), audio.shape[-1])

    def _analysed(self, audio: Tensor) -> Tensor:
        """Return the spectrum, complex `(batch, time, bins, channels)`."""
        batch, channels, _ = audio.shape
        window = self._network.stft_window(audio.device)
        options = self._network.stft_kwargs
        flat = audio.float().flatten(0, 1)
        spectrum = torch.stft(flat, **options, window=window, return_complex=True)
        shaped: Tensor = spectrum.reshape(batch, channels, *spectrum.shape[1:])
        return shaped.permute(0, 3, 2, 1).contiguous()

    def _transformed(self, x: Tensor) -> Tensor:
        _, bands, time, _ = x.shape
        along_time, along_bands = self._layers[0]
        moments = rotations(along_time.frequencies, time)
        places = rotations(along_bands.frequencies, bands)
        earlier: list[Tensor] = []
        for along_time, along_bands in self._layers:
            for residual in earlier:
                x += residual
            _in_blocks(x.flatten(0, 1), along_time, moments)
            rows = x.transpose(1, 2).flatten(0, 1)  # a view, for one item
            _in_blocks(rows, along_bands, places)
            if len(x) > 1:
                x.copy_(rows.view(len(x), time, bands, -1).transpose(1, 2))
            if self._network.skip_connection:
                earlier.append(x.clone())
        return x

    def _synthesised(self, frames: Tensor, masks: Tensor, length: int) -> Tensor:
        """Return the stems from spectrum `(batch, time, bins, channels)` and masks of its rows."""
        batch, _, bins, channels = frames.shape
        ratios = torch.view_as_complex(masks.view(*masks.shape[:-1], bins, channels, 2))
        if self._mel:
            ratios /= self._network.num_bands_per_freq.clamp(min=1e-8)[:, None]
        ratios *= frames[:, None]
        if self._network.zero_dc:
            ratios[..., 0, :] = 0
        spectra = ratios.permute(0, 1, 4, 3, 2).flatten(0, 2)
        whole = not self._mel or self._network.match_input_audio_length
        sound: Tensor = torch.istft(
            spectra,
            **self._network.stft_kwargs,
            window=self._network.stft_window(frames.device),
            length=length if whole else None,
        )
        shaped = sound.reshape(batch, -1, channels, sound.shape[-1])
        return shaped[:, 0] if shaped.shape[1] == 1 else shaped


def _in_blocks(sequences: Tensor, run: Callable[[Tensor, Tensor], Tensor], by: Tensor) -> None:
    """Replace sequences `(count, n, dim)` by what a transformer makes of them."""
    for part in torch.split(sequences, block_of(sequences)):
        part.copy_(run(part.contiguous(), by))


def _starts(network: Any, widths: tuple[int, ...], mel: bool) -> list[int]:
    """Return the first column of every band in a frame's row."""
    if not mel:
        return [0, *accumulate(widths)][:-1]
    indices: Tensor = network.freq_indices
    return [2 * start for start in starts_of(indices, [width // 2 for width in widths])]
