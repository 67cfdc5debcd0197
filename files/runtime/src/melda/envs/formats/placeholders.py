"""What a document has in the place of a name: whoever took that name on PyPI, CRAN or GitHub would be asked."""

from __future__ import annotations

import re
from typing import Any, Dict

from melda.envs.entries import REPOSITORIES
from melda.versions import libraries

THING = r"(?:package|pkg|module|library)"
NAME = re.compile(
    rf"(?:your|some|the|name-of(?:-the)?)-?{THING}(?:-?(?:names?|here|\d))?|(?:my-?)?{THING}-?(?:names?|here)|x{{3,}}"
)
# In a list or a lock it may be somebody's own, of an index of theirs.
IN_DOCUMENTS = re.compile(rf"(?:my-?)?{THING}(?:-?\d)?")
OWNER = re.compile(
    r"(?:git-?hub-?)?user-?name|(?:your|my)-?(?:git-?hub|(?:git-?hub-?)?(?:user|org|organi[sz]ation|account)(?:-?name)?|name)"
)
HOST = re.compile(r"//(?:[^/@]*@)?(?:www\.)?git(?:hub|lab)\.com/([^/]+)/")


def of(entry: Dict[str, Any], in_document: bool) -> str:
    """Return why an entry names no package, or no owner of its repository; empty: it does."""
    source, name = entry["source"], libraries.normal(entry["name"])
    named = source["type"] not in REPOSITORIES or not (
        NAME.fullmatch(name) or (in_document and IN_DOCUMENTS.fullmatch(name))
    )
    pinned = source.get("commit") or source["type"] == "url"
    owner = source.get("owner") or "".join(HOST.findall(str(source.get("url")))[:1])
    fine = named and (pinned or not OWNER.fullmatch(libraries.normal(str(owner))))
    return "" if fine else "a placeholder, and no name: write the package's own"
