"""The passes over demucs' parameters give what demucs' own classes give, for every part they know."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest
import torch
from demucs.demucs import Demucs
from demucs.hdemucs import HDemucs
from demucs.htdemucs import HTDemucs

from stemwise.models.fast.hybrid_demucs import FastHybridDemucs, demucs_pass

SOURCES = ["drums", "bass", "other"]
SEGMENT = Fraction(1, 20)
CHUNK = int(44_100 * SEGMENT)
SMALL = {"channels": 8, "depth": 4, "nfft": 1024, "segment": SEGMENT, "dconv_comp": 4}
TRANSFORMED = SMALL | {"nfft": 2048, "t_layers": 3, "t_heads": 2, "dconv_mode": 3}
# norms, LSTM and attention begin at the third layer
DRUMSEP = SMALL | {"dconv_attn": 2, "dconv_lstm": 2, "norm_starts": 2}
KNOWN = {
    "transformed": (HTDemucs, TRANSFORMED),
    "bottom": (HTDemucs, TRANSFORMED | {"bottom_channels": 16, "t_layers": 2}),
    "cross-first": (HTDemucs, TRANSFORMED | {"t_cross_first": True, "t_layers": 2}),
    "any-length": (HTDemucs, TRANSFORMED | {"use_train_segment": False, "t_layers": 1}),
    "no-positions": (HTDemucs, TRANSFORMED | {"freq_emb": 0.0, "t_layers": 1}),
    "hybrid": (HDemucs, SMALL),
    "drumsep": (HDemucs, DRUMSEP),
    "both-dconv": (HDemucs, SMALL | {"depth": 5, "dconv_mode": 3, "channels": 4}),
    "no-dconv": (HDemucs, SMALL | {"dconv_mode": 0, "norm_starts": 1, "norm_groups": 2}),
    "context": (HDemucs, SMALL | {"context_enc": 1, "context": 0}),
}
OTHER = {
    "masks": (HTDemucs, TRANSFORMED | {"cac": False}),
    "bands": (HDemucs, SMALL | {"multi_freqs": [0.25], "multi_freqs_depth": 2}),
    "old": (HDemucs, SMALL | {"hybrid_old": True}),
    "spectrum-only": (HDemucs, SMALL | {"hybrid": False}),
    "group-norm": (HTDemucs, TRANSFORMED | {"t_group_norm": True}),
    "post-norm": (HTDemucs, TRANSFORMED | {"t_norm_first": False}),
    "cape": (HTDemucs, TRANSFORMED | {"t_emb": "cape"}),
    "no-gate": (HDemucs, SMALL | {"rewrite": False}),
    "no-transformer": (HTDemucs, TRANSFORMED | {"t_layers": 0}),
    "v3": (Demucs, {"channels": 4, "depth": 3, "segment": SEGMENT}),
}


@pytest.fixture(autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def network_of(klass, arguments):
    """A network whose norms and scales are far from 1 and 0, so that each is heard."""
    torch.manual_seed(0)
    network = klass(sources=SOURCES, **arguments).eval()
    with torch.no_grad():
        for name, value in network.named_parameters():
            if re.search(r"norm|scale|gamma", name) or _is_norm(network, name):
                value.copy_(0.3 + 0.6 * torch.rand_like(value))
            elif value.ndim == 1:
                value.copy_(0.1 * torch.randn_like(value))
    return network


def _is_norm(network, name):
    return isinstance(network.get_submodule(name.rpartition(".")[0]), torch.nn.GroupNorm)


def noise(batch, length):
    generator = torch.Generator().manual_seed(1)
    return 0.02 + 0.1 * torch.randn(batch, 2, length, generator=generator)


def difference(network, fast, audio):
    """The largest difference, relative to the largest sample."""
    with torch.inference_mode():
        return relative(fast(audio), network(audio))


def relative(found, expected):
    assert found.shape == expected.shape
    return float((found - expected).abs().max() / expected.abs().max())


@pytest.mark.parametrize(("batch", "length"), [(1, CHUNK), (2, CHUNK - 1), (1, 300)])
@pytest.mark.parametrize("name", KNOWN)
def test_the_output_is_that_of_the_package(name, batch, length):
    network = network_of(*KNOWN[name])
    assert difference(network, FastHybridDemucs(network), noise(batch, length)) < 5e-6


@pytest.mark.parametrize("name", OTHER)
def test_other_layouts_keep_their_own_pass(name):
    network = network_of(*OTHER[name])
    assert demucs_pass(network) is network


@pytest.mark.parametrize("name", ["bottom", "drumsep"])
def test_every_kind_of_parameter_is_heard(name):
    network = network_of(*KNOWN[name])
    audio = noise(1, 1000)
    kinds = {re.sub(r"\d+", "#", key): value for key, value in network.named_parameters()}
    with torch.inference_mode():
        before = FastHybridDemucs(network)(audio)
    for kind, value in kinds.items():
        kept = value.detach().clone()
        with torch.no_grad():
            value.add_(torch.rand(value.shape))
        with torch.inference_mode():
            found = FastHybridDemucs(network)(audio)
            assert relative(found, network(audio)) < 2e-6, kind
        # of queries and keys little is heard, since attention decays; the package itself runs them
        assert relative(found, before) > 3e-6 or re.search("query|key", kind), kind
        with torch.no_grad():
            value.copy_(kept)


def test_spectra_stay_exact_where_passes_run_in_half_precision():
    network = network_of(*KNOWN["transformed"])
    fast, audio = FastHybridDemucs(network), noise(1, CHUNK)
    with torch.inference_mode():
        exact = fast(audio)
        with torch.autocast("cpu", torch.bfloat16):
            found = fast(audio)
    assert found.dtype == torch.float32
    error = (found - exact).square().mean() / exact.square().mean()
    assert 1e-9 < float(error) < 1e-2
