"""Which networks a fast pass may stand in for: those whose parts are all of a known kind."""

from __future__ import annotations

import logging
from collections.abc import Callable

import torch
from torch import Tensor, nn

Pass = Callable[[Tensor], Tensor]
# Where the fast passes run; elsewhere packages have work-arounds of their own that are kept.
_DEVICES = ("cpu", "cuda")
_LOG = logging.getLogger(__name__)


class UnknownLayoutError(Exception):
    """A network has a part that its fast pass does not know. Never leaves this package."""


def expect(known: bool, what: str) -> None:
    """Raise UnknownLayoutError, saying `what` is not known, unless it is."""
    if not known:
        raise UnknownLayoutError(what)


def expect_children(module: nn.Module, *kinds: type[nn.Module] | str) -> list[nn.Module]:
    """Return the children of a container, which must be of exactly these types or class names.

    Raises:
        UnknownLayoutError: they are not.
    """
    children = list(module.children())
    expect(len(children) == len(kinds), f"{type(module).__name__} of {len(children)} parts")
    for child, kind in zip(children, kinds, strict=True):
        found = type(child).__name__ if isinstance(kind, str) else type(child)
        expect(found == kind, f"{type(child).__name__} in {type(module).__name__}")
    return children


def fast_pass(network: nn.Module, make: Callable[[nn.Module], Pass]) -> Pass:
    """Return the fast pass that `make` builds, or the network itself where it knows no such layout."""
    device = next(network.parameters()).device
    try:
        expect(device.type in _DEVICES, f"device {device.type}")
        expect(not network.training, "training")
        made = make(network)
    except (UnknownLayoutError, AttributeError) as reason:
        _LOG.debug("%s runs its package's own pass: %s.", type(network).__name__, reason)
        return network
    return torch.no_grad()(made)
