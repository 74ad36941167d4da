"""A pass as a graph: tried once, kept only where it is right and faster."""

from __future__ import annotations

import logging

import numpy as np
import pytest
import torch

from stemwise.separation.device.graphs import Graphed
from stemwise.separation.separator import Separator

CHUNKS = torch.rand(2, 2, 50)


class Capture:
    """Makes a forward that counts; `error` is what it is off by."""

    def __init__(self, error=0.0):
        self.error, self.made, self.replayed = error, 0, 0

    def __call__(self, forward, chunks):
        self.made += 1

        def replay(chunks):
            self.replayed += 1
            return forward(chunks) + self.error

        return replay


def twice(chunks):
    return torch.stack([chunks, 2 * chunks], dim=1)


def graphed(capture, replayed, plain):
    told = iter([replayed, plain])
    return Graphed(twice, capture, lambda work: (work(), next(told)))


def test_it_is_tried_at_the_second_pass_of_a_shape():
    capture = Capture()
    run = graphed(capture, 1.0, 2.0)
    for chunks in (CHUNKS, CHUNKS[:1], CHUNKS):
        assert torch.equal(run(chunks), twice(chunks))
    assert (capture.made, capture.replayed) == (1, 1)
    assert torch.equal(run(CHUNKS + 1), twice(CHUNKS + 1))
    assert capture.replayed == 2
    for _ in range(3):  # another shape has no graph
        assert torch.equal(run(CHUNKS[:1]), twice(CHUNKS[:1]))
    assert (capture.made, capture.replayed) == (1, 2)


@pytest.mark.parametrize(
    ("capture", "replayed", "says"),
    [
        (Capture(), 1.99, "gains nothing"),
        (Capture(0.1), 1.0, "differs"),
        (Capture(np.nan), 1.0, ""),
    ],
)
def test_one_that_is_no_faster_or_differs_is_not_used(capture, replayed, says, caplog):
    caplog.set_level(logging.INFO)
    run = graphed(capture, replayed, 2.0)
    for _ in range(4):
        assert torch.equal(run(CHUNKS), twice(CHUNKS))
    assert (capture.made, capture.replayed) == (1, 1) and says in caplog.text


def test_a_forward_that_cannot_be_captured_goes_on_as_before(caplog):
    def refuse(forward, chunks):
        raise RuntimeError("operation not permitted when stream is capturing\nand more")

    caplog.set_level(logging.INFO)
    run = graphed(refuse, 1.0, 2.0)
    for _ in range(3):
        assert torch.equal(run(CHUNKS), twice(CHUNKS))
    assert caplog.text.count("No CUDA graph") == 1 and "and more" not in caplog.text


def test_a_separator_replays_full_passes(fake, gpu):
    capture = Capture()
    separator = Separator(
        fake(twice), "cpu", 2, precision="bf16", gpu=gpu(1.0, 2.0, capture=capture)
    )
    mixture = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 9500)).astype(np.float32)
    found = separator(mixture)
    assert capture.made == 1 and capture.replayed > 2
    assert torch.equal(found, Separator(fake(twice), "cpu", 2, precision="bf16")(mixture))
