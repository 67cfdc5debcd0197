"""Certificates in PEM files."""

from __future__ import annotations

import re
from typing import List

BEGIN = b"-----BEGIN CERTIFICATE-----"
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----")


def split(bundle: bytes) -> List[bytes]:
    """Split a PEM file into its certificates, each as a file of its own: update-ca-certificates links no file with two."""
    return [found.replace(b"\r", b"") + b"\n" for found in _PEM.findall(bundle)]
