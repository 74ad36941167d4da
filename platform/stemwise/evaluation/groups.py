"""Which models of a run share a GPU: as few groups as its memory allows, one after another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from stemwise.models import facts
from stemwise.models.registry import ReadyModel
from stemwise.models.spec import GPU_BATCH

# What a process takes of a GPU before any model: CUDA's context and the libraries' kernels.
CONTEXT_GB = 0.8


def groups(
    models: Sequence[ReadyModel], memory_gb: float | None, batch_size: int | None = None
) -> list[list[ReadyModel]]:
    """Part the models of a run into groups that are loaded together, in the order to run them in.

    The models of a group are all loaded and run in turn, so a group takes the sum of their weights
    and the largest of their passes (`GpuMemory`). Larger models choose their group first, each
    takes the first that has room. Models of level 2 hear what level 1 made: none is in an earlier
    group than a model of level 1, and only the last group of level 1 may hold some as well.

    A model that is larger than the GPU shares it with none but models that need no more than it
    takes already; its passes will be halved. One whose memory is not known (a checkpoint of the
    user's own) counts like the largest that is, or as 0 where none is.

    Args:
        models: in the order of the run, which they keep inside a group.
        memory_gb: of one GPU, in 1e9 bytes, or of the share of it that a worker has; `CONTEXT_GB` of
            it are left free. None, for CPUs, makes one group.
        batch_size: chunks of a pass; None is the default on a GPU.
    """
    if memory_gb is None or not models:
        return [list(models)] if models else []
    share = (batch_size or GPU_BATCH) / GPU_BATCH
    plan = _Plan(_sizes(models, share), memory_gb - CONTEXT_GB)
    levels = [facts.level(model.spec) for model in models]
    first = plan.pack([], (n for n, level in enumerate(levels) if level == 1))
    if first:
        lightest = min(first, key=plan.need)
        # it comes last, so that models of level 2 find room in it
        first = [group for group in first if group is not lightest] + [lightest]
    second = plan.pack(first[-1:], (n for n, level in enumerate(levels) if level == 2))
    return [[models[number] for number in sorted(group)] for group in first[:-1] + second]


class _Plan:
    """Packs models, by their numbers, into groups.

    Args:
        sizes: GB of weights and of a pass.
        room: GB for a group.
    """

    def __init__(self, sizes: Sequence[tuple[float, float]], room: float) -> None:
        self._sizes, self._room = sizes, room

    def need(self, group: Sequence[int]) -> float:
        """Return the GB that a group takes."""
        sizes = [self._sizes[number] for number in group]
        return sum(weights for weights, _ in sizes) + max(passed for _, passed in sizes)

    def pack(self, groups: Sequence[list[int]], numbers: Iterable[int]) -> list[list[int]]:
        """Return `groups` with these models in them and in new ones: first fit, largest first."""
        made = [list(group) for group in groups]
        for number in sorted(numbers, key=lambda number: -self.need([number])):
            home = next((group for group in made if self._fits(group, number)), None)
            if home is None:
                made.append([number])
            else:
                home.append(number)
        new = made[len(groups) :]
        return made[: len(groups)] + sorted(new, key=min)

    def _fits(self, group: Sequence[int], number: int) -> bool:
        # one that adds nothing fits everywhere, also beside a model that is too large itself
        return self.need([*group, number]) <= max(self._room, self.need(group))


def _sizes(models: Iterable[ReadyModel], share: float) -> list[tuple[float, float]]:
    """Return GB of weights and of a pass, which grows with its chunks."""
    told = [model.spec.gpu_memory for model in models]
    weights = max((memory.weights_gb for memory in told if memory), default=0.0)
    passed = max((memory.pass_gb for memory in told if memory), default=0.0)
    sizes = [(m.weights_gb, m.pass_gb) if m else (weights, passed) for m in told]
    return [(weights, share * passed) for weights, passed in sizes]
