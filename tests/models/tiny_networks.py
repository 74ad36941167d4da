"""Networks of the true classes that are small enough to be run by the dozen."""

from __future__ import annotations

from typing import Any

SCNET: dict[str, Any] = {
    "dims": [4, 8, 8, 8],
    "band_SR": [0.175, 0.392, 0.433],
    "band_stride": [1, 4, 16],
    "band_kernel": [3, 4, 16],
    "conv_depths": [3, 2, 1],
    "compress": 4,
    "conv_kernel": 3,
    "num_dplayer": 2,
    "expand": 1,
    "nfft": 1024,
    "hop_size": 256,
    "win_size": 1024,
    "normalized": True,
}
