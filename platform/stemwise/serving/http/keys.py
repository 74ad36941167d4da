"""Bearer keys: who may use the service, and whose jobs are whose.

A key is 256 random bits, so a plain SHA-256 of it is enough: what makes slow hashes necessary for
passwords is that they can be guessed, and these cannot. The service only knows the hashes.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from stemwise.core.errors import ConfigError, UnauthorizedError
from stemwise.serving.jobs.records import ANYONE

VARIABLE = "STEMWISE_KEYS"
_ENTRY = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]{0,63}):([0-9a-fA-F]{64})")


@dataclass(frozen=True)
class Keys:
    """The keys that a server accepts, as (name, SHA-256 in hex); none means everyone may come."""

    entries: tuple[tuple[str, str], ...] = ()

    @classmethod
    def load(cls, file: Path | None = None, env: Mapping[str, str] = os.environ) -> Keys:
        """Read `name:sha256` entries from `file` and from the variable STEMWISE_KEYS.

        Entries are separated by blanks, commas or newlines; `#` starts a comment. A file or a
        variable that is there but holds no key is refused: it would open the server to everyone.

        Raises:
            ConfigError: an unreadable file, an entry that is none, a name or key given twice.
        """
        found: dict[str, tuple[str, str]] = {}
        for text, origin in _texts(file, env):
            entries = list(_entries(text, origin))
            if not entries:
                raise ConfigError(
                    f"{origin} holds no keys, which would open the server to everyone: add one "
                    "(`name:sha256`), or do not set it."
                )
            for name, digest, place in entries:
                _refuse_repeated(found, name, digest, place)
                found[name] = (digest, place)
        return cls(tuple((name, digest) for name, (digest, _) in found.items()))

    @property
    def required(self) -> bool:
        """Whether requests need a key."""
        return bool(self.entries)

    def owner(self, authorization: str | None) -> str:
        """Return the name of the key in an Authorization header (`ANYONE` where none is needed).

        How long this takes does not depend on how much of a key was right.

        Raises:
            UnauthorizedError: no key, another scheme than Bearer, or an unknown key.
        """
        if not self.entries:
            return ANYONE
        scheme, _, key = (authorization or "").strip().partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise UnauthorizedError(
                "This server asks for a key: send it in the header `Authorization: Bearer KEY`."
            )
        given = _digest(key.strip()).encode()
        owner = None
        for name, digest in self.entries:  # to the end, whatever is found
            if hmac.compare_digest(given, digest.encode()):
                owner = name
        if owner is None:
            raise UnauthorizedError(
                "This key is unknown here: check that it is complete, or ask whoever runs the server."
            )
        return owner


def new_key(name: str) -> tuple[str, str]:
    """Make a key: the secret for its user, and the line that a server's file of keys needs.

    Raises:
        ConfigError: `name` has other characters than letters, digits, `.`, `_` and `-`.
    """
    secret = "sw_" + secrets.token_urlsafe(32)
    line = f"{name}:{_digest(secret)}"
    if not _ENTRY.fullmatch(line):
        raise ConfigError(
            f"{name!r} cannot name a key: use 1 to 64 letters, digits, dots, dashes or underscores."
        )
    return secret, line


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "backslashreplace")).hexdigest()


def _texts(file: Path | None, env: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield each source of keys as (text, its name)."""
    if file is not None:
        try:
            yield file.read_text("utf-8"), str(file)
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(
                f"The file of keys {file} cannot be read ({error}): correct its path or its rights."
            ) from error
    if env.get(VARIABLE, "").strip():
        yield env[VARIABLE], VARIABLE


def _entries(text: str, origin: str) -> Iterator[tuple[str, str, str]]:
    """Yield (name, digest, place) of a text's entries."""
    for number, line in enumerate(text.splitlines(), 1):
        place = f"{origin}, line {number}"
        for entry in re.split(r"[\s,]+", line.partition("#")[0]):
            if not entry:
                continue
            match = _ENTRY.fullmatch(entry)
            if match is None:
                # The entry itself is not repeated: it may be a key that was pasted by mistake.
                raise ConfigError(
                    f"{place} holds an entry that is not `name:sha256` (64 hexadecimal digits): "
                    "make one with `stemwise keys`."
                )
            yield match[1], match[2].lower(), place


def _refuse_repeated(
    found: Mapping[str, tuple[str, str]], name: str, digest: str, place: str
) -> None:
    for other, (known, first) in found.items():
        if other == name or known == digest:
            what = f"the name {name!r}" if other == name else f"the key of {other!r}"
            raise ConfigError(f"{place} repeats {what} of {first}: leave one of them out.")
