"""Files that lie in a work tree by chance: they are installed nowhere, and enter no build (.dockerignore has the same names)."""

from __future__ import annotations

import re
from fnmatch import translate

# Our own modules may be called after what they deal with, and one file of settings is no secret.
SECRETS = (
    "*.env", "*.jks", "*.kdbx", "*.key", "*.keystore", "*.p12", "*.p8", "*.pem", "*.pfx", "*.ppk",
    "*credential*", "*kubeconfig*", "*netrc*", "*passw*", "*secret*", "*token*", "id_*",
)  # fmt: skip
OURS = ("*.py", "settings.env")
# Hidden files, and what tools and editors leave.
LEFT = (".*", "__pycache__", "#*", "*~", "*.bak", "*.orig", "*.rej", "*.swp", "*.tmp")
_IS_SECRET, _IS_OURS, _IS_LEFT = (re.compile("|".join(map(translate, names))).match for names in (SECRETS, OURS, LEFT))


def is_stray(path: str) -> bool:
    """Is a file, or a folder above it, one that nobody meant to be part of this project?

    Args:
        path: relative to this repository, or to a folder of it.
    """
    parts = path.split("/")
    return any(map(_IS_LEFT, parts)) or (any(map(_IS_SECRET, parts)) and not _IS_OURS(parts[-1]))
