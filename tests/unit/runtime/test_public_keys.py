"""Public keys for ssh: taken whole or refused by name."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from melda_runtime import public_keys
from melda_runtime.errors import Refused


def key(kind: str = "ssh-ed25519", says: str | None = None) -> str:
    """A public key of type ``kind`` whose inside says ``says``."""
    name = (kind if says is None else says).encode()
    return kind + " " + base64.b64encode(len(name).to_bytes(4, "big") + name + bytes(36)).decode()


def test_keys_are_taken_as_they_are() -> None:
    text = f"# ours\n{key()} ada@example.org and more\n\n  {key('ssh-rsa')}  \n"
    assert public_keys.parse(text) == (f"{key()} ada@example.org and more", key("ssh-rsa"))


def test_nothing_is_no_key() -> None:
    assert public_keys.parse("") == public_keys.parse("\n# none\n") == ()


@pytest.mark.parametrize(
    "line",
    [
        "ssh-ed25519", "ssh-ed25519 AAAA", "ssh-ed25519 not!base64", key(says="ssh-rsa"), key("ssh-dss"),
        "garbage", 'command="sh" ' + key(), key() + "\x01", "-----BEGIN OPENSSH PRIVATE KEY-----",
    ],
)  # fmt: skip
def test_anything_else_is_refused_by_its_line(line: str) -> None:
    with pytest.raises(Refused, match="^SSH_AUTHORIZED_KEYS is not right: line 2"):
        public_keys.parse(f"{key()}\n{line}")


@given(st.text())
def test_any_text_gives_whole_keys_or_one_line(text: str) -> None:
    try:
        assert all(found.startswith(public_keys.TYPES) for found in public_keys.parse(text))
    except Refused as error:
        assert len(str(error).splitlines()) == 1
