"""Addresses, connections, TLS, proxies, redirects and the key."""

from __future__ import annotations

import re
import time

import pytest

from stemwise import client as api
from stemwise.client import Client
from stemwise.core import errors

from .conftest import QUICK
from .scripted_service import Service, answer, cut, problem


def test_nobody_there(service, song):
    url = service.url
    service.close()
    started = time.monotonic()
    with Client(url) as client, pytest.raises(api.UnreachableError) as caught:
        client.submit(song)
    assert "stemwise serve" in str(caught.value) and url in str(caught.value)
    assert time.monotonic() - started < 10  # no long patience for a wrong address
    for wrong in ("http://no-such-host.invalid", url.replace("http:", "https:")):
        client = Client(wrong, policy=QUICK)
        with client, pytest.raises(api.UnreachableError, match=re.escape(wrong)):
            client.recipes()


def test_tls_where_there_is_none(service):
    client = Client(service.url.replace("http:", "https:"), policy=QUICK)
    with client, pytest.raises(api.UntrustedError, match="write http://"):
        client.recipes()


def test_a_proxy_never_stands_before_this_machine(service, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with Client(service.url, policy=QUICK) as client:
        assert client.recent() == []
    away = Client("http://10.0.0.1", policy=QUICK)
    with away, pytest.raises(api.UnreachableError, match="NO_PROXY"):
        away.recent()


def test_a_connection_that_is_closed_at_once(client, service):
    service.fault("recent", *[cut] * 9)
    with pytest.raises(api.UnreachableError, match="https://"):
        client.recent()
    assert service.count("recent") == QUICK.short_attempts


@pytest.mark.parametrize(
    "address",
    [
        "",
        "localhost:8000",
        "ftp://x",
        "http://",
        "http://a b",
        "http://x:99999",
        "http://x?y",
        "//x",
    ],
)
def test_an_address_that_is_none(address):
    with pytest.raises(errors.ConfigError, match="http://HOST:PORT"):
        Client(address)


def test_a_password_in_the_address_is_refused_and_not_shown():
    with pytest.raises(errors.ConfigError) as caught:
        Client("http://me:secret@host")
    assert "secret" not in str(caught.value)


def test_the_key_is_sent_and_never_shown(service, monkeypatch, tmp_path):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password other\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("STEMWISE_KEY", " sk-environment\n")
    with Client(service.url, policy=QUICK) as client:
        client.recent()
        service.fault("recent", problem(401, "Key sk-environment is unknown: get another."))
        with pytest.raises(errors.UnauthorizedError) as caught:
            client.recent()
        assert "sk-environment" not in f"{caught.value}{caught.value.detail}{client!r}"
    with Client(service.url, key="sk-given", policy=QUICK) as client:
        client.recent()
    sent = [headers["Authorization"] for *_, headers in service.seen]
    assert sent == ["Bearer sk-environment", "Bearer sk-environment", "Bearer sk-given"]
    for bad in ("sk two", "schlüssel", "a\nb"):
        with pytest.raises(errors.ConfigError) as told:
            Client(service.url, key=bad)
        assert bad not in str(told.value)


def test_a_redirect_elsewhere_never_carries_the_key(service, song):
    other = Service()
    try:
        with Client(service.url, key="sk-secret", policy=QUICK) as client:
            moved = answer(307, Location=f"{other.url}/v1/separations")
            service.fault("recent", moved)
            assert client.recent() == []
            assert "Authorization" not in other.seen[0][3]
            service.fault("submit", moved)
            with pytest.raises(api.NotStemwiseError, match="moved to " + other.url):
                client.submit(song)
            assert len(other.seen) == 1  # a song goes only where it was sent
            service.fault("recent", *[answer(302, Location="/v1/separations")] * 9)
            with pytest.raises(api.NotStemwiseError, match="loop"):
                client.recent()
    finally:
        other.close()
