"""Names of the signals that a blend over all stems is made of: MODEL/STEM, `mixture`, `wiener/STEM`."""

from __future__ import annotations

from collections.abc import Iterable

from stemwise.core.stems import MIXTURE, partition_of

# in the place of a model's name
WIENER = "wiener"


def signal_name(model: str, stem: str) -> str:
    """Return the name of a model's estimate of a stem."""
    return f"{model}/{stem}"


def parts_of_signal(name: str) -> tuple[str, str]:
    """Return model and stem of a signal; both are `mixture` for what the models heard.

    A model may be named by a path, so the last slash counts.

    Raises:
        ValueError: the name has no stem.
    """
    if name == MIXTURE:
        return MIXTURE, MIXTURE
    model, slash, stem = name.rpartition("/")
    if not slash or not model or not stem:
        raise ValueError(f"{name!r} is no signal: write MODEL/STEM, {WIENER}/STEM or {MIXTURE}")
    return model, stem


def models_of_signals(names: Iterable[str]) -> tuple[str, ...]:
    """Return the models whose own estimates are among the signals, in their order."""
    models = (parts_of_signal(name)[0] for name in names)
    return tuple(dict.fromkeys(model for model in models if model not in (MIXTURE, WIENER)))


def wiener_stems(made: Iterable[str]) -> tuple[str, ...]:
    """Return the stems that share what was heard, of those that models make; none if there is one."""
    stems = partition_of(made)
    return stems if len(stems) > 1 else ()
