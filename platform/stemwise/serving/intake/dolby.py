"""Headers of Dolby's frames, AC-3 and E-AC-3 (ETSI TS 102 366)."""

from __future__ import annotations

_KBITS = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640)
_RATES = (48_000, 44_100, 32_000)
_SAMPLES = 1536
_SYNC = b"\x0b\x77"
# `bsid`, the version of the bit stream: up to 10 is AC-3, from 11 to 16 E-AC-3.
_LAST_AC3, _LAST_EAC3 = 10, 16


def ac3_length(header: bytes) -> int | None:
    """Return how many bytes the AC-3 frame with this header has; None where it is no header."""
    if len(header) < 6 or header[:2] != _SYNC or header[5] >> 3 > _LAST_AC3:
        return None
    rate, size = header[4] >> 6, header[4] & 63
    if rate == 3 or size >= 2 * len(_KBITS):
        return None
    words = _KBITS[size >> 1] * 1000 * _SAMPLES // (16 * _RATES[rate])
    return 2 * (words + (size & 1 if _RATES[rate] == 44_100 else 0))


def eac3_length(header: bytes) -> int | None:
    """Return how many bytes the E-AC-3 frame with this header has; None where it is no header."""
    if len(header) < 6 or header[:2] != _SYNC:
        return None
    if not _LAST_AC3 < header[5] >> 3 <= _LAST_EAC3:
        return None
    return 2 * (((header[2] & 7) << 8 | header[3]) + 1)
