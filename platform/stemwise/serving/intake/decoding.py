"""Decoding an upload in a process of its own, so that no file can harm the server.

Decoders are large C libraries, and an upload is whatever somebody sends. The child
(`decode_child`) has limits of memory, CPU time and file size, no environment but what it needs, and
is killed on a timeout and when the request is cancelled. What it writes is exactly what
`audio.open_on_disk` gives for the same file on the command line.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from stemwise.audio.raw import RawAudio
from stemwise.core.errors import (
    NotReadyError,
    RequestError,
    TooLargeError,
    UnprocessableError,
    UnsupportedAudioError,
)
from stemwise.core.types import CHANNELS, SAMPLE_RATE
from stemwise.serving.intake.sniff import suffix_of

# The folder that holds the package, for a parent that found it through PYTHONPATH (the child is
# isolated: it neither reads such variables nor looks into the working directory).
_ROOT = str(Path(__file__).resolve().parents[3])
_CODE = (
    "import sys; root = sys.argv[1]; sys.path[:0] = [] if root in sys.path else [root]; "
    "from stemwise.serving.intake.decode_child import main; main(sys.argv[2])"
)
# One thread per library: threads reserve memory, which is limited, and bring nothing here.
_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
_KEPT = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")
FRAME_BYTES = CHANNELS * 4  # float32
_ANSWER_BYTES = 1 << 16
_REFUSALS: dict[str, type[RequestError]] = {
    error.reason: error
    for error in (NotReadyError, TooLargeError, UnprocessableError, UnsupportedAudioError)
}
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class DecodeLimits:
    """What one file may cost: seconds of audio, bytes of address space, CPU and wall seconds."""

    max_duration_s: float
    memory_bytes: int = 1_500_000_000
    cpu_s: int = 120
    wall_s: float = 120


@dataclass(frozen=True)
class Decoded:
    """A decoded upload: `samples` stereo frames at 44.1 kHz as float32 in the file `path`.

    `sample_rate` and `channels` are what the uploaded file had.
    """

    path: Path
    samples: int
    sample_rate: int
    channels: int

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.samples / SAMPLE_RATE

    @property
    def audio(self) -> RawAudio:
        """The samples, read from disk in slices."""
        return RawAudio(self.path, self.samples)


async def decode(path: Path, out: Path, limits: DecodeLimits) -> Decoded:
    """Decode the file at `path` into the raw file `out` (see `RawAudio` for its layout).

    What the file is, its content says and not its name. `out` is deleted on any error.

    Raises:
        UnsupportedAudioError: it is not audio in a known format, or cannot be opened as such.
        UnprocessableError: it is cut, damaged or empty, holds NaN, has more than two channels or an
            odd sample rate, or needs more memory or time than allowed.
        TooLargeError: it lasts longer than allowed.
        NotReadyError: the disk is full.
    """
    try:
        suffix = await asyncio.to_thread(suffix_of, path)
        task = {"path": str(path), "suffix": suffix, "out": str(out), "limits": asdict(limits)}
        return _result(await _run_child(task, limits), out)
    except BaseException:
        out.unlink(missing_ok=True)
        raise


async def _run_child(task: dict[str, Any], limits: DecodeLimits) -> bytes:
    environment = _ENVIRONMENT | {name: os.environ[name] for name in _KEPT if name in os.environ}
    child = subprocess.Popen(
        [sys.executable, "-I", "-c", _CODE, _ROOT, json.dumps(task)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        cwd="/",
        start_new_session=True,
    )
    # A thread waits for it, and not asyncio's own watcher: that depends on the kind of event loop
    # and on which thread it runs in, and Serve chooses both.
    waiting = asyncio.ensure_future(asyncio.to_thread(_answer_of, child))
    try:
        done, _ = await asyncio.wait([waiting], timeout=limits.wall_s)
        if not done:
            raise _too_costly(limits)
        return _checked(*waiting.result(), child.returncode, limits)
    finally:
        child.kill()  # does nothing where it has ended
        await asyncio.shield(waiting)


def _answer_of(child: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
    """Read the child's answer and its complaints up to its end (neither is ever long)."""
    with child:
        assert child.stdout is not None and child.stderr is not None
        answer = child.stdout.read(_ANSWER_BYTES)
        if len(answer) == _ANSWER_BYTES:
            child.kill()
        complaints = child.stderr.read(_ANSWER_BYTES)
    return answer, complaints


def _checked(answer: bytes, complaints: bytes, code: int, limits: DecodeLimits) -> bytes:
    if code < 0:  # a signal: out of CPU time, or a decoder that ran into its limit of memory
        _log.warning("An upload's decoder was ended by %s.", signal.Signals(-code).name)
        raise _too_costly(limits)
    if code > 0:
        words = complaints.decode("utf-8", "replace")[-2000:]
        raise RuntimeError(f"The process that decodes uploads does not start: {words}")
    return answer


def _result(answer: bytes, out: Path) -> Decoded:
    """Return what the child says, as far as it can be true: a decoder may have been taken over."""
    try:
        told = json.loads(answer)
        if "bug" in told:
            _log.error("An upload's decoder failed unexpectedly:\n%s", told["bug"])
        if "error" in told:
            refusal = _REFUSALS[told["error"]](str(told["message"]))
            refusal.retry_after = 60 if isinstance(refusal, NotReadyError) else None
            raise refusal
        decoded = Decoded(
            out, int(told["samples"]), int(told["sample_rate"]), int(told["channels"])
        )
        if out.stat().st_size != decoded.samples * FRAME_BYTES:
            raise ValueError(f"{decoded.samples} samples are not what was written")
    except (ValueError, TypeError, KeyError, OSError) as error:
        _log.error("An upload's decoder gave no valid answer (%s).", error)
        raise UnprocessableError(
            "The file cannot be decoded: export it again as WAV or FLAC."
        ) from error
    return decoded


def _too_costly(limits: DecodeLimits) -> UnprocessableError:
    return UnprocessableError(
        "The file needs more memory or time to decode than allowed "
        f"({limits.memory_bytes / 1e6:.0f} MB, {limits.wall_s:g} s): export it again as WAV or FLAC."
    )
