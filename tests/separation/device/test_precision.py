"""Precisions: what a device computes in, and that PyTorch is left as it was."""

from __future__ import annotations

import pytest
import torch

from stemwise.core.errors import DeviceError
from stemwise.separation.device.precision import (
    FloatSpectra,
    check_supported,
    computing,
    of_capability,
    supported,
    switched,
)
from stemwise.separation.separator import Separator

CPU = torch.device("cpu")


@pytest.mark.parametrize("precision", ["tf32", "fp16"])
def test_a_cpu_has_neither_tf32_nor_fp16(fake, precision):
    with pytest.raises(DeviceError, match=f"precision={precision} is not for cpu .* fp32, bf16: "):
        Separator(fake(lambda chunks: chunks[:, None]), "cpu", precision=precision)
    check_supported("auto", CPU)


def test_gpus_before_ampere_have_neither_tf32_nor_bf16():
    assert of_capability((7, 5)) == ("fp32", "fp16")
    assert of_capability((8, 0)) == of_capability((9, 0)) == ("fp32", "tf32", "bf16", "fp16")
    assert supported(torch.device("meta")) == ("fp32",)


def test_auto_is_float32_on_a_cpu(fake):
    seen = []
    separator = Separator(fake(lambda chunks: seen.append(products()) or chunks[:, None]), "cpu")
    separator.run(torch.zeros(1, 2, 8))
    assert separator.precision == "fp32" and seen == [torch.float32]


def products():
    """Return what a product of float32 matrices is of."""
    return (torch.ones(2, 2) @ torch.ones(2, 2)).dtype


def test_products_are_bf16_inside_and_only_there(fake):
    model = fake(lambda chunks: (chunks @ torch.eye(chunks.shape[-1]))[:, None])
    separator = Separator(model, "cpu", precision="bf16")
    chunks = torch.rand(1, 2, 64)
    made = separator.run(chunks)
    assert made.dtype == torch.float32  # whatever the model returned
    assert torch.equal(made[:, 0], chunks.bfloat16().float())
    assert products() == torch.float32


def test_switches_of_the_process_are_put_back():
    matmul = torch.backends.cuda.matmul
    before = (matmul.fp32_precision, torch.backends.cudnn.rnn.fp32_precision)
    with pytest.raises(ValueError, match="inside"), switched("tf32"):
        assert matmul.fp32_precision == torch.backends.cudnn.conv.fp32_precision == "tf32"
        with switched("ieee"):
            assert matmul.fp32_precision == torch.backends.cudnn.conv.fp32_precision == "ieee"
        assert matmul.fp32_precision == "tf32"
        raise ValueError("inside")
    assert before == (matmul.fp32_precision, torch.backends.cudnn.rnn.fp32_precision)


def test_spectra_are_float32_inside_of_autocast():
    half = torch.rand(2, 4096).bfloat16()
    window = torch.hann_window(512)
    with computing(CPU, "bf16"):
        spectra = torch.stft(half, 512, window=window, return_complex=True)
        mask = torch.view_as_complex(torch.tensor([[[1.0, 0.0]]]).bfloat16())
        back = torch.istft(spectra * mask, 512, window=window, length=4096)
        assert torch.fft.rfft(half).dtype == torch.complex64
    assert (spectra.dtype, mask.dtype, back.dtype) == (torch.complex64,) * 2 + (torch.float32,)
    torch.testing.assert_close(back, half.float(), atol=1e-5, rtol=0)


def test_without_it_complex_numbers_would_be_halves():
    pairs = torch.ones(4, 2, dtype=torch.float16)
    assert torch.view_as_complex(pairs).dtype == torch.complex32
    with FloatSpectra("cpu"):
        assert torch.view_as_complex(pairs).dtype == torch.complex64
