"""Python client of a stemwise service; light, since it needs no torch, Ray or numpy.

from pathlib import Path
from stemwise.client import Client

with Client("http://127.0.0.1:8000") as client:
    client.separate(Path("song.flac"), Path("stems"))
"""

from stemwise.client.answers import (
    Conservation,
    Failure,
    Health,
    Links,
    ModelInfo,
    Prediction,
    RecipeInfo,
    Separation,
    StemResult,
)
from stemwise.client.client import Client
from stemwise.client.errors import (
    JobFailedError,
    NotStemwiseError,
    ServerBrokenError,
    ServerBusyError,
    ServerConflictError,
    ServerError,
    ServerForbiddenError,
    ServerNotFoundError,
    ServerQueueFullError,
    ServerTooLargeError,
    ServerTooManyJobsError,
    ServerUnauthorizedError,
    ServerUnprocessableError,
    ServerUnsupportedAudioError,
    TransferError,
    UnreachableError,
    UntrustedError,
    WaitTimeoutError,
)
from stemwise.client.retries import Policy

__all__ = [
    "Client",
    "Conservation",
    "Failure",
    "Health",
    "JobFailedError",
    "Links",
    "ModelInfo",
    "NotStemwiseError",
    "Policy",
    "Prediction",
    "RecipeInfo",
    "Separation",
    "ServerBrokenError",
    "ServerBusyError",
    "ServerConflictError",
    "ServerError",
    "ServerForbiddenError",
    "ServerNotFoundError",
    "ServerQueueFullError",
    "ServerTooLargeError",
    "ServerTooManyJobsError",
    "ServerUnauthorizedError",
    "ServerUnprocessableError",
    "ServerUnsupportedAudioError",
    "StemResult",
    "TransferError",
    "UnreachableError",
    "UntrustedError",
    "WaitTimeoutError",
]
