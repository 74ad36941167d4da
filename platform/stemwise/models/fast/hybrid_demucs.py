"""HDemucs (Défossez 2021) and HTDemucs (Rouard, Massa & Défossez 2023) over demucs' parameters."""

from __future__ import annotations

from itertools import zip_longest
from typing import Any

import torch
from torch import Tensor, nn

from stemwise.models.fast.cross_transformer import CrossTransformer
from stemwise.models.fast.hybrid_layers import Convolution, Decoder, Encoder
from stemwise.models.fast.hybrid_spectra import Spectra
from stemwise.models.fast.layout import Pass, expect, fast_pass
from stemwise.models.fast.rows import full_precision


def demucs_pass(network: nn.Module) -> Pass:
    """Return the fast pass of an HDemucs or HTDemucs, or the network itself if it is another."""
    return fast_pass(network, FastHybridDemucs)


class FastHybridDemucs:
    """Separates `(batch, channels, samples)` into `(batch, stems, channels, samples)`.

    Raises:
        UnknownLayoutError: the network has other parts.
    """

    def __init__(self, network: Any) -> None:
        kind = type(network).__name__
        expect(kind in ("HDemucs", "HTDemucs"), kind)
        expect(network.cac, "masks on magnitudes")
        transformed = kind == "HTDemucs"
        expect(transformed or (network.hybrid and not network.hybrid_old), "no or an old hybrid")
        self._length = None
        if transformed and network.use_train_segment:
            self._length = int(network.segment * network.samplerate)
        self._spectra = Spectra(network.nfft, next(network.parameters()).device)
        self._stems = len(network.sources)
        self._encoders = [Encoder(layer) for layer in network.encoder]
        self._encoders_t = [Encoder(layer) for layer in network.tencoder]
        self._decoders = [Decoder(layer) for layer in network.decoder]
        self._decoders_t = [Decoder(layer) for layer in network.tdecoder]
        self._places = _places_of(network)
        self._bottom = _Bottom(network) if transformed and network.crosstransformer else None
        # without a transformer all that is known goes through the skip connections
        expect(self._bottom is not None or not transformed, "HTDemucs without a transformer")

    def __call__(self, audio: Tensor) -> Tensor:
        """Return the stems."""
        kept = audio.shape[-1]
        missing = max(0, (self._length or 0) - kept)
        audio = torch.nn.functional.pad(audio.float(), (0, missing))
        with full_precision(audio):
            x, scale = _standardised(self._spectra.analyse(audio))
            xt, scale_t = _standardised(audio.transpose(1, 2)[:, None])
        x, xt = self._separated(x, xt)
        with full_precision(audio):
            sound = self._spectra.synthesise(_restored(x, scale), audio.shape[-1])
            sound += _restored(xt, scale_t)[:, 0].transpose(1, 2)
        return sound.view(len(sound), self._stems, -1, sound.shape[-1])[..., :kept]

    def _separated(self, x: Tensor, xt: Tensor) -> tuple[Tensor, Tensor]:
        saved: list[tuple[Tensor, int]] = []
        saved_t: list[tuple[Tensor | None, int]] = []
        for encode, encode_t in zip_longest(self._encoders, self._encoders_t):
            length, inject = x.shape[2], None
            if encode_t is not None:
                length_t, xt = xt.shape[2], encode_t(xt)
                saved_t.append((None if encode_t.empty else xt, length_t))
                inject = xt if encode_t.empty else None
            x = encode(x, inject)
            if not saved and self._places is not None:
                x += self._places[: x.shape[1]]
            saved.append((x, length))
        if self._bottom is not None:
            x, xt = self._bottom(x, xt)
        else:
            x = torch.zeros_like(x)
        alone = len(self._decoders) - len(self._decoders_t)
        for index, decode in enumerate(self._decoders):
            decode_t = self._decoders_t[index - alone] if index >= alone else None
            joint = decode_t is not None and decode_t.empty
            x, pre = decode(x, *saved.pop(), inner=joint)
            if decode_t is not None:
                skip, length_t = saved_t.pop()
                heard = pre if joint else xt
                assert heard is not None
                xt, _ = decode_t(heard, skip, length_t)
        return x, xt


class _Bottom:
    """The transformer, between projections to as many channels as it has, if any."""

    def __init__(self, network: Any) -> None:
        self._transformer = CrossTransformer(network.crosstransformer)
        names = ("upsampler", "upsampler_t", "downsampler", "downsampler_t")
        wanted = bool(network.bottom_channels)
        convs = [getattr(network, f"channel_{name}") for name in names] if wanted else []
        self._convs = [Convolution(conv) for conv in convs]

    def __call__(self, x: Tensor, xt: Tensor) -> tuple[Tensor, Tensor]:
        # what comes in is kept for the skip connections
        if self._convs:
            x, xt = self._convs[0](x), self._convs[1](xt)
        batch, bins, frames, channels = x.shape
        sequence = x.transpose(1, 2).reshape(batch, -1, channels)
        sequence, line = self._transformer(sequence, xt[:, 0], frames)
        x, xt = sequence.view(batch, frames, bins, channels).transpose(1, 2), line[:, None]
        if self._convs:
            x, xt = self._convs[2](x), self._convs[3](xt)
        return x, xt


def _places_of(network: Any) -> Tensor | None:
    """Return what is added to the first layer's output for each of its bins, `(bins, 1, channels)`."""
    if network.freq_emb is None:
        return None
    weight: Tensor = network.freq_emb.weight.detach() * network.freq_emb_scale
    return weight[:, None]


def _standardised(rows: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Return rows with mean 0 and deviation 1 per chunk, contiguous, and what they had."""
    deviation, mean = torch.std_mean(rows, dim=(1, 2, 3), keepdim=True)
    return ((rows - mean) / (1e-5 + deviation)).contiguous(), (mean, deviation)


def _restored(rows: Tensor, scale: tuple[Tensor, Tensor]) -> Tensor:
    mean, deviation = scale
    return torch.addcmul(mean, rows.float(), deviation)
