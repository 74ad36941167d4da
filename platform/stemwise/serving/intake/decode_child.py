"""The process that decodes one upload, under limits that it gives itself before it opens the file.

Its answer is one JSON object on the standard output, either {samples, sample_rate, channels} or
{error, message}, where `error` is the `reason` of a `RequestError`.
"""

from __future__ import annotations

import errno
import json
import math
import os
import resource
import signal
import traceback
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO

from stemwise import audio
from stemwise.core.errors import (
    AudioError,
    NotReadyError,
    RequestError,
    TooLargeError,
    UnprocessableError,
    UnsupportedAudioError,
)
from stemwise.core.types import CHANNELS, SAMPLE_RATE

# Outside, resampling would make days of a second, or the file is no music.
RATES = (4_000, 768_000)
_FRAME_BYTES = CHANNELS * 4
_EXPORT = "export it again as WAV or FLAC"


def main(task_json: str) -> None:
    """Do the task of `decoding.decode` and answer on the standard output."""
    task = json.loads(task_json)
    answers = _private_output()
    _limit(task["limits"])
    with os.fdopen(answers, "w") as out:
        json.dump(_answer(task), out)


def _private_output() -> int:
    """Return the standard output's pipe under another number; libraries print into nothing."""
    answers = os.dup(1)
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    return answers


def _limit(limits: dict[str, Any]) -> None:
    _set(resource.RLIMIT_AS, int(limits["memory_bytes"]))
    _set(resource.RLIMIT_CPU, math.ceil(limits["cpu_s"]))
    _set(resource.RLIMIT_FSIZE, max_frames(limits["max_duration_s"]) * _FRAME_BYTES)
    _set(resource.RLIMIT_CORE, 0)
    _set(resource.RLIMIT_NOFILE, 64)
    # The parent kills at `wall_s`; this is for the case that there is no parent any more.
    signal.alarm(math.ceil(limits["wall_s"]) + 2)


def _set(kind: int, value: int) -> None:
    _, most = resource.getrlimit(kind)
    if most != resource.RLIM_INFINITY:
        value = min(value, most)
    resource.setrlimit(kind, (value, value))


def max_frames(duration_s: float) -> int:
    """Return how many frames at 44.1 kHz a file of at most `duration_s` may give."""
    return math.ceil(duration_s * SAMPLE_RATE) + 1  # resampling rounds up


def _answer(task: dict[str, Any]) -> dict[str, Any]:
    try:
        return _decode(task)
    except RequestError as error:
        return {"error": error.reason, "message": str(error)}
    except MemoryError:
        allowed = task["limits"]["memory_bytes"] / 1e6
        return _refusal(f"needs more memory to decode than allowed ({allowed:.0f} MB): {_EXPORT}.")
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            message = "The server has no space to decode this file now: try again later."
            return {"error": NotReadyError.reason, "message": message}
        return _refusal(f"cannot be decoded: {_EXPORT}.") | {"bug": traceback.format_exc()}
    except Exception:  # noqa: BLE001  the parent logs it; for the client it is one bad file
        return _refusal(f"cannot be decoded: {_EXPORT}.") | {"bug": traceback.format_exc()}


def _refusal(what: str) -> dict[str, Any]:
    return {"error": UnprocessableError.reason, "message": f"The file {what}"}


def _decode(task: dict[str, Any]) -> dict[str, Any]:
    path, duration_s = Path(task["path"]), float(task["limits"]["max_duration_s"])
    with ExitStack() as stack:
        try:
            opened = stack.enter_context(audio.open_blocks(path, task["suffix"]))
        except AudioError as error:
            raise UnsupportedAudioError(
                f"The file cannot be opened as {task['suffix'][1:].upper()} audio: {_EXPORT}."
            ) from error
        _check_header(opened, duration_s)
        out = stack.enter_context(Path(task["out"]).open("wb"))
        try:
            samples = _write(opened, out, duration_s)
        except AudioError as error:
            raise UnprocessableError(str(error).replace(str(path), "The file")) from error
    return {"samples": samples, "sample_rate": opened.sample_rate, "channels": opened.channels}


def _check_header(opened: audio.Opened, duration_s: float) -> None:
    """Refuse by what the header says, before anything is decoded."""
    for kind, codec in opened.streams:
        if kind == "video":
            raise UnsupportedAudioError("The file is a video: send its sound alone, as M4A or WAV.")
        if kind == "audio" and codec not in audio.CODECS:
            raise UnsupportedAudioError(f"The file holds {codec} audio: {_EXPORT}.")
    if not RATES[0] <= opened.sample_rate <= RATES[1]:
        raise UnprocessableError(
            f"The file has a sample rate of {opened.sample_rate} Hz, but {RATES[0]} to {RATES[1]} "
            f"Hz are understood: {_EXPORT}."
        )
    if opened.frames is not None and opened.frames > duration_s * opened.sample_rate:
        raise TooLargeError(
            f"The file lasts {opened.frames / opened.sample_rate:.1f} s, but at most "
            f"{duration_s:g} s are allowed: send a shorter part."
        )


def _write(opened: audio.Opened, out: BinaryIO, duration_s: float) -> int:
    """Write the blocks and return how many frames there were."""
    frames, most = 0, max_frames(duration_s)
    for block in opened.blocks:
        frames += block.shape[1]
        if frames > most:  # the header said nothing, or lied
            raise TooLargeError(
                f"The file lasts longer than the {duration_s:g} s that are allowed: send a shorter "
                "part."
            )
        audio.append_frames(out, block)
    if frames == 0:
        raise UnprocessableError(f"The file holds no audio samples: {_EXPORT}.")
    return frames
