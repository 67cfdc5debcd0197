"""Public keys for ssh, as a variable holds them."""

from __future__ import annotations

import base64
import binascii
import re
from typing import List, Tuple

from melda_runtime.errors import Refused

# Type -> bytes of each field after the type's name; 0: any number but none.
# RFC 4253, 6.6; RFC 5656, 3.1; RFC 8709, 4; OpenSSH's PROTOCOL.u2f.
TYPES = {
    "ssh-ed25519": (32,),
    "ssh-rsa": (0, 0),
    "ecdsa-sha2-nistp256": (8, 65),
    "ecdsa-sha2-nistp384": (8, 97),
    "ecdsa-sha2-nistp521": (8, 133),
    "sk-ssh-ed25519@openssh.com": (32, 0),
    "sk-ecdsa-sha2-nistp256@openssh.com": (8, 65, 0),
}
RSA_BITS = 2048  # fewer are too few (NIST SP 800-131A)


def parse(text: str) -> Tuple[str, ...]:
    """The keys in ``text``, one a line as in authorized_keys(5), without options; comments are skipped.

    Raises:
        Refused: a line is no key; its number and beginning are named.
    """
    lines = [line.strip() for line in text.splitlines()]
    for number, line in enumerate(lines, start=1):
        wrong = _wrong(line) if line and not line.startswith("#") else ""
        if wrong:
            reason = "SSH_AUTHORIZED_KEYS is not right: line {0}, {1!r}, {2}"
            raise Refused(reason.format(number, line[:40], wrong))
    return tuple(line for line in lines if line and not line.startswith("#"))


def _wrong(line: str) -> str:
    """What is wrong with a key; empty: nothing."""
    found = re.fullmatch(r"([a-z0-9@.-]+) ([A-Za-z0-9+/]+={0,2})( [^\x00-\x1f\x7f]*)?", line)
    if not found or found.group(1) not in TYPES:
        return "is no public key"
    try:
        blob = base64.b64decode(found.group(2))
        name, *fields = _fields(blob)
    except (binascii.Error, ValueError):
        return "is no public key"
    sizes = TYPES[found.group(1)]
    whole = len(fields) == len(sizes) and all(field and size in (0, len(field)) for field, size in zip(fields, sizes))
    # ssh takes no more padding than there must be; Python does.
    if not whole or name != found.group(1).encode() or base64.b64encode(blob) != found.group(2).encode():
        return "is no public key"
    bits = int.from_bytes(fields[-1], "big").bit_length()
    if found.group(1) == "ssh-rsa" and bits < RSA_BITS:
        return "has {0} bits: at least {1} are needed".format(bits, RSA_BITS)
    return ""


def _fields(blob: bytes) -> List[bytes]:
    """The strings of a key's blob, each with its length before it.

    Raises:
        ValueError: it ends in the middle of one.
    """
    fields = []
    while blob:
        end = 4 + int.from_bytes(blob[:4], "big")
        if len(blob) < max(end, 4):
            raise ValueError("it is cut off")
        fields.append(blob[4:end])
        blob = blob[end:]
    return fields
