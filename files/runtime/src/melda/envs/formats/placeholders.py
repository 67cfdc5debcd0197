"""What a document has in the place of a name: whoever took that name on PyPI, CRAN or GitHub would be asked."""

from __future__ import annotations

import re
from typing import Any, Dict

from melda.envs.entries import REPOSITORIES
from melda.versions import libraries

NAME = re.compile(
    r"(?:(?:your|my|some|the|name-of(?:-the)?)-?)?(?:package|pkg|module|library)(?:-?(?:names?|here|\d))?|x{3,}"
)
OWNER = re.compile(r"(?:git-?hub-?)?user-?name|(?:your|my)-?(?:user|org|account|git-?hub|name)[a-z-]*")


def of(entry: Dict[str, Any]) -> str:
    """Return why an entry names no package, or no owner of its repository; empty: it does."""
    source = entry["source"]
    owner = source.get("owner") or "".join(re.findall(r"//[^/]+/([^/]+)/", str(source.get("url")))[:1])
    named = source["type"] not in REPOSITORIES or not NAME.fullmatch(libraries.normal(entry["name"]))
    fine = named and not OWNER.fullmatch(libraries.normal(str(owner)))
    return "" if fine else "a placeholder, and no name: write the package's own"
