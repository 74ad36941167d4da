"""Where the service is, and the key for it: checked before anything is sent."""

from __future__ import annotations

import os
from ipaddress import ip_address
from urllib.parse import urlsplit

import requests
from requests.auth import AuthBase

from stemwise.client.errors import KEY_VARIABLE
from stemwise.core.errors import ConfigError


class Bearer(AuthBase):
    """Adds the key to a request; unlike a plain header, ~/.netrc does not replace it."""

    def __init__(self, key: str) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Return the request with the key in its headers."""
        request.headers["Authorization"] = f"Bearer {self._key}"
        return request

    def redact(self, text: str) -> str:
        """Return `text` without the key, should a server repeat it."""
        return text.replace(self._key, "(key)")


def bearer(key: str | None) -> Bearer | None:
    """Return the key that is given, else that of the environment, else None.

    Raises:
        ConfigError: it has characters that no key has; the message does not show it.
    """
    text = (os.environ.get(KEY_VARIABLE, "") if key is None else key).strip()
    if not text:
        return None
    if not (text.isascii() and text.isprintable()) or " " in text:
        raise ConfigError(
            f"The key for the service has spaces or characters beyond ASCII: check {KEY_VARIABLE}."
        )
    return Bearer(text)


def base_url(server: str) -> str:
    """Return the address of a server without a slash at its end.

    Raises:
        ConfigError: it is not an http(s) address, or holds more than one.
    """
    text = server.strip()
    try:
        parts = urlsplit(text)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname)
        usable = usable and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if usable and "@" in parts.netloc:
        raise ConfigError(
            f"The address of the server must not hold a user or password: give a key in {KEY_VARIABLE}."
        )
    if not usable or parts.query or parts.fragment or not text.isprintable() or " " in text:
        raise ConfigError(
            f"{server!r} is not the address of a server: write it as http://HOST:PORT."
        )
    return text.rstrip("/")


def is_local(url: str) -> bool:
    """Tell whether the address is this machine's own, which no proxy can reach."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def origin(url: str) -> str:
    """Return `scheme://host[:port]` of a URL, without user or password."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
