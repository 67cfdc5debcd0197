"""Tags that say what is inside of an image, as the platform names them: ``20.04_R-4.2.2_python-3.8.10``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# https://pkg.go.dev/github.com/distribution/reference: what a tag may hold, and how much of it.
_UNFIT = re.compile(r"[^A-Za-z0-9_.-]+")
_LONGEST = 128
# As long as git abbreviates in a repository of any size.
_COMMIT = 12


def _fit(word: str) -> str:
    return _UNFIT.sub("-", word)


def inside(versions: Mapping[str, Any]) -> str:
    """Distribution's release, R and Python, for instance ``20.04_R-4.2.2_python-3.8.10``.

    Args:
        versions: what ``get-versions`` says.
    """
    release = next(str(value) for key, value in versions.items() if key not in ("Python", "R"))
    r, python = versions["R"].get("R", ""), versions["Python"].get("Python", "")
    named = [_fit(release), f"R-{_fit(r)}" if r else "", f"python-{_fit(python)}" if python else ""]
    # A tag begins with a letter, a digit or _.
    return "_".join(filter(None, named)).lstrip(".-")


def commit(revision: str) -> str:
    """Return the short form of what the revision label holds; a work tree that differed from its commit stays marked."""
    number, _, dirty = revision.partition("-")
    return number[:_COMMIT] + (f"-{dirty}" if dirty else "")


def tags(versions: Mapping[str, Any], created: str, revision: str) -> list[str]:
    """Return all tags of an image. Each begins with what is inside: several releases can share a repository.

    Args:
        versions: what ``get-versions`` says.
        created: when it was built, as the label says it (RFC 3339, UTC).
        revision: the commit, as the label says it; may be empty.

    Returns:
        Those that stay with this image first, the one that moves on to the next build last: whoever sees that one has the others.
    """
    what = inside(versions)
    day = re.match(r"\d{4}-\d{2}-\d{2}", created)
    stay = [day[0] if day else "", f"git-{_fit(commit(revision))}" if revision else ""]
    return [tag[:_LONGEST] for tag in (*(f"{what}_{word}" for word in stay if word), what)]
