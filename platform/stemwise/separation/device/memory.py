"""How many chunks a pass may take, from what a GPU has free."""

from __future__ import annotations

from collections.abc import Callable

import torch

# Half of what is free: other processes, a second song and a CUDA graph want some too.
_SHARE = 0.5
# Larger passes make no GPU busier, and their chunks wait for each other.
MOST = 8


def batch_for(free: int, per_chunk: int) -> int:
    """Return the chunks of a pass, from the bytes that are free and those that one chunk takes."""
    return max(1, min(MOST, int(_SHARE * free // max(1, per_chunk))))


def free_bytes(device: torch.device) -> int:
    """Return the bytes of a CUDA GPU that nobody uses, with those that PyTorch keeps for later."""
    free, _ = torch.cuda.mem_get_info(device)
    kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return int(free) + kept


def bytes_of(work: Callable[[], object], device: torch.device) -> int:
    """Return the most bytes that `work` takes of a CUDA GPU beyond what is taken already."""
    torch.cuda.reset_peak_memory_stats(device)
    before = torch.cuda.memory_allocated(device)
    work()
    return int(torch.cuda.max_memory_allocated(device) - before)
