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


class OutputError(StemwiseError):
    """An output folder that cannot be written, or that another run is writing."""


def require(package: str, extra: str, purpose: str) -> MissingDependencyError:
    """Return the error for a missing optional `package`, with the command that installs it."""
    return MissingDependencyError(
        f"{purpose} needs the package {package!r}, which is not installed: "
        f"run `pip install 'stemwise[{extra}]'`."
    )
