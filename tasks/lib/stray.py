"""Files that lie in a work tree by chance: they are installed nowhere, and enter no build (.dockerignore has the same names)."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Sequence

# Our own modules may be called after what they deal with, and one file of settings is no secret.
SECRETS = (
    "*.env", "*.jks", "*.kdbx", "*.key", "*.keystore", "*.p12", "*.p8", "*.pem", "*.pfx", "*.ppk",
    "*credential*", "*kubeconfig*", "*netrc*", "*passw*", "*secret*", "*token*", "id_*",
)  # fmt: skip
OURS = ("*.py", "settings.env")
# Hidden files, and what tools and editors leave.
LEFT = (".*", "__pycache__", "#*", "*~", "*.bak", "*.orig", "*.rej", "*.swp", "*.tmp")


def is_stray(path: str) -> bool:
    """Is a file, or a folder above it, one that nobody meant to be part of this project?

    Args:
        path: relative to this repository, or to a folder of it.
    """
    parts = path.split("/")

    def any_is(patterns: Sequence[str]) -> bool:
        return any(fnmatchcase(part, pattern) for part in parts for pattern in patterns)

    ours = any(fnmatchcase(parts[-1], pattern) for pattern in OURS)
    return any_is(LEFT) or (any_is(SECRETS) and not ours)
