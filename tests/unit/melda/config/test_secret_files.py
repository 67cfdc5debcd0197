"""Secrets in files: what is read, what is refused, and that no content is ever shown."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from melda.base.errors import ConfigError
from melda.config import secret_files

NOBODY = 65534
KEYS = "aws_access_key_id = CANARYID\naws_secret_access_key = CANARY/se%cret+=\n"
FILES = (secret_files.TOKEN, secret_files.CREDENTIALS)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "secret"


def filled(file: Path, name: str = secret_files.TOKEN, **others: str) -> dict[str, str]:
    return secret_files.filled_in({name: str(file), **others}, NOBODY)


def refused(file: Path, name: str = secret_files.TOKEN, **others: str) -> str:
    with pytest.raises(ConfigError) as error:
        filled(file, name, **others)
    message = str(error.value)
    assert "CANARY" not in message
    assert "\n" not in message
    return message


def test_a_token(file: Path) -> None:
    file.write_text(" CANARY-token\n")
    assert filled(file, MINE="1") == {"JUPYTER_TOKEN": "CANARY-token", "MINE": "1"}


def test_nothing_is_changed_where_there_is_no_file() -> None:
    variables = {"JUPYTER_TOKEN": "t", "AWS_ACCESS_KEY_ID": "k", "AWS_PROFILE": "p"}
    empty = {secret_files.TOKEN: "", secret_files.CREDENTIALS: ""}
    assert secret_files.filled_in({**variables, **empty}, NOBODY) == variables


def test_credentials(file: Path) -> None:
    file.write_text(
        f"# a comment\n[default]\n{KEYS}\n[session]\n{KEYS}aws_session_token = CANARY==\nregion = x\n[DEFAULT]\n{KEYS}"
    )
    keys = {"AWS_ACCESS_KEY_ID": "CANARYID", "AWS_SECRET_ACCESS_KEY": "CANARY/se%cret+="}
    assert filled(file, secret_files.CREDENTIALS) == {**keys, "AWS_SESSION_TOKEN": ""}
    found = filled(file, secret_files.CREDENTIALS, AWS_PROFILE="session")
    assert found == {**keys, "AWS_SESSION_TOKEN": "CANARY==", "AWS_PROFILE": "session"}


def test_a_link_of_kubernetes_is_followed(tmp_path: Path, file: Path) -> None:
    (tmp_path / "..data").mkdir()
    (tmp_path / "..data" / "secret").write_text("CANARY")
    file.symlink_to("..data/secret")
    assert filled(file)["JUPYTER_TOKEN"] == "CANARY"


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("missing", "expected a file that can be read: No such file or directory"),
        ("folder", "expected a regular file"),
        ("fifo", "expected a regular file"),
        ("device", "expected a regular file"),
        ("empty", "expected a file that is not empty"),
        ("blank", "expected a file that is not empty"),
        ("large", "expected at most 65536 bytes"),
        ("binary", "expected UTF-8 text"),
    ],
)
def test_what_is_no_file_with_a_secret(file: Path, name: str, kind: str, says: str) -> None:
    if kind == "folder":
        file.mkdir()
    elif kind == "fifo":
        os.mkfifo(file)
    elif kind == "device":
        file.symlink_to("/dev/zero")
    elif kind != "missing":
        file.write_bytes({"empty": b"", "blank": b" \n", "large": b"C" * 65537, "binary": b"CANARY\xff"}[kind])
    assert refused(file, name).startswith(f"invalid {name}={str(file)!r}: {says}")


@pytest.mark.parametrize("path", ["/a/../b", "/a//b", "/a\nb", "/a\0b", "/a\udcff"])
def test_a_path_that_is_none(path: str) -> None:
    with pytest.raises(ConfigError, match=r"^invalid JUPYTER_TOKEN_FILE=.*: expected the absolute path of a file$"):
        secret_files.filled_in({secret_files.TOKEN: path}, NOBODY)


@pytest.mark.parametrize("how", ["the user's", "everybody's", "a link's", "a target's"])
def test_a_folder_in_which_the_user_could_put_another(tmp_path: Path, how: str) -> None:
    """It would be root who reads what the user's link leads to, and the user who may read the token."""
    theirs, ours = tmp_path / "theirs", tmp_path / "ours"
    for folder in (theirs, theirs / "deep", ours):
        folder.mkdir()
    os.chown(theirs, *((0, 0) if how == "everybody's" else (NOBODY, NOBODY)))
    theirs.chmod(0o777 if how == "everybody's" else 0o755)
    (theirs / "deep" / "token").write_text("CANARY")
    (ours / "token").write_text("CANARY")
    (ours / "link").symlink_to(theirs / "deep" / "token")
    (theirs / "link").symlink_to(ours / "token")
    path = {"a link's": ours / "link", "a target's": theirs / "link"}.get(how, theirs / "deep" / "token")
    assert "expected a file in a folder that the notebook's user cannot change" in refused(path)
    assert filled(ours / "token")["JUPYTER_TOKEN"] == "CANARY"


@pytest.mark.parametrize("text", ["CANARY CANARY", "CANARY\nCANARY", "CANARY&", "é", '"CANARY"'])
def test_what_cannot_be_a_token(file: Path, text: str) -> None:
    file.write_text(text)
    assert refused(file).startswith(f"invalid JUPYTER_TOKEN_FILE={str(file)!r}: expected a token of letters")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("CANARY", "AWS's format"),
        ("[default]\nCANARY", "AWS's format"),
        (f"[default]\n{KEYS}[default]\n{KEYS}", "AWS's format"),
        (f"[other]\n{KEYS}", "a profile [default] (AWS_PROFILE)"),
        ("[default]\naws_access_key_id = CANARY\n", "aws_secret_access_key in its profile [default]"),
        ("[default]\naws_secret_access_key = CANARY\n", "aws_access_key_id in its profile [default]"),
        ("[default]\naws_access_key_id = CANARY CANARY\naws_secret_access_key=x\n", "aws_access_key_id without blanks"),
        (f"[default]\n{KEYS}aws_session_token = CANARY:\n", "aws_session_token without blanks"),
    ],
)
def test_what_is_no_file_of_awss(file: Path, text: str, says: str) -> None:
    file.write_text(text)
    message = refused(file, secret_files.CREDENTIALS)
    assert message.startswith(f"invalid AWS_SHARED_CREDENTIALS_FILE={str(file)!r}: expected {says}")


@given(st.text())
def test_whatever_the_file_says_it_is_read_or_refused(text: str) -> None:
    try:
        found = secret_files.credentials(text, "default", "wrong: ")
    except ConfigError:
        return
    assert found["AWS_ACCESS_KEY_ID"] and found["AWS_SECRET_ACCESS_KEY"]


@pytest.mark.parametrize(
    ("name", "other"),
    [(secret_files.TOKEN, "JUPYTER_TOKEN")]
    + [(secret_files.CREDENTIALS, other) for other in secret_files.KEYS.values()],
)
def test_a_variable_and_its_file(file: Path, name: str, other: str) -> None:
    file.write_text("CANARY")
    assert (
        refused(file, name, **{other: "CANARY"}) == f"invalid {name}: expected only one of it and {other}, both are set"
    )
