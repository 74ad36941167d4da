"""Names that community models give their outputs, and the stems of our tree that they mean."""

from __future__ import annotations

from collections.abc import Sequence

from stemwise.core.errors import ConfigError
from stemwise.core.stems import INSTRUMENTAL, check_name

_RENAMES = {
    "backing": "backing_vocals",
    "back_vocals": "backing_vocals",
    "bgv": "backing_vocals",
    "drum": "drums",
    "guitars": "guitar",
    "hh": "hihat",
    "hi_hat": "hihat",
    "inst": INSTRUMENTAL,
    "instrum": INSTRUMENTAL,
    "instruments": INSTRUMENTAL,
    "keys": "piano",
    "lead": "lead_vocals",
    "no_vocals": INSTRUMENTAL,
    "tom": "toms",
    "vocal": "vocals",
}


def tree_stems(instruments: Sequence[str], target: str | None, origin: str) -> list[str]:
    """Return the stems of a model's outputs.

    Args:
        instruments: all that the training data was divided into.
        target: the only output, if there is one.
        origin: where the names come from, for error messages.

    Raises:
        ConfigError: a name that cannot be used, or two outputs of one name.
    """
    names = [tree_name(name, origin) for name in instruments]
    # keys beside a piano are not the piano: a name that two outputs would share stays as it was
    names = [
        _plain(given) if names.count(name) > 1 else name
        for given, name in zip(instruments, names, strict=True)
    ]
    # beside nothing but vocals, `other` is all the rest: its name in our tree is `instrumental`
    rest = {"other": INSTRUMENTAL} if set(names) == {"vocals", "other"} else {}
    known = dict(zip(instruments, names, strict=True))
    wanted = names if target is None else [known.get(target) or tree_name(target, origin)]
    stems = [rest.get(name, name) for name in wanted]
    if len(set(stems)) != len(stems):
        raise ConfigError(
            f"{origin} names the outputs {', '.join(instruments)}, which are not different stems: "
            "name them with stems: [NAME, …]."
        )
    return stems


def tree_name(name: str, origin: str) -> str:
    """Return one name in our spelling: `Vocals` → `vocals`, `Lead Vocals` → `lead_vocals`.

    Raises:
        ConfigError: a name with characters that file names and tables cannot take.
    """
    plain = _plain(name)
    plain = _RENAMES.get(plain.replace("-", "_"), plain)
    try:
        return check_name(plain)
    except ConfigError as error:
        raise ConfigError(
            f"{origin} calls an output {name!r}, which is not a usable name: "
            "name the outputs with stems: [NAME, …]."
        ) from error


def _plain(name: str) -> str:
    return "_".join(name.lower().split())
