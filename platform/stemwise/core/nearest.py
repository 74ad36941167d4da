"""What somebody who mistyped a name probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(given: object, known: Iterable[str]) -> str:
    """Return `did you mean X? ` for the known name nearest to `given`; empty where none is near.

    Near is what is spelt alike (difflib), else the only name that contains what was given.
    """
    text, names = str(given), list(known)
    near = difflib.get_close_matches(text, names, n=1)
    longer = [name for name in names if len(text) > 2 and text in name]
    if not near and len(longer) == 1:
        near = longer
    return f"did you mean {near[0]}? " if near else ""
