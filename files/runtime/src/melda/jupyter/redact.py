"""Secrets are in no line that this process logs, whoever logs it and at whatever level.

jupyter_server hides ``token=`` in the address of a request that it logs itself; tornado's lines, exceptions, addresses within
addresses (``next=%2Ftree%3Ftoken%3D...``) and extensions do not pass there.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from typing import Any, Callable, Iterable, List, Mapping
from urllib.parse import unquote

SECRET = "[secret]"  # noqa: S105 # nosec B105 - what is shown in its place
# Shorter ones are hidden where a name says what they are: else half of the log would be.
SHORTEST = 8
# However often they were encoded: = is %3D is %253D. A name ends where the next one begins: were each looked at to the end of
# all of them, a stranger's xsrfxsrf... would take the square of its length.
_NAMED = re.compile(
    r"((?:token|xsrf)(?:(?!token|xsrf)[\w.-])*(?:=|%(?:25)*3d))(?:(?!%(?:25)*26)[^&;\s\"'<>)\]},])+", re.IGNORECASE
)
_HEADER = re.compile(
    r"(\b(?:authorization|cookie|set-cookie|x-xsrftoken)[\"']?\s*[:=]\s*[\"']?)[^\"'\r\n]+", re.IGNORECASE
)
# A user may be a token, if it is as long.
LONG = 16


def of_addresses(variables: Mapping[str, str]) -> List[str]:
    """Return what is secret in the addresses that variables hold: a proxy's or a package index's user and password.

    JupyterLab logs what stands behind the first colon, and takes it for a port (jupyterlab/extensions/pypi.py). So does that
    hide a password that is too short to be hidden by itself.
    """
    found = set()
    for part in (one for value in variables.values() for one in value.split("://")[1:]):
        # As far as the last @: a password may hold one, and programs differ in where it ends.
        user_info, _, host = re.split(r"[\s/?#]", part, maxsplit=1)[0].rpartition("@")
        user, _, password = user_info.partition(":")
        if password:
            found |= {f"{password}@{host}", password, unquote(password)}
        if user_info:
            found |= {f"{user_info}@{host}", *([user] if len(user) >= LONG else [])}
    return sorted(found, key=len, reverse=True)


def _written(secret: str) -> str:
    """Return a regular expression of ``secret`` as it stands, and as any of its characters may be encoded in an address."""
    return "".join(f"(?:{re.escape(char)}|%(?:25)*(?i:{ord(char):02x}))" for char in secret)


def redactor(secrets: Iterable[str]) -> Callable[[str], str]:
    """Return a function that takes secrets out of a text.

    Args:
        secrets: known ones, hidden wherever they stand; and what is called a token is hidden anyway.
    """
    known = [re.compile(_written(secret)) for secret in secrets if len(secret) >= SHORTEST]

    def redact(text: str) -> str:
        for secret in known:
            text = secret.sub(SECRET, text)
        return _HEADER.sub(r"\1" + SECRET, _NAMED.sub(r"\1" + SECRET, text))

    return redact


def write_no_page() -> None:
    """Let Jupyter not write the page that opens a browser: it holds the address with the token, and has mode 0644."""
    server = sys.modules.get("jupyter_server.serverapp")
    if server is not None:
        server.ServerApp.write_browser_open_files = lambda self: None


def install(secrets: Iterable[str]) -> None:
    """Redact every record of :mod:`logging` when it is made: no logger, handler or formatter comes before that."""
    redact, make = redactor(secrets), logging.getLogRecordFactory()

    def factory(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make(*args, **kwargs)
        if isinstance(record.msg, dict):  # an event of jupyter_events, for a formatter of JSON
            return record
        try:
            text = record.getMessage()
        except Exception:  # the arguments do not fit; logging itself would show them as they are
            text = f"{record.msg} {record.args!r}"
        record.msg, record.args = redact(text), None
        if record.exc_info and record.exc_info[0]:
            record.exc_text = redact("".join(traceback.format_exception(*record.exc_info)).rstrip("\n"))
        if record.stack_info:
            record.stack_info = redact(record.stack_info)
        return record

    logging.setLogRecordFactory(factory)
