"""Python packages of an address or a commit, fetched here: uv would go wherever a name, a redirection or a submodule leads."""

from __future__ import annotations

import os
import re
from typing import Any, Dict, Mapping
from urllib import parse

from melda.envs import Json, addresses, entries
from melda.envs.errors import PackageUnavailable, UsageError
from melda.envs.restore import git, sources

# What uv takes: https://packaging.python.org/en/latest/specifications/source-distribution-format/, and what forges pack.
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+!-]*\.(whl|tar\.gz|tgz|tar\.bz2|tar\.xz|zip)")


def fetch(entry: Json, folder: str, env: Dict[str, str]) -> str:
    """Fetch what an address or a commit holds.

    Args:
        entry: of a capture, whose source is an address or a commit.
        folder: where it goes, an empty one.
        env: variables of git.

    Returns:
        The address of the local copy, as uv is told it.

    Raises:
        PackageUnavailable: it cannot be had.
    """
    why = entries.lost(entry)
    if why:
        raise PackageUnavailable(why)
    source = entry["source"]
    inside = source.get("subdirectory", "")
    url = git.archive(source) if source["type"] == "vcs" else source["url"]
    if not url:
        top = git.checkout(source, os.path.join(folder, "source"), env)
        return "file://" + parse.quote(os.path.join(top, inside) if inside else top)
    try:
        addresses.check(url, entry["name"])
    except UsageError as error:
        raise PackageUnavailable(str(error)) from None
    name = parse.unquote(parse.urlsplit(url).path.rpartition("/")[2])
    if not NAME.fullmatch(name):
        raise PackageUnavailable(f"its address names neither a wheel nor the archive of a source: {name[:100]!r}")
    path = os.path.join(folder, name)
    try:
        sources.fetch(url, path)
    except PackageUnavailable as failed:
        top = git.after(failed, git.checkout, source, os.path.join(folder, "source"), env)
        return "file://" + parse.quote(os.path.join(top, inside) if inside else top)
    if source["type"] == "vcs" and not source.get("commit"):
        git.note_commit(source, path)
    if inside:  # of a local archive uv takes no subdirectory
        path = os.path.join(sources.unpack(path, os.path.join(folder, "source")), inside)
    return "file://" + parse.quote(path)


def origin(entry: Json) -> Json:
    """``direct_url.json`` (PEP 610) of a package: where it came from at first, and not where a copy of it lay."""
    source: Mapping[str, Any] = entry["source"]
    inside = {"subdirectory": source["subdirectory"]} if source.get("subdirectory") else {}
    if source["type"] == "vcs":
        about = {"vcs": source["vcs"], "commit_id": source.get("commit") or source.get("ref", "")}
        return {"url": source["url"], "vcs_info": about, **inside}
    url = source["url"] if source["type"] == "url" else "file://" + parse.quote(source.get("path", ""))
    hashes = dict(one.split(":", 1) for one in source.get("hashes", []))
    return {"url": url, "archive_info": {"hashes": hashes} if hashes else {}, **inside}
