"""stemwise: measure every separator on every stem once, then choose with numbers that hold up.

    datasets ─► separation(models) ─► estimate store ─► measurement ─► scores ─► selection ─► report
     tracks       estimates            FLAC, keyed       inner products   dB     who wins

Each word is a sub-package; imports run from right to left only.
"""

from stemwise.core.version import __version__

__all__ = ["__version__"]
