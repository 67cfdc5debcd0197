"""Secrets that are given as files, not as variables: Docker's, Kubernetes' and ECS's own secrets, or a file on a host.

A variable of a container is in the environment of everything that ``docker exec`` starts there, whoever runs it; a file is not.
"""

from __future__ import annotations

import configparser
import os
import re
import stat
from typing import Dict, List, Mapping

from melda.base.addresses import shown
from melda.base.errors import ConfigError

TOKEN = "JUPYTER_TOKEN_FILE"  # nosec B105 # noqa: S105 - a name
CREDENTIALS = "AWS_SHARED_CREDENTIALS_FILE"
PROFILE = "AWS_PROFILE"
# Variable of Jupyter's process with the path of our own copy of its token: not the name above, whose path is the outside's.
COPY = "MELDA_TOKEN_FILE"
LARGEST = 1 << 16
# It travels in URLs and headers, so visible ASCII, nothing to be quoted; and no more than its readers read of it.
A_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{1,4096}")
# AWS's names in the file, and the variables they stand for; the third need not be there.
KEYS = {name.lower(): name for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")}


def _folders(path: str) -> List[str]:
    found = [path]
    while found[-1] != os.path.dirname(found[-1]):
        found.append(os.path.dirname(found[-1]))
    return found[1:]


def _may_be_changed(path: str, uid: int) -> bool:
    """Could user ``uid`` put another file, or a link to one of root's, in the place of ``path``?"""
    for folder in (*_folders(path), *_folders(os.path.realpath(path))):
        found = os.stat(folder)
        others = stat.S_IMODE(found.st_mode) & (stat.S_IWOTH | stat.S_ISVTX)
        if found.st_uid == uid or others == stat.S_IWOTH:
            return True
    return False


def read(name: str, path: str, uid: int) -> str:
    """Return the text of a secret's file, without blanks and newlines at its ends.

    Args:
        name: of the variable, for a message; the content is in none.
        path: its value.
        uid: of the notebook's user, in whose folders it must not lie: root reads it.
    """
    absolute = "expected the absolute path of a file"
    if not path.startswith("/"):  # it may be the secret itself
        raise ConfigError(f"invalid {name}: {absolute}")
    wrong = f"invalid {name}={shown(path)!r}: expected "
    if os.path.normpath(path) != path or not path.isprintable():
        raise ConfigError(f"invalid {name}={shown(path)!r}: {absolute}")
    try:
        if _may_be_changed(path, uid):
            raise ConfigError(wrong + "a file in a folder that the notebook's user cannot change")
        # O_NONBLOCK: a FIFO is opened, seen to be one, and not waited for. Links are followed: Kubernetes' secrets are some.
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise ConfigError(wrong + "a regular file")
            with open(handle, "rb", closefd=False) as stream:
                content = stream.read(LARGEST + 1)
        finally:
            os.close(handle)
    except (OSError, ValueError) as error:
        raise ConfigError(
            wrong + "a file that can be read: {0}".format(getattr(error, "strerror", None) or "no path")
        ) from None
    if len(content) > LARGEST:
        raise ConfigError(wrong + f"at most {LARGEST} bytes")
    try:
        text = content.decode("utf-8").strip()
    except UnicodeDecodeError:
        raise ConfigError(wrong + "UTF-8 text") from None
    if not text:
        raise ConfigError(wrong + "a file that is not empty")
    return text


def credentials(text: str, profile: str, wrong: str) -> Dict[str, str]:
    """Return the variables for the keys of one profile in AWS's format of a shared credentials file.

    Raises:
        ConfigError: it is not of that format, or has not got the profile or one of its keys.
    """
    # As botocore reads it: no section is special, and % means itself.
    parser = configparser.RawConfigParser(default_section="")
    try:
        parser.read_string(text)
    except configparser.Error:  # its message shows the line
        raise ConfigError(wrong + "AWS's format, [profile] and lines like aws_access_key_id = ...") from None
    if not parser.has_section(profile):
        raise ConfigError(wrong + f"a profile [{shown(profile)}] ({PROFILE})")
    found = {}
    for key, variable in KEYS.items():
        value = parser.get(profile, key, fallback="").strip()
        if not value and key != "aws_session_token":
            raise ConfigError(wrong + f"{key} in its profile [{shown(profile)}]")
        if not re.fullmatch(r"[!-9;-~]*", value):
            raise ConfigError(wrong + f"{key} without blanks, colons and control characters")
        found[variable] = value
    return found


def _only_one(variables: Mapping[str, str], name: str, others: List[str]) -> None:
    for other in others:
        if variables.get(other):
            raise ConfigError(f"invalid {name}: expected only one of it and {other}, both are set")


def filled_in(variables: Mapping[str, str], uid: int) -> Dict[str, str]:
    """Return the variables, with what files hold in the place of the files' names: nothing else need know of them.

    Raises:
        ConfigError: a file is invalid, or a variable and its file are both set.
    """
    found = {name: value for name, value in variables.items() if name not in (TOKEN, CREDENTIALS)}
    if variables.get(TOKEN):
        _only_one(variables, TOKEN, ["JUPYTER_TOKEN"])
        found["JUPYTER_TOKEN"] = token = read(TOKEN, variables[TOKEN], uid)
        if not A_TOKEN.fullmatch(token):
            raise ConfigError(
                f"invalid {TOKEN}={shown(variables[TOKEN])!r}: expected a token of letters, digits and ._~+/=-, 4096 at most"
            )
    if variables.get(CREDENTIALS):
        path, profile = variables[CREDENTIALS], variables.get(PROFILE) or "default"
        _only_one(variables, CREDENTIALS, list(KEYS.values()))
        wrong = f"invalid {CREDENTIALS}={shown(path)!r}: expected "
        found.update(credentials(read(CREDENTIALS, path, uid), profile, wrong))
    return found
