"""How many operations a pass takes, and how many a second the machine does at best."""

from __future__ import annotations

import time
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode, sdpa_flop_count

_SIZE = 2048
_PRODUCTS = 8


def of_a_pass(network: nn.Module, chunk: Tensor) -> int:
    """Return the floating-point operations of one pass: products and convolutions, LSTMs, attention.

    Transforms, normalisations and activations are not counted. The counter does not see into
    PyTorch's fused multi-head attention, which is therefore switched off meanwhile.
    """
    fused = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    more = {
        torch.ops.aten.mkldnn_rnn_layer: _of_an_lstm,
        torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _of_attention,
    }
    counter = FlopCounterMode(display=False, custom_mapping=more)
    try:
        with counter, torch.no_grad():
            network(chunk)
    finally:
        torch.backends.mha.set_fastpath_enabled(fused)
    return int(counter.get_total_flops())


def _of_an_lstm(heard: Any, into: Any, recurrent: Any, *_: Any, **__: Any) -> int:
    """Return the operations of one layer in one direction, from the shapes of input and weights."""
    steps = heard[0] * heard[1]
    return int(2 * steps * (into[0] * into[1] + recurrent[0] * recurrent[1]))


def _of_attention(query: Any, key: Any, value: Any, *_: Any, **__: Any) -> int:
    return int(sdpa_flop_count(query, key, value))


def matmul_peak() -> float:
    """Return float32 operations per CPU second of large matrix products, with torch's threads."""
    one, other = torch.randn(2, _SIZE, _SIZE).unbind()
    one @ other
    started = time.process_time()
    for _ in range(_PRODUCTS):
        one @ other
    return _PRODUCTS * 2 * _SIZE**3 / (time.process_time() - started)
