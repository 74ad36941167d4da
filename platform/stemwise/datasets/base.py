"""What all dataset readers share: their interface, safe track ids, tolerant reading of folders."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar, cast

from stemwise.core.errors import DatasetError
from stemwise.core.places import Place, cause, files_below, is_local, place, read_bytes
from stemwise.core.types import Track

P = TypeVar("P", bound=Place)

# Letters that Unicode does not decompose into a base letter and an accent.
_FOLDED = str.maketrans({"ø": "o", "æ": "ae", "œ": "oe", "đ": "d", "ð": "d", "ł": "l", "þ": "th"})
_UNSAFE = re.compile(r"[^a-z0-9_.]+")
_SLUG_LENGTH = 100
_AT_ONCE = 16  # requests to a remote dataset
# Song titles may begin with an ellipsis; hidden files begin with one dot.
_HIDDEN = re.compile(r"\.(?!\.)")


class Dataset(Protocol):
    """A named collection of songs."""

    name: str

    def tracks(self) -> list[Track]:
        """List all songs in a fixed order, without decoding.

        Raises:
            DatasetError: the root is absent, empty or in another layout.
        """
        ...


def slug(text: str) -> str:
    """Fold `text` to a safe file name: only `[a-z0-9_.-]`, no leading dot, never empty."""
    folded = unicodedata.normalize("NFKD", text.casefold().translate(_FOLDED))
    ascii_text = folded.encode("ascii", "ignore").decode()
    safe = re.sub(r"\.{2,}", ".", _UNSAFE.sub("-", ascii_text))[:_SLUG_LENGTH].strip("-._")
    # Text without a single Latin letter or digit is identified by its hash.
    return safe or f"track-{short_hash(text)}"


def short_hash(text: str, digits: int = 8) -> str:
    """Return the first hexadecimal digits of a hash that is the same for both Unicode spellings."""
    normal = unicodedata.normalize("NFC", text).encode("utf-8", "surrogatepass")
    return hashlib.sha256(normal).hexdigest()[:digits]


def unique_ids(labels: Mapping[str, str]) -> dict[str, str]:
    """Map each key (a path relative to the root) to a unique track id made from its label.

    Labels with equal slugs *all* get a hash of their key, so that ids do not depend on the order in
    which the songs are listed.
    """
    slugs = {key: slug(label) for key, label in labels.items()}
    counts = Counter(slugs.values())
    for digits in (8, 64):
        ids = {
            key: name if counts[name] == 1 else f"{name}-{short_hash(key, digits)}"
            for key, name in slugs.items()
        }
        if len(set(ids.values())) == len(ids):
            break
    return ids


def root_of(root: Place | str) -> Place:
    """Return the place that a dataset's `root` names (ConfigError for an unknown kind of URI)."""
    return place(root, "dataset.root=")


def existing_root(root: Place, expected: str) -> Place:
    """Return `root` if it is a folder. A remote one is listed whole, so that readers need no requests.

    Raises:
        DatasetError: it does not exist, is a file, or cannot be listed; the message says what is
            `expected` in it.
    """
    if is_local(root):
        if root.is_dir():
            return root
        what = "is a file" if root.exists() else "does not exist"
    else:
        try:
            found = files_below(root)
        except OSError as error:
            raise DatasetError(
                f"{root} cannot be listed ({cause(error)}), but {expected} is expected there: check "
                "dataset.root, the credentials and the connection."
            ) from error
        if found:
            return root
        what = "does not exist or is empty"
    raise DatasetError(f"{root} {what}, but {expected} is expected there: set dataset.root to it.")


def each(folders: Sequence[Place], make: Callable[[Place], Track]) -> list[Track]:
    """Make a track of each folder; remote ones several at a time, since their facts are fetched."""
    if all(map(is_local, folders)):
        return [make(folder) for folder in folders]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(make, folders))


def is_folder(path: Place) -> bool:
    """Tell whether a place is a folder."""
    return path.is_dir()


def layout_error(
    root: Place, expected: str, fits: Callable[[Place], bool], advice: str | None = None
) -> DatasetError:
    """Return the error for a root without tracks.

    Its way out is the `advice`, else a neighbouring folder that `fits`, else a general one.
    """
    above = [root.resolve().parent] if is_local(root) else []
    neighbours = [*above, *entries(root, is_folder)]
    found = next((folder for folder in neighbours if fits(folder)), None)
    way_out = advice or f"set dataset.root to {found or 'the folder that has it'}"
    return DatasetError(f"{root} does not hold {expected}: {way_out}.")


def entries(folder: P, wanted: Callable[[P], bool]) -> list[P]:
    """List the entries of `folder` that are `wanted`, sorted by name, without hidden ones.

    Raises:
        DatasetError: the folder cannot be read.
    """
    try:
        inside = cast("Iterator[P]", folder.iterdir())
        return sorted(
            (path for path in inside if not _HIDDEN.match(path.name) and wanted(path)),
            key=lambda path: unicodedata.normalize("NFC", path.name),
        )
    except OSError as error:
        raise DatasetError(
            f"{folder} cannot be read ({cause(error)}): check its permissions."
        ) from error


def read_json(path: Place) -> Mapping[str, Any] | str:
    """Read a JSON object; where that fails, return the problem as a sentence.

    Raises:
        DatasetError: a remote file cannot be fetched, which says nothing about the song.
    """
    try:
        content = json.loads(read_bytes(path).decode("utf-8-sig"))
    except OSError as error:
        if is_local(path):
            return f"{path.name} cannot be read ({cause(error)})."
        raise DatasetError(
            f"{path} cannot be read ({cause(error)}): check the credentials and the connection."
        ) from error
    except (ValueError, RecursionError) as error:
        return f"{path.name} is not valid JSON ({error})."
    return content if isinstance(content, dict) else f"{path.name} does not hold a JSON object."


def text_or_none(value: object) -> str | None:
    """Return `value` as one line of valid Unicode; None where it is neither text nor a number."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    # JSON may hold lone surrogates, which no table can store.
    line = " ".join(str(value).encode("utf-8", "replace").decode().split())
    # a title may hold control characters that would play tricks on a terminal
    return "".join(letter for letter in line if letter.isprintable()) or None
