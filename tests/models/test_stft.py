from __future__ import annotations

import pytest
import torch

from stemwise.models.stft import FrameStft

SIZES = [(64, 16, 5), (64, 32, 1), (32, 5, 7), (4096, 1024, 3)]


def noise(*shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.mark.parametrize(("n_fft", "hop", "frames"), SIZES)
def test_analysis_is_torch_stft_without_padding(n_fft, hop, frames):
    chunks = noise(3, 2, (frames - 1) * hop + n_fft)
    found = FrameStft(n_fft, hop, frames).forward(chunks)
    assert found.shape == (3, 2, n_fft // 2 + 1, frames)
    expected = torch.stft(
        chunks.flatten(0, 1),
        n_fft,
        hop,
        window=torch.hann_window(n_fft),
        center=False,
        return_complex=True,
    )
    torch.testing.assert_close(found.flatten(0, 1), expected, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize(("n_fft", "hop", "frames"), SIZES)
def test_synthesis_undoes_analysis(n_fft, hop, frames):
    stft = FrameStft(n_fft, hop, frames)
    chunks = noise(1, 2, 2, (frames - 1) * hop + n_fft)
    out = stft.inverse(stft.forward(chunks))
    # where the window is nearly zero, so is the tile's weight
    heard = stft.envelope > 1e-3
    assert heard.float().mean() > 0.5
    torch.testing.assert_close(out[..., heard], chunks[..., heard], atol=1e-4, rtol=0)


def test_synthesis_is_the_least_squares_one():
    stft = FrameStft(16, 4, 6)
    generator = torch.Generator().manual_seed(1)
    spectra = torch.complex(
        torch.rand(9, 6, generator=generator), torch.rand(9, 6, generator=generator)
    )

    def loss(x):
        frames = x.unfold(-1, 16, 4) * stft.window
        target = torch.fft.irfft(spectra.transpose(-1, -2), n=16)
        return ((frames - target) ** 2).sum()

    x = stft.inverse(spectra).double()
    best = loss(x)
    for index in range(1, len(x)):
        for step in (-1e-2, 1e-2):
            other = x.clone()
            other[index] += step
            assert loss(other) > best
