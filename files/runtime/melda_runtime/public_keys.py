"""Public keys for ssh, as a variable holds them."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Tuple

from melda_runtime.errors import Refused

TYPES = (
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)


def parse(text: str) -> Tuple[str, ...]:
    """The keys in ``text``, one a line as in authorized_keys(5), without options; comments are skipped.

    Raises:
        Refused: a line is no key; its number and beginning are named.
    """
    keys = [line.strip() for line in text.splitlines()]
    for number, line in enumerate(keys, start=1):
        if line and not line.startswith("#") and not _is_key(line):
            reason = "SSH_AUTHORIZED_KEYS is not right: line {0}, {1!r}, is no public key"
            raise Refused(reason.format(number, line[:40]))
    return tuple(line for line in keys if line and not line.startswith("#"))


def _is_key(line: str) -> bool:
    found = re.fullmatch(r"([a-z0-9@.-]+) ([A-Za-z0-9+/]+={0,2})( [^\x00-\x1f\x7f]*)?", line)
    if not found or not found.group(1).startswith(TYPES):
        return False
    try:
        blob = base64.b64decode(found.group(2), validate=True)
    except (binascii.Error, ValueError):
        return False
    name = found.group(1).encode()
    # RFC 4253, 6.6: a key begins with the name of its type, and says its length first.
    return len(blob) > len(name) + 4 and blob[: len(name) + 4] == len(name).to_bytes(4, "big") + name
