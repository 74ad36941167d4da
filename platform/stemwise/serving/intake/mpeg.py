"""Headers of MPEG audio frames: MP3's (ISO 11172-3, 13818-3) and bare AAC's (ADTS, ISO 13818-7)."""

from __future__ import annotations

# kbit/s by (MPEG version 1?, layer): index 0 is "free format", 15 is forbidden.
_BITRATES = {
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = (44_100, 48_000, 32_000)
# Bytes of the longer of the two headers.
HEADER = 7


def frame_length(header: bytes) -> int | None:
    """Return how many bytes the frame with this 4-byte header has; None where it is no header."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return None
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
    bitrate, rate, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if version == 1 or layer == 4 or bitrate in (0, 15) or rate == 3:
        return None
    first = version == 3  # else MPEG 2 (2) or 2.5 (0), with lower sample rates
    bits_per_s = 1000 * _BITRATES[first, layer][bitrate - 1]
    samples_per_s = _RATES[rate] >> {3: 0, 2: 1, 0: 2}[version]
    if layer == 1:
        return (12 * bits_per_s // samples_per_s + padding) * 4
    samples = 1152 if first or layer == 2 else 576
    return samples // 8 * bits_per_s // samples_per_s + padding


def adts_length(header: bytes) -> int | None:
    """Return how many bytes the AAC frame with this header of 7 bytes has; None where it is none."""
    if len(header) < HEADER or header[0] != 0xFF or header[1] & 0xF6 != 0xF0:
        return None
    length = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
    return length if header[2] >> 2 & 15 < 13 and length > HEADER else None
