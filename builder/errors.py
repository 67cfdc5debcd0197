"""The one kind of failure a person is told about, and which setting helps where its cause is outside of this project."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable

from melda.base import arguments

Parser = arguments.Parser
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


class BuildError(Exception):
    """Something the person can mend, in one line: the setting, its value, what would be right."""


def exit_code(work: Callable[[], int]) -> int:
    """Do the work of a command; what a person can mend is one line and exit code 2.

    Args:
        work: returns the exit code.
    """
    try:
        return work()
    except BuildError as refused:
        print(f"melda-jupyter: {refused}", file=sys.stderr)
    except OSError as error:  # another user's file, a file where a folder should be, a full disk
        place = f"{error.filename}: " if error.filename else ""
        print(f"melda-jupyter: {place}{error.strerror or error}", file=sys.stderr)
    return 2


def hint(output: Iterable[str]) -> str:
    """Return what a failure's output tells of a cause outside of this project, to add to a message; or nothing.

    Args:
        output: lines of what failed.
    """
    text = "\n".join(output)
    if TLS.search(text):
        return f"; {PROXY}"
    return "; the disk is full" if _SPACE.search(text) else ""
