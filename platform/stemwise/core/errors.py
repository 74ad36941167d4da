"""Every error stemwise raises on purpose.

A message is one sentence that names the file or value and says the way out. The command line
prints it and exits with `exit_code`; anything that is not a `StemwiseError` is a bug and shows a
traceback.
"""

from __future__ import annotations

# Exit code of a run that finished although some tracks, models or files failed.
PARTLY_FAILED = 3


class StemwiseError(Exception):
    """Base of all errors with a message meant for the user."""

    exit_code = 1


class ConfigError(StemwiseError):
    """A wrong argument, name or setting."""

    exit_code = 2


class DatasetError(StemwiseError):
    """A dataset folder that is absent, empty or not in its official layout."""

    exit_code = 2


class AudioError(StemwiseError):
    """An audio file that cannot be decoded, is cut, or holds values that are not sound."""


class MissingReferenceError(StemwiseError):
    """A stem that the dataset does not give for this song."""


class CheckpointError(StemwiseError):
    """A checkpoint that cannot be fetched, is not what was promised, or does not fit its model."""


class MissingDependencyError(StemwiseError):
    """An optional package is needed for what was asked."""


class ModelError(StemwiseError):
    """A model produced something that is not an estimate (wrong shape, NaN)."""


class DeviceError(StemwiseError):
    """A compute device was asked for that this machine does not have."""

    exit_code = 2


class ClusterError(StemwiseError):
    """A Ray cluster that cannot be joined, or that fell apart during a run."""


class DeviceMemoryError(StemwiseError):
    """A device whose memory does not hold a model with even one chunk."""


class StorageError(StemwiseError):
    """A remote file that cannot be fetched: no bucket, no credentials, no connection."""


class OutputError(StemwiseError):
    """An output folder that cannot be written, or that another run is writing."""


def require(package: str, extra: str, purpose: str) -> MissingDependencyError:
    """Return the error for a missing optional `package`, with the command that installs it."""
    return MissingDependencyError(
        f"{purpose} needs the package {package!r}, which is not installed: "
        f"run `pip install 'stemwise[{extra}]'`."
    )


class RequestError(StemwiseError):
    """A request that the service refuses; `status` is the HTTP status, `reason` a short word.

    `retry_after` is in seconds, where trying again later helps.
    """

    exit_code = 2
    status = 400
    reason = "bad_request"

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class UnauthorizedError(RequestError):
    """No key, or one that the service does not know."""

    status, reason = 401, "unauthorized"


class ForbiddenError(RequestError):
    """A request that another site's page made in the user's browser."""

    status, reason = 403, "cross_site"


class NotFoundError(RequestError):
    """No such job, stem or page, or not this key's."""

    status, reason = 404, "not_found"


class ConflictError(RequestError):
    """What is asked for does not fit the job's state, or its Idempotency-Key."""

    status, reason = 409, "conflict"


class TooLargeError(RequestError):
    """An upload beyond the service's limits of size or duration."""

    status, reason = 413, "too_large"


class UnsupportedAudioError(RequestError):
    """An upload that is not audio in a format which the service decodes."""

    status, reason = 415, "unsupported_media_type"


class RangeError(RequestError):
    """A range that lies outside the file."""

    status, reason = 416, "range_not_satisfiable"


class UnprocessableError(RequestError):
    """An upload or a field that is understood, but is not usable."""

    status, reason = 422, "unprocessable"


class TooManyJobsError(RequestError):
    """The key has reached its limit of unfinished jobs."""

    status, reason = 429, "too_many_jobs"


class QueueFullError(RequestError):
    """The service has as many unfinished jobs as it takes."""

    status, reason = 503, "queue_full"


class NotReadyError(RequestError):
    """The service cannot answer now: models are loading, or a deployment does not answer."""

    status, reason = 503, "not_ready"
