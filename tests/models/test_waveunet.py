"""Wave-U-Net: sizes and formulas of the paper, keys and sizes of the authors' PyTorch version."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from stemwise.core.errors import CheckpointError, ConfigError
from stemwise.models import registry, waveunet, waveunet_pytorch
from stemwise.models.context_tiling import ContextTiling
from stemwise.models.waveunet import LearnedInterpolation, LinearInterpolation, WaveUNet
from stemwise.models.waveunet_pytorch import PytorchWaveUNet, low_pass
from stemwise.separation.separator import Separator

from .reference_inference import off_centre_noise

STEMS = ("bass", "drums", "other", "vocals")
SMALL = {"frames": 64, "levels": 3, "growth": 4, "down_kernel": 5, "up_kernel": 3}
PYTORCH = {"frames": 100, "features": 8, "levels": 3, "kernel_size": 3, "strides": 2}


def network(**changes):
    torch.manual_seed(0)
    return WaveUNet(4, **(SMALL | changes)).eval()


def theirs(**changes):
    torch.manual_seed(0)
    return PytorchWaveUNet(STEMS, **(PYTORCH | changes)).eval()


def trained(made):
    """A checkpoint as the authors' training writes it."""
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(3))])
    state = {"step": 7, "worse_epochs": 0, "epochs": 1, "best_loss": 0.1}
    return {
        "model_state_dict": made.state_dict(),
        "optimizer_state_dict": optimizer.state_dict(),
        "state": state,
    }


def loaded(base, path, arguments):
    own = {"name": "mine", "base": base, "checkpoint": str(path), "stems": list(STEMS)}
    entry = own | {"settings": {"network": arguments}}
    return registry.build(registry.prepare(registry.resolve(entry)))


def test_sizes_are_those_of_the_paper_and_of_the_authors_log():
    # table 2 of the paper; what the PyTorch version prints for its defaults
    assert waveunet.sizes(16_384, 12, 15, 5) == (147_443, 16_389)
    assert waveunet_pytorch.sizes(88_200, 6, 5, 4, True) == (97_961, 88_409)


@pytest.mark.parametrize("name", ["waveunet", "waveunet_pytorch"])
def test_the_zoos_networks_have_their_true_size(name):
    spec = registry.get(name)
    with torch.device("meta"):
        made = registry.model_class(spec).untrained(spec.stems, spec.settings["network"])
        out = made(torch.zeros(1, 2, made.input_size))
    assert sum(value.numel() for value in made.parameters()) == spec.parameters
    assert out.shape == (1, 4, 2, made.output_size)


def test_interpolation_keeps_a_ramp_and_learns_where_between_neighbours_it_lies():
    ramp = torch.arange(5.0).reshape(1, 1, 5)
    linear, learned = LinearInterpolation(), LearnedInterpolation(1)
    torch.testing.assert_close(linear(ramp, False), torch.arange(0, 4.5, 0.5).reshape(1, 1, 9))
    torch.testing.assert_close(linear(ramp, True)[0, 0, -2:], torch.tensor([4.0, 4.0]))
    torch.testing.assert_close(learned(ramp, False), linear(ramp, False))  # σ(0) is a half
    with torch.no_grad():
        learned.weight.fill_(np.log(3.0))  # σ is three quarters
    found = learned(ramp, True)[0, 0]
    torch.testing.assert_close(found[1::2], torch.tensor([0.25, 1.25, 2.25, 3.25, 3.0]))


@pytest.mark.parametrize("upsampling", ["linear", "learned"])
@pytest.mark.parametrize("context", [True, False])
def test_stems_sum_to_the_mixture(context, upsampling):
    made = network(context=context, upsampling=upsampling)
    mixture = torch.randn(2, 2, made.input_size)
    with torch.inference_mode():
        out = made(mixture)
    assert out.shape == (2, 4, 2, made.output_size) and float(out[:, :3].std()) > 1e-3
    heard = waveunet.centre(mixture, made.output_size)
    torch.testing.assert_close(out.sum(dim=1), heard)


@torch.inference_mode()
def test_one_level_is_its_formula():
    made = network(levels=1, upsampling="learned", output="direct")
    x = torch.randn(1, 2, made.input_size)
    first = functional.leaky_relu(made.down[0](x), 0.2)
    low = functional.leaky_relu(made.bottleneck(first[..., ::2]), 0.2)
    high = torch.zeros(1, 8, 2 * low.shape[-1] - 1)
    high[..., ::2], high[..., 1::2] = low, (low[..., :-1] + low[..., 1:]) / 2
    start = (first.shape[-1] - high.shape[-1]) // 2
    joined = torch.cat([first[..., start : start + high.shape[-1]], high], dim=1)
    features = functional.leaky_relu(made.up[0](joined), 0.2)
    start = (x.shape[-1] - features.shape[-1]) // 2
    joined = torch.cat([x[..., start : start + features.shape[-1]], features], dim=1)
    torch.testing.assert_close(made(x).flatten(1, 2), torch.tanh(made.output(joined)))


@pytest.mark.parametrize("make", [network, lambda **changes: theirs(conv_type="bn", **changes)])
def test_an_output_does_not_depend_on_how_long_the_input_is(make):
    """Without padding a sample is estimated from its surroundings only."""
    short, long = make(frames=64), make(frames=300)
    context = (short.input_size - short.output_size) // 2
    if context == (long.input_size - long.output_size) // 2:
        x = torch.randn(1, 2, long.input_size)
        with torch.inference_mode():
            whole, part = long(x), short(x[..., : short.input_size])
        inner = slice(0, short.output_size - 40)  # the fixed low-pass filter reflects at the end
        torch.testing.assert_close(part[..., inner], whole[..., inner], atol=1e-5, rtol=0)
    else:
        pytest.fail("the context depends on the length")


@pytest.mark.parametrize("length", [1, 100, 64 * 3, 1000])
def test_a_track_is_cut_into_outputs_with_context(tmp_path, home, length):
    made = network()
    path = tmp_path / "mine.pt"
    torch.save(made.state_dict(), path)
    model = loaded("waveunet", path, SMALL)
    mixture = off_centre_noise(length)
    found = Separator(model, "cpu", 2)(mixture)
    context = (made.input_size - made.output_size) // 2
    padded = functional.pad(torch.from_numpy(mixture), (context, made.input_size + context))
    with torch.inference_mode():
        parts = [
            made(padded[None, :, start : start + made.input_size])[0]
            for start in range(0, length, made.output_size)
        ]
    torch.testing.assert_close(found, torch.cat(parts, dim=-1)[..., :length], atol=1e-6, rtol=0)
    torch.testing.assert_close(found.sum(dim=0), torch.from_numpy(mixture), atol=1e-6, rtol=0)


def test_tiles_lie_side_by_side():
    tiling = ContextTiling(100, 7)
    spans = [(t.read_start, t.read_stop, t.start, t.stop) for t in tiling.tiles(250)]
    assert spans == [(-7, 107, 0, 100), (93, 207, 100, 200), (193, 307, 200, 250)]
    assert tiling.heard(250) == 3 * 114
    with pytest.raises(ConfigError):
        ContextTiling(0, 5)


@pytest.mark.parametrize("res", ["fixed", "learned"])
@pytest.mark.parametrize("separate", [True, False])
def test_the_authors_checkpoints_have_these_keys(tmp_path, home, res, separate):
    made = theirs(res=res, separate=separate)
    state = made.state_dict()
    unit = "waveunets.vocals" if separate else "waveunets.ALL"
    block = f"{unit}.downsampling_blocks.0"
    filtered = "filter" if res == "fixed" else "filter.weight"
    for key, shape in {
        f"{block}.pre_shortcut_convs.0.filter.weight": (8, 2, 3),
        f"{block}.post_shortcut_convs.0.norm.bias": (16,),
        f"{block}.downconv.{filtered}": (16, 1, 15) if res == "fixed" else (16, 16, 3),
        f"{unit}.upsampling_blocks.1.upconv.{filtered}": (16, 1, 15)
        if res == "fixed"
        else (16, 16, 3),
        f"{unit}.upsampling_blocks.1.post_shortcut_convs.0.filter.weight": (8, 16, 3),
        f"{unit}.bottlenecks.0.filter.bias": (32,),
        f"{unit}.output_conv.weight": (2 if separate else 8, 8, 1),
    }.items():
        assert state[key].shape == shape, key
    path = tmp_path / "model"
    torch.save(trained(made), path)
    model = loaded("waveunet_pytorch", path, PYTORCH | {"res": res, "separate": separate})
    chunks = torch.randn(1, 2, made.input_size)
    with torch.inference_mode():
        expected = made(chunks)
        found = model.forward(chunks)
    context = (made.input_size - made.output_size) // 2
    assert float(expected.std()) > 1e-3
    torch.testing.assert_close(found[..., context : context + made.output_size], expected)


def test_the_low_pass_filter_keeps_a_constant_and_stops_what_would_alias():
    made = low_pass(4).double()
    response = torch.fft.rfft(made, 1024).abs()
    assert float(response[0]) == pytest.approx(1, abs=1e-6)
    assert float(response[256:].max()) < 0.03


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"upsampling": "cubic"}, "upsampling linear or learned"),
        ({"output": "sum"}, "difference or direct"),
        ({"context": False, "frames": 60}, "multiple of 8"),
        ({"frames": 1, "up_kernel": 1, "levels": 1}, "too few"),
    ],
)
def test_a_network_that_cannot_be_is_refused(change, says):
    with pytest.raises(ConfigError, match=says):
        network(**change)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"res": "sinc"}, "res is fixed or learned"),
        ({"conv_type": "ln"}, "conv_type is gn or bn or normal"),
        ({"growth": "triple"}, "growth is add or double"),
    ],
)
def test_settings_that_the_pytorch_version_does_not_have_are_refused(change, says):
    with pytest.raises(ConfigError, match=says):
        theirs(**change)


@pytest.mark.parametrize(("base", "make"), [("waveunet", theirs), ("waveunet_pytorch", network)])
def test_a_checkpoint_of_the_other_network_is_refused(tmp_path, home, base, make):
    path = tmp_path / "other.pt"
    torch.save(make().state_dict(), path)
    small = SMALL if base == "waveunet" else PYTORCH
    with pytest.raises(CheckpointError, match=r"other\.pt is of another architecture") as caught:
        loaded(base, path, small)
    assert "\n" not in str(caught.value)
