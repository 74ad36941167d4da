import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stemwise.core.errors import ConfigError, UnauthorizedError
from stemwise.serving.http.keys import VARIABLE, Keys, new_key


def test_without_keys_everyone_is_the_same():
    for env in ({}, {VARIABLE: " \n"}):
        keys = Keys.load(env=env)
        assert not keys.required
        assert keys.owner(None) == keys.owner("Bearer whatever") == ""


def test_a_new_key_opens_the_server_that_has_its_line(tmp_path):
    (secret, line), (other, other_line) = new_key("alice"), new_key("bob")
    assert secret.startswith("sw_") and len(secret) == 46 and secret != other
    assert line == "alice:" + hashlib.sha256(secret.encode()).hexdigest()
    file = tmp_path / "keys"
    file.write_text(f"# who may come\n\n{line}  # until May\n")
    keys = Keys.load(file, {VARIABLE: f"{other_line.upper().replace('BOB', 'bob')},"})
    assert keys.required
    assert keys.owner(f"Bearer {secret}") == keys.owner(f"  bearer   {secret} ") == "alice"
    assert keys.owner(f"Bearer {other}") == "bob"


@pytest.mark.parametrize(
    "header",
    [None, "", "Bearer", "Bearer ", "Basic dTpw", "sw_secret", "Bearer sw_x", "Bearer é\0"],
)
def test_other_headers_are_refused(header):
    keys = Keys.load(env={VARIABLE: new_key("alice")[1]})
    with pytest.raises(UnauthorizedError) as refusal:
        keys.owner(header)
    assert refusal.value.status == 401


@given(st.text())
def test_no_text_is_a_key(text):
    with pytest.raises(UnauthorizedError):
        Keys((("alice", "0" * 64),)).owner(f"Bearer {text}")


def test_every_entry_is_compared_whichever_fits(monkeypatch):
    compared = []
    same = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", lambda a, b: compared.append(b) or same(a, b))
    pairs = [new_key(name) for name in ("a", "b", "c")]
    keys = Keys.load(env={VARIABLE: " ".join(line for _, line in pairs)})
    for secret, _ in pairs:
        compared.clear()
        keys.owner(f"Bearer {secret}")
        assert len(compared) == 3


DIGEST = "0" * 64


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("alice", "line 1 holds an entry"),
        (f"\nalice:{DIGEST[1:]}", "line 2 holds an entry"),
        (f":{DIGEST}", "line 1 holds an entry"),
        (f"a/b:{DIGEST}", "line 1 holds an entry"),
        (f"a:{DIGEST}\na:{'1' * 64}", r"line 2 repeats the name 'a' of .*keys, line 1"),
        (f"a:{DIGEST}\n\nb:{DIGEST}", r"line 3 repeats the key of 'a' of .*keys, line 1"),
        ("# nobody yet\n", "holds no keys"),
        ("", "holds no keys"),
    ],
)
def test_a_wrong_file_is_refused_with_its_line(tmp_path, text, message):
    file = tmp_path / "keys"
    file.write_text(text)
    with pytest.raises(ConfigError, match=message) as refusal:
        Keys.load(file, {})
    assert str(file) in str(refusal.value)


def test_a_secret_that_was_pasted_by_mistake_is_not_shown(tmp_path):
    secret, line = new_key("alice")
    with pytest.raises(ConfigError, match=f"{VARIABLE}, line 2") as refusal:
        Keys.load(env={VARIABLE: f"{line}\n{secret}"})
    assert secret not in str(refusal.value)


def test_a_name_in_file_and_variable_is_refused(tmp_path):
    file = tmp_path / "keys"
    file.write_text(new_key("alice")[1])
    with pytest.raises(ConfigError, match=f"{VARIABLE}, line 1 repeats the name 'alice'"):
        Keys.load(file, {VARIABLE: new_key("alice")[1]})


def test_an_unreadable_file_is_refused(tmp_path):
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\x00")
    for file in (tmp_path / "absent", tmp_path, binary):
        with pytest.raises(ConfigError, match="cannot be read"):
            Keys.load(file, {})


@pytest.mark.parametrize("name", ["", "a b", "a:b", "-x", "é", "x" * 65])
def test_names_of_keys_are_plain(name):
    with pytest.raises(ConfigError, match="cannot name a key"):
        new_key(name)
