"""Public keys for ssh: taken whole or refused by name."""

from __future__ import annotations

import base64
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from melda_runtime import public_keys
from melda_runtime.errors import Refused


def key(kind: str = "ssh-ed25519", says: str | None = None, fields: tuple[bytes, ...] = (bytes(32),)) -> str:
    """A public key of type ``kind`` whose inside says ``says``."""
    parts = [(kind if says is None else says).encode(), *fields]
    return kind + " " + base64.b64encode(b"".join(len(part).to_bytes(4, "big") + part for part in parts)).decode()


def rsa(bits: int) -> str:
    return key("ssh-rsa", fields=(b"\1\0\1", (1 << bits - 1).to_bytes(bits // 8 + 1, "big")))


def test_keys_are_taken_as_they_are() -> None:
    text = f"# ours\n{key()} ada@example.org and more\n\n  {rsa(2048)}  \n"
    assert public_keys.parse(text) == (f"{key()} ada@example.org and more", rsa(2048))


def made(*options: str) -> str:
    """A key that ssh-keygen makes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "key"
        subprocess.run(["ssh-keygen", "-q", "-N", "", "-f", str(path), *options], check=True)
        return path.with_suffix(".pub").read_text().strip()


@pytest.mark.parametrize(
    "options",
    [("-t", "ed25519"), ("-t", "rsa", "-b", "2048"), *(("-t", "ecdsa", "-b", bits) for bits in ("256", "384", "521"))],
)
def test_keys_as_ssh_makes_them_and_none_that_was_cut_off(options: tuple[str, ...]) -> None:
    line = made(*options)
    assert public_keys.parse(line) == (line,)
    kind, blob = line.split()[:2]
    for end in range(4, len(blob.rstrip("=")), 4):
        with pytest.raises(Refused):
            public_keys.parse(f"{kind} {blob[:end]}")


def test_a_short_key_is_refused() -> None:
    with pytest.raises(Refused, match="line 1, 'ssh-rsa [^']*', has 1024 bits: at least 2048 are needed$"):
        public_keys.parse(rsa(1024))


def test_nothing_is_no_key() -> None:
    assert public_keys.parse("") == public_keys.parse("\n# none\n") == ()


@pytest.mark.parametrize(
    "line",
    [
        "ssh-ed25519", "ssh-ed25519 AAAA", "ssh-ed25519 not!base64", key(says="ssh-rsa"), key("ssh-dss"),
        key(fields=(bytes(32), b"")), key(fields=()), "ssh-ed25519 AAA=",
        "garbage", 'command="sh" ' + key(), key() + "\x01", "-----BEGIN OPENSSH PRIVATE KEY-----",
    ],
)  # fmt: skip
def test_anything_else_is_refused_by_its_line(line: str) -> None:
    with pytest.raises(Refused, match="^SSH_AUTHORIZED_KEYS is not right: line 2"):
        public_keys.parse(f"{key()}\n{line}")


@given(st.text())
def test_any_text_gives_whole_keys_or_one_line(text: str) -> None:
    try:
        assert all(found.split()[0] in public_keys.TYPES for found in public_keys.parse(text))
    except Refused as error:
        assert len(str(error).splitlines()) == 1
