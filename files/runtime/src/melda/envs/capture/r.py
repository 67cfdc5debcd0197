"""R packages beyond the image, by their DESCRIPTION and, for what apt brought, dpkg's list."""

from __future__ import annotations

import os
import re
from typing import Dict, List, Optional, Sequence, Tuple

from melda.base import regular_files
from melda.envs import Json, entries, links
from melda.envs.capture.system import R_PACKAGE, Apt
from melda.sync.on_disk import tree

NAME = re.compile(r"[A-Za-z][A-Za-z0-9.]*")
VERSION = re.compile(r"[0-9]+([.-][0-9]+)+")
LARGEST = 1 << 18  # bytes of a DESCRIPTION
# Where remotes, devtools, pak and renv note what a package was made from.
HOSTED = {"github": "github", "gitlab": "gitlab", "bitbucket": "bitbucket"}
OWNED = (("owner", "RemoteUsername"), ("repository", "RemoteRepo"))


def description(text: str) -> Dict[str, str]:
    """Return the fields of a DESCRIPTION (Debian control format, one paragraph)."""
    found: Dict[str, str] = {}
    last = ""
    for line in text.splitlines():
        if not line.strip():
            if found:
                break
        elif line[0] in " \t":
            if last:
                found[last] += " " + line.strip()
        else:
            last, colon, value = line.partition(":")
            if colon:
                found[last] = value.strip()
            else:
                last = ""
    return found


def read(package: str) -> Optional[Dict[str, str]]:
    """Return the fields of an installed package; None if it is none, or not whole."""
    try:
        text = regular_files.head(os.path.join(package, "DESCRIPTION"), LARGEST).decode("utf-8", "replace")
    except OSError:
        return None
    found = description(text)
    name, version = found.get("Package", ""), found.get("Version", "")
    return found if NAME.fullmatch(name) and VERSION.fullmatch(version) and "Built" in found else None


def needs(fields: Dict[str, str]) -> List[str]:
    """Return the names of the packages that have to be there first."""
    named = ",".join(fields.get(field, "") for field in ("Depends", "Imports", "LinkingTo"))
    found = {part.split("(", 1)[0].strip() for part in named.split(",")}
    return sorted(name for name in found if NAME.fullmatch(name) and name != "R")


def _remote(fields: Dict[str, str], kind: str) -> Json:
    commit = fields.get("RemoteSha", "") or fields.get("RemoteRef", "")
    found: Json = {"type": HOSTED.get(kind, "git" if "git" in kind else kind)}
    if kind in HOSTED:
        found["host"] = re.sub(r"^[a-z]+://|/+$", "", fields.get("RemoteHost", ""))
        found.update({name: fields.get(field, "").strip("/") for name, field in OWNED})
        found["ref"] = fields.get("RemoteRef", "")
    elif found["type"] == "git":
        found["url"] = links.plain(fields.get("RemoteUrl", ""))
    elif kind == "url":
        return {"type": "url", "url": links.secure(fields.get("RemoteUrl", ""))}
    else:
        return {"type": "local"}
    found.update(
        {**(links.commit_or_ref(commit) if commit else {}), **links.subdirectory(fields.get("RemoteSubdir", ""))}
    )
    return {name: value for name, value in found.items() if value}


def source(fields: Dict[str, str]) -> Json:
    """Return where a package came from that did not come through apt."""
    kind = fields.get("RemoteType", "").lower()
    if kind and kind not in ("standard", "cran", "bioc", "repository", "any"):
        return _remote(fields, kind)
    repository = fields.get("Repository") or fields.get("RemoteRepos", "")
    bioconductor = "bioconductor" in (fields.get("git_url", "") + repository).lower()
    if bioconductor or (fields.get("biocViews") and repository != "CRAN"):
        release = re.fullmatch(r"RELEASE_(\d+)_(\d+)", fields.get("git_branch", ""))
        return {"type": "bioconductor", **({"release": ".".join(release.groups())} if release else {})}
    return {"type": "cran", "repository": repository} if repository else {"type": "local"}


def _entry(fields: Dict[str, str], origin: Json) -> Optional[Json]:
    built = [part.strip() for part in fields["Built"].split(";")]
    entry = {
        "name": fields["Package"],
        "version": fields["Version"],
        "source": origin,
        # The platform is named where something was compiled.
        "compiled": len(built) > 1 and bool(built[1]),
        "built": built[0].replace("R ", "", 1),
        "needs": needs(fields),
    }
    return entries.known("r", entry)


def _debian(apt: Apt) -> Dict[str, Tuple[str, str]]:
    """Debian name and version by R's name in lower case, of what came by the user's installations."""
    names = (name for name in sorted(apt.brought, reverse=True) if R_PACKAGE.fullmatch(name) and name in apt.installed)
    return {name.split("-", 2)[2]: (name, apt.installed[name]) for name in names}  # r-cran-* comes last, and wins


def installed(
    own: Sequence[str], systems: Sequence[str], apt: Apt
) -> Tuple[Dict[str, Tuple[str, Json]], Dict[str, str]]:
    """Return what is installed; what lies in the first library wins.

    Args:
        own: libraries of the user.
        systems: libraries of the image, where apt puts what the user installs through bspm, too.
        apt: what apt installed.

    Returns:
        Library and entry by name of what is beyond the image, and version by name of what is the image's, whether or
        not the user has another; both sorted.

    Raises:
        OSError: a library cannot be read: what is in it would seem to be removed.
    """
    beyond: Dict[str, Tuple[str, Json]] = {}
    image: Dict[str, str] = {}
    debian = _debian(apt)
    for library in (*own, *systems):
        for entry in sorted(entry for entry in tree.listed(library) if NAME.fullmatch(entry)):
            fields = read(os.path.join(library, entry))
            if fields is None:
                continue
            name = fields["Package"]
            origin = None
            if library in own:
                origin = source(fields)
            elif name.lower() in debian and not library.startswith("/usr/local/"):
                package, version = debian[name.lower()]
                origin = {"type": "apt", "package": package, "version": version}
            known = _entry(fields, origin) if origin else None
            if known:
                beyond.setdefault(name, (library, known))
            elif not origin:
                image.setdefault(name, fields["Version"])
    return dict(sorted(beyond.items())), dict(sorted(image.items()))
