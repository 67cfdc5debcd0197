"""Fingerprint of an OpenPGP key, without gpg: a base image need not have it.

Source: RFC 4880, sections 4.2 (packets), 6.2 (armor) and 12.2 (fingerprints).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Iterator, Tuple

_ARMOR = "-----BEGIN PGP PUBLIC KEY BLOCK-----"
_PUBLIC_KEY = 6


def _binary(key: bytes) -> bytes:
    lines = [line.strip() for line in key.decode("ascii").splitlines()]
    if lines.count(_ARMOR) != 1:
        raise ValueError("it is not one armored public key block")
    body = lines[lines.index(_ARMOR) + 1 :]
    # An empty line ends the armor's headers, "=" begins its checksum, "-" its last line.
    body = body[body.index("") + 1 :]
    return base64.b64decode("".join(line for line in body if line and line[0] not in "=-"), validate=True)


def _packets(data: bytes) -> Iterator[Tuple[int, bytes]]:
    at = 0
    while at < len(data):
        head = data[at]
        if head & 0xC0 == 0xC0:  # new format
            tag, first = head & 0x3F, data[at + 1]
            if first < 192:
                size, at = first, at + 2
            elif first < 224:
                size, at = (first - 192 << 8) + data[at + 2] + 192, at + 3
            elif first == 255:
                size, at = int.from_bytes(data[at + 2 : at + 6], "big"), at + 6
            else:
                raise ValueError("a packet has no length")
        elif head & 0xC0 == 0x80 and head & 3 != 3:  # old format
            tag, width = head >> 2 & 0xF, 1 << (head & 3)
            size, at = int.from_bytes(data[at + 1 : at + 1 + width], "big"), at + 1 + width
        else:
            raise ValueError("it is not made of OpenPGP packets")
        if at + size > len(data):
            raise ValueError("it is interrupted")
        yield tag, data[at : at + size]
        at += size


def fingerprint(key: bytes) -> str:
    """Fingerprint of an armored public key, 40 hexadecimal digits in capitals.

    Args:
        key: the file's bytes; exactly one key, because apt would trust a second one in it just as well.

    Raises:
        ValueError: it is no such key; the message says why.
    """
    try:
        keys = [body for tag, body in _packets(_binary(key)) if tag == _PUBLIC_KEY]
    except (binascii.Error, UnicodeDecodeError, IndexError) as error:
        raise ValueError("it is not an armored OpenPGP key") from error
    if len(keys) != 1:
        raise ValueError(f"it holds {len(keys)} keys, not one")
    if keys[0][:1] != b"\x04":
        raise ValueError("it is not a version 4 key")
    # SHA-1 is what version 4 of the standard says.
    return hashlib.sha1(b"\x99" + len(keys[0]).to_bytes(2, "big") + keys[0]).hexdigest().upper()  # nosec B324 # noqa: S324
