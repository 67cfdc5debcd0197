"""Public keys for ssh: taken whole or refused by name."""

from __future__ import annotations

import base64
import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from melda.base.errors import ConfigError
from melda.config import ssh_keys

SK, SK_ECDSA = "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"
# A point of the curve: its generator.
POINT = bytes.fromhex(
    "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
)


def key(kind: str = "ssh-ed25519", says: str | None = None, fields: tuple[bytes, ...] = (bytes(32),)) -> str:
    """A public key of type ``kind`` whose inside says ``says``."""
    parts = [(kind if says is None else says).encode(), *fields]
    return kind + " " + base64.b64encode(b"".join(len(part).to_bytes(4, "big") + part for part in parts)).decode()


def rsa(bits: int) -> str:
    return key("ssh-rsa", fields=(b"\1\0\1", (1 << bits - 1).to_bytes(bits // 8 + 1, "big")))


def test_keys_are_taken_as_they_are() -> None:
    text = f"# ours\n{key()} ada@example.org and more\n\n  {rsa(2048)}  \n"
    assert ssh_keys.parse(text) == (f"{key()} ada@example.org and more", rsa(2048))


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
    assert ssh_keys.parse(line) == (line,)
    kind, blob = line.split()[:2]
    for end in range(4, len(blob.rstrip("=")), 4):
        with pytest.raises(ConfigError):
            ssh_keys.parse(f"{kind} {blob[:end]}")


@pytest.mark.parametrize("line", [rsa(4096), key(SK, fields=(bytes(32), b"ssh:melda-jupyter"))])
def test_one_cut_off_in_a_field_of_any_length_is_refused(line: str) -> None:
    assert ssh_keys.parse(line) == (line,)
    for end in range(4, len(line.split()[1].rstrip("=")), 4):
        with pytest.raises(ConfigError):
            ssh_keys.parse(line.split()[0] + " " + line.split()[1][:end])


@pytest.mark.parametrize("line", [key().replace("AAAA", "AAA A", 1), key().replace("AAAA", "AA-AA", 1), key() + "é"])
def test_a_sign_that_is_none_of_base64_is_refused_though_python_would_skip_it(line: str) -> None:
    with pytest.raises(ConfigError):
        ssh_keys.parse(line)


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ConfigError, match="line 1, 'ssh-rsa [^']*', has 1024 bits: at least 2048 are needed$"):
        ssh_keys.parse(rsa(1024))


def test_nothing_is_no_key() -> None:
    assert ssh_keys.parse("") == ssh_keys.parse("\n# none\n") == ()


@pytest.mark.parametrize(
    "line",
    [
        "ssh-ed25519", "ssh-ed25519 AAAA", "ssh-ed25519 not!base64", key(says="ssh-rsa"), key("ssh-dss"),
        key(fields=(bytes(32), b"")), key(fields=()), "ssh-ed25519 AAA=", key(fields=(b"",)), key(fields=(bytes(31),)),
        key(fields=(bytes(33),)), key("ssh-rsa", fields=(b"", bytes(257))), key(SK, fields=(bytes(32), b"")),
        key(SK, fields=(bytes(32),)), key(SK_ECDSA, fields=(b"nistp256", POINT)),
        key("ecdsa-sha2-nistp256", fields=(b"nistp256", POINT[:-1])), key() + "=", key() + " \x10x",
        key() + " \x7fx", key() + " \x1fx",
        "garbage", 'command="sh" ' + key(), key() + "\x01", "-----BEGIN OPENSSH PRIVATE KEY-----",
    ],
)  # fmt: skip
def test_anything_else_is_refused_by_its_line(line: str) -> None:
    with pytest.raises(ConfigError, match="^invalid SSH_AUTHORIZED_KEYS: expected a public key in each line: line 2"):
        ssh_keys.parse(f"{key()}\n{line}")


@given(st.text())
def test_any_text_gives_whole_keys_or_one_line(text: str) -> None:
    try:
        assert all(found.split()[0] in ssh_keys.TYPES for found in ssh_keys.parse(text))
    except ConfigError as error:
        assert len(str(error).splitlines()) == 1


def is_known_to_ssh(line: str) -> bool:
    """Does ssh-keygen say it is a key?"""
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(line + "\n")
        file.flush()
        return subprocess.run(["ssh-keygen", "-lf", file.name], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize(
    "line",
    [
        key(), key() + "=", key() + "==", key(fields=(bytes(31),)), key(fields=(b"",)),
        key(SK, fields=(bytes(32), b"ssh:")), key(SK, fields=(bytes(30), b"ssh:")),
        key(SK_ECDSA, fields=(b"nistp256", POINT, b"ssh:")), key(SK_ECDSA, fields=(b"nistp256", POINT[:-1], b"ssh:")),
        key("ecdsa-sha2-nistp256", fields=(b"nistp256", POINT)), key("ecdsa-sha2-nistp256", fields=(b"nistp256", POINT[1:])),
        rsa(2048),
    ],
)  # fmt: skip
def test_ssh_says_the_same(line: str) -> None:
    try:
        taken = ssh_keys.parse(line) == (line,)
    except ConfigError:
        taken = False
    assert taken == is_known_to_ssh(line)


def test_a_comment_may_be_empty_and_the_beginning_of_what_is_wrong_is_shown() -> None:
    assert ssh_keys.parse(key() + " #1") == (key() + " #1",)
    with pytest.raises(
        ConfigError,
        match="^invalid SSH_AUTHORIZED_KEYS: expected a public key in each line: line 1, 'x{40}', is no public key$",
    ):
        ssh_keys.parse("x" * 50)
