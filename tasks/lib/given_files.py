"""Whether files of the host that runs pyinfra hold what a setting that names them says, before anything is changed."""

from __future__ import annotations

import os
import re
import ssl
from pathlib import Path
from typing import Any, List

from tasks.lib import openpgp

BEGIN = b"-----BEGIN CERTIFICATE-----"
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----")


def certificates_of(bundle: bytes) -> List[bytes]:
    """Split a PEM file into its certificates, each as a file of its own: update-ca-certificates links no file with two."""
    return [found.replace(b"\r", b"") + b"\n" for found in _PEM.findall(bundle)]


def readable(value: Any) -> bool:
    """Is this the path of a file that may be read?"""
    # os.path, because pathlib raises an error for a name that is too long.
    return isinstance(value, str) and os.path.isfile(value) and os.access(value, os.R_OK)


def certificates(value: Any) -> bool:
    """Is this the path of a PEM file with certificates, and is each of them whole? Half of one breaks TLS for all programs."""
    if not readable(value):
        return False
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        text = Path(value).read_bytes()
        found = certificates_of(text)
        for one in found:  # of several at once it takes those before one that is broken
            context.load_verify_locations(cadata=one.decode("ascii"))
    except (OSError, ValueError):  # as ssl.SSLError is
        return False
    return 0 < len(found) == text.count(BEGIN)


def openpgp_key(value: Any) -> bool:
    """Is this the path of a file with one armored OpenPGP key? apt says of others that a repository is not signed."""
    if not readable(value):
        return False
    try:
        openpgp.fingerprint(Path(value).read_bytes())
    except (OSError, ValueError):
        return False
    return True
