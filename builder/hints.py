"""What a failure's output tells of its cause, where that is outside of this project: which setting helps."""

from __future__ import annotations

import re
from collections.abc import Iterable

# OpenSSL's, Go's, apt's (GnuTLS), curl's and uv's words for a certificate that nobody here trusts.
TLS = re.compile(
    r"CERTIFICATE_VERIFY_FAILED|certificate verif(?:y failed|ication failed)|self[- ]signed certificate|UnknownIssuer"
    r"|certificate signed by unknown authority|certificate is NOT trusted|unable to get local issuer certificate|SSLError"
)
_SPACE = re.compile("No space left on device", re.IGNORECASE)
PROXY = (
    "a proxy that inspects TLS? SSL_CERT_FILE=FILE names the PEM file with its certificate for the build, "
    "DATA=ca_certificates=FILE for the image too (docs/closed-networks.md)"
)


def of(output: Iterable[str]) -> str:
    """Return what to add to a message, or nothing.

    Args:
        output: lines of what failed.
    """
    text = "\n".join(output)
    if TLS.search(text):
        return f"; {PROXY}"
    return "; the disk is full" if _SPACE.search(text) else ""
