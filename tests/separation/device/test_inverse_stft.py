"""The inverse STFT against torch's."""

from __future__ import annotations

import pytest
import torch

from stemwise.separation.device.inverse_stft import inverse_stft
from stemwise.separation.device.precision import FloatSpectra, InversesThatDoNotWait


@pytest.mark.parametrize(
    ("n_fft", "hop", "width"), [(512, 128, 512), (512, 100, 400), (64, 16, None)]
)
@pytest.mark.parametrize("length", [None, 3000, 3210])
@pytest.mark.parametrize("normalized", [False, True])
@pytest.mark.parametrize("rectangular", [False, True])
def test_it_equals_torchs(n_fft, hop, width, length, normalized, rectangular):
    audio = torch.randn(3, 3200, generator=torch.Generator().manual_seed(0))
    window = (torch.ones if rectangular else torch.hann_window)(width or n_fft)
    options = {"hop_length": hop, "win_length": width, "window": window, "normalized": normalized}
    spectra = torch.stft(audio, n_fft, return_complex=True, **options)
    expected = torch.istft(spectra, n_fft, length=length, **options)
    found = inverse_stft(spectra, n_fft, length=length, **options)
    assert found.shape == expected.shape
    torch.testing.assert_close(found, expected, atol=2e-5, rtol=1e-5)
    one = inverse_stft(spectra[1], n_fft, length=length, **options)
    torch.testing.assert_close(one, found[1])


def test_zeros_follow_where_more_was_asked_for_than_there_is():
    spectra = torch.stft(torch.randn(1, 512), 64, window=torch.ones(64), return_complex=True)
    found = inverse_stft(spectra, 64, window=torch.ones(64), length=700)
    assert found.shape == (1, 700) and not found[:, 600:].any() and found[:, :512].any()


def test_it_stands_in_for_torchs_inside_of_a_pass(monkeypatch):
    seen = []

    def watched(spectra, *args, **named):
        seen.append(spectra.dtype)
        return inverse_stft(spectra, *args, **named)

    monkeypatch.setattr("stemwise.separation.device.precision.inverse_stft", watched)
    audio, window = torch.randn(2, 2048), torch.hann_window(256)
    with InversesThatDoNotWait(), FloatSpectra("cpu"):
        spectra = torch.stft(audio.bfloat16(), 256, window=window, return_complex=True)
        back = torch.istft(spectra, 256, window=window, length=2048)
    assert seen == [torch.complex64]
    torch.testing.assert_close(back, audio.bfloat16().float(), atol=1e-5, rtol=0)


def test_complex_signals_are_refused():
    with pytest.raises(NotImplementedError, match="complex"):
        inverse_stft(torch.zeros(33, 2, dtype=torch.complex64), 64, return_complex=True)
