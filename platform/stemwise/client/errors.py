"""What can go wrong between this machine and a stemwise service.

Every class is a `ServerError`. Those that stand for an HTTP status are also the class of
`stemwise.core.errors` that the service raised, so `except NotFoundError` means the same on both sides.
"""

from __future__ import annotations

from stemwise.core.errors import (
    ConflictError,
    ForbiddenError,
    NotFoundError,
    NotReadyError,
    QueueFullError,
    StemwiseError,
    TooLargeError,
    TooManyJobsError,
    UnauthorizedError,
    UnprocessableError,
    UnsupportedAudioError,
)

KEY_VARIABLE = "STEMWISE_KEY"


class ServerError(StemwiseError):
    """Base of all: `status` is the HTTP status, 0 where no answer came.

    `reason` is the service's short word and `detail` its sentence, both empty where it gave none;
    `retry_after` is in seconds, where the service named a time.
    """

    exit_code = 1
    status: int = 0
    reason: str = ""

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        reason: str = "",
        detail: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.reason, self.detail = status, reason, detail
        self.retry_after = retry_after


class UnreachableError(ServerError):
    """No connection, or one that broke before the answer was there."""


class UntrustedError(ServerError):
    """TLS failed: an untrusted certificate, or a port that speaks no TLS."""


class NotStemwiseError(ServerError):
    """Something answers, but not as a stemwise service does."""


class TransferError(ServerError):
    """A download that is incomplete after all repetitions."""


class JobFailedError(ServerError):
    """The job has no results: it failed, was cancelled, or they have expired."""


class WaitTimeoutError(ServerError):
    """The job was not finished within the time given to `wait`; it is still running."""


class ServerBrokenError(ServerError):
    """The service failed on its side (500)."""


class ServerUnauthorizedError(ServerError, UnauthorizedError):
    """No key, or one that the service does not know (401)."""

    exit_code = 2


class ServerForbiddenError(ServerError, ForbiddenError):
    """The service refuses requests from here (403)."""

    exit_code = 2


class ServerNotFoundError(ServerError, NotFoundError):
    """No such job or stem, or not this key's (404)."""


class ServerConflictError(ServerError, ConflictError):
    """What is asked for does not fit the job's state or its idempotency key (409)."""


class ServerTooLargeError(ServerError, TooLargeError):
    """The file is beyond the service's limits (413)."""


class ServerUnsupportedAudioError(ServerError, UnsupportedAudioError):
    """The file is not audio that the service decodes (415)."""


class ServerUnprocessableError(ServerError, UnprocessableError):
    """The file or a field is understood, but cannot be worked on (422)."""


class ServerTooManyJobsError(ServerError, TooManyJobsError):
    """The key has as many unfinished jobs as it may have (429)."""


class ServerBusyError(ServerError, NotReadyError):
    """The service, or a proxy before it, cannot answer now (502, 503, 504)."""


class ServerQueueFullError(ServerBusyError, QueueFullError):
    """The service has as many unfinished jobs as it takes (503)."""


BY_STATUS: dict[int, type[ServerError]] = {
    401: ServerUnauthorizedError,
    403: ServerForbiddenError,
    404: ServerNotFoundError,
    409: ServerConflictError,
    413: ServerTooLargeError,
    415: ServerUnsupportedAudioError,
    422: ServerUnprocessableError,
    429: ServerTooManyJobsError,
    500: ServerBrokenError,
    502: ServerBusyError,
    503: ServerBusyError,
    504: ServerBusyError,
}
