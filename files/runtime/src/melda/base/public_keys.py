"""Public keys as ssh has them in authorized_keys(5)."""

from __future__ import annotations

import base64
import re
from typing import List

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


def problem(line: str) -> str:
    """Return what is wrong with a key; empty: nothing."""
    kind, _, rest = line.partition(" ")
    text = rest.partition(" ")[0]
    if kind not in TYPES or re.search(r"[\x00-\x1f\x7f]", line):
        return "is no public key"
    try:
        blob = base64.b64decode(text)
        name, *fields = _fields(blob)
    except ValueError:
        return "is no public key"
    sizes = TYPES[kind]
    whole = len(fields) == len(sizes) and all(field and size in (0, len(field)) for field, size in zip(fields, sizes))
    # ssh takes neither more padding than there must be nor any other sign; Python does.
    if not whole or name != kind.encode() or base64.b64encode(blob) != text.encode():
        return "is no public key"
    bits = int.from_bytes(fields[-1], "big").bit_length()
    if kind == "ssh-rsa" and bits < RSA_BITS:
        return f"has {bits} bits: at least {RSA_BITS} are needed"
    return ""


def _fields(blob: bytes) -> List[bytes]:
    """Return the strings of a key's blob, each with its length before it.

    Raises:
        ValueError: it ends in the middle of one.
    """
    fields = []
    while blob:
        end = 4 + int.from_bytes(blob[:4], "big")
        if len(blob) < end:
            raise ValueError("it is interrupted")
        fields.append(blob[4:end])
        blob = blob[end:]
    return fields
