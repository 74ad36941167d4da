"""When to try again, and when to give up."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from stemwise.client.errors import ServerBrokenError, ServerError


@dataclass(frozen=True)
class Policy:
    """How patient to be, in seconds.

    `attempts` bounds how often one request is made, `total_s` all its pauses together.
    Pauses double from `pause_s` to `longest_pause_s`; a Retry-After counts up to
    `longest_retry_after_s`. `short_attempts` are for what waiting seldom fixes: a server that never
    answered at all, and status 500. The timeouts are for one connect and one read; `upload_read_s`
    is for the answer to an upload, which the service decodes first, and `quiet_s` for a stream of
    events, where the service sends a comment now and then. `poll_s` lies between two polls.
    """

    attempts: int = 10
    short_attempts: int = 3
    total_s: float = 300.0
    pause_s: float = 0.5
    longest_pause_s: float = 30.0
    longest_retry_after_s: float = 120.0
    connect_s: float = 10.0
    read_s: float = 60.0
    upload_read_s: float = 300.0
    quiet_s: float = 45.0
    poll_s: float = 1.0
    longest_poll_s: float = 5.0


class Retries:
    """The repetitions of one request. `progress()` restarts the count."""

    def __init__(
        self,
        policy: Policy,
        *,
        deadline: float | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._policy, self._sleep = policy, sleep
        self._deadline = deadline
        self._failures = 0
        self._waited = 0.0

    def progress(self) -> None:
        """Note that something arrived: what follows is a new trouble, not the old one."""
        self._failures = 0
        self._waited = 0.0

    def pause(self, error: ServerError, *, short: bool = False) -> None:
        """Sleep before another attempt.

        Raises:
            ServerError: `error` itself, where no attempt or time is left.
        """
        self._failures += 1
        policy = self._policy
        brief = short or isinstance(error, ServerBrokenError)
        seconds = self._seconds(error.retry_after)
        spent = self._failures >= (policy.short_attempts if brief else policy.attempts)
        late = self._deadline is not None and time.monotonic() + seconds > self._deadline
        if spent or late or self._waited + seconds > policy.total_s:
            raise error
        self._waited += seconds
        self._sleep(seconds)

    def _seconds(self, retry_after: float | None) -> float:
        """Return the pause: what the server asks for, else doubling ones; never all at once."""
        policy = self._policy
        if retry_after is not None:
            asked = min(retry_after, policy.longest_retry_after_s)
            return asked + random.uniform(0, min(1.0, asked / 10))
        longest = min(policy.pause_s * 2.0 ** (self._failures - 1), policy.longest_pause_s)
        return random.uniform(longest / 2, longest)


def retry_after_seconds(header: str | None) -> float | None:
    """Read a Retry-After header, seconds or an HTTP date; None where it is absent or unreadable."""
    if header is None:
        return None
    if header.strip().isdecimal() and header.isascii():
        return float(header)
    try:
        when = parsedate_to_datetime(header)
    except ValueError:
        return None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (when - datetime.now(UTC)).total_seconds())
