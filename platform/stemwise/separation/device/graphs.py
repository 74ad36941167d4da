"""A pass as one CUDA graph: hundreds of kernels that the CPU launches at once.

See https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs. A graph has one shape. It is tried
once, at the second pass of a shape, and kept only where it gives the same output in less time; a forward
that cannot be captured (one that waits for the GPU, for example) runs as before.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor

from stemwise.separation.device.halving import free
from stemwise.separation.device.stopwatch import Stopwatch
from stemwise.separation.overlap_add import Forward

_LOG = logging.getLogger(__name__)
# Makes of a forward and its input what replays it.
Capture = Callable[[Forward, Tensor], Forward]
# Replaying launches the same kernels, so only their order of sums may differ.
_TOLERANCE = 1e-3
_GAIN = 0.98  # of the time; less is no gain but noise


class Graphed:
    """Runs `forward`, as a graph where that gains.

    Args:
        forward: `(batch, channels, samples)` → `(batch, stems, channels, samples)`.
        capture: makes a graph; RuntimeError where there is none.
        timed: the device's stopwatch.
    """

    def __init__(self, forward: Forward, capture: Capture, timed: Stopwatch) -> None:
        self._forward, self._capture, self._timed = forward, capture, timed
        self._passes: Counter[torch.Size] = Counter()
        self._graph: tuple[torch.Size, Forward] | None = None
        self._tried = False

    def __call__(self, chunks: Tensor) -> Tensor:
        """Return the output of a pass."""
        if self._graph is not None and self._graph[0] == chunks.shape:
            return self._graph[1](chunks)
        made = self._forward(chunks)
        self._passes[chunks.shape] += 1
        if not self._tried and self._passes[chunks.shape] == 2:
            self._tried = True
            self._try(chunks, made)
        return made

    def _try(self, chunks: Tensor, made: Tensor) -> None:
        try:
            graph = self._capture(self._forward, chunks)
            found, replayed = self._timed(lambda: graph(chunks))
            _, plain = self._timed(lambda: self._forward(chunks))
        except RuntimeError as error:  # of whatever kind: without a graph all is as it was
            free(chunks.device)
            _LOG.info("No CUDA graph of this model (%s).", str(error).splitlines()[0])
            return
        gap = float((found - made).abs().max() / made.abs().max().clamp_min(1e-12))
        if not gap <= _TOLERANCE:
            _LOG.warning("A CUDA graph of this model differs by %.1e: it is not used.", gap)
        elif replayed > _GAIN * plain:
            _LOG.info("A CUDA graph gains nothing (%.1f of %.1f ms).", replayed, plain)
        else:
            _LOG.info("A CUDA graph takes %.1f ms instead of %.1f.", replayed, plain)
            self._graph = (chunks.shape, graph)


def capture(forward: Forward, chunks: Tensor) -> Forward:
    """Capture a pass on a CUDA GPU and return what replays it on other chunks of this shape.

    Raises:
        RuntimeError: the forward cannot be captured, or memory does not suffice.
    """
    stream, pool = _shared(chunks.device.index or 0)
    still = chunks.clone()
    current = torch.cuda.current_stream(chunks.device)
    stream.wait_stream(current)
    with torch.cuda.stream(stream):
        for _ in range(2):  # libraries make their plans and workspaces, which a capture must not
            forward(still)
    current.wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    # other threads may decode, copy and allocate meanwhile
    with torch.cuda.graph(graph, pool=pool, stream=stream, capture_error_mode="thread_local"):
        made = forward(still)

    def replay(chunks: Tensor) -> Tensor:
        still.copy_(chunks)
        graph.replay()
        # the next replay, of any model's graph, may use this memory
        return made.clone()

    return replay


@cache
def _shared(device: int) -> tuple[torch.cuda.Stream, Any]:
    """Return stream and memory pool of all graphs on a GPU, so that they take that of the largest."""
    stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
    return stream, torch.cuda.graph_pool_handle()
