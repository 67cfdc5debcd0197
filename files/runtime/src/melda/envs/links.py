"""Addresses of packages as people write them: what pip, poetry, conda and R's tools take, as a capture's source."""

from __future__ import annotations

import re
from typing import NamedTuple, Tuple
from urllib import parse

from melda.envs import Json, addresses
from melda.envs.errors import Unusable

COMMIT = re.compile(r"[0-9a-fA-F]{40}([0-9a-fA-F]{24})?")
LOCAL = re.compile(r"file:|\.{1,2}([/\\\[]|$)|[/~\\]|[A-Za-z]:[/\\]|\$\{?\w+\}?[/\\]")
ARCHIVE = re.compile(r"(?P<name>.+?)-v?\d[^/]*?(\.tar\.(gz|bz2|xz)|\.tgz|\.zip)")
ENDINGS = (".whl", ".zip", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".egg")
REPOSITORY = re.compile(
    r"https?://(www\.)?((github\.com|bitbucket\.org|codeberg\.org)(/[\w.~-]+){2}|gitlab\.com(/(?!-/)[\w.~-]+){2,}|[\w.-]+(/[\w.~-]+)+/_git/[\w.~-]+)/?"
)
# A branch of one as a browser shows it, and what a forge packs of one.
BROWSED = re.compile(
    r"(?P<url>https?://(www\.)?(github|gitlab)\.com(/[\w.~-]+){2,}?)/(-/)?tree/(?P<ref>[^/#?]+)(/(?P<inside>[^#?]+))?"
)
PACKED = re.compile(r"https?://[^/]+/[^/]+/(?P<name>[\w.-]+)/(-/)?(archive|tarball|zipball)/.+")
HASHES = ("sha256", "sha384", "sha512")
ELSEWHERE = "it is a file or folder of the host that wrote the file"


class Link(NamedTuple):
    """Where a package is.

    Attributes:
        source: as a capture has it.
        name: of the package, as the address says it; empty: it does not.
        extras: of the package, as the address says them.
    """

    source: Json
    name: str
    extras: Tuple[str, ...] = ()


def commit_or_ref(found: str) -> Json:
    """Return a capture's fields of a commit, or of a branch, a tag or a shortened commit."""
    return {"commit": found.lower()} if COMMIT.fullmatch(found) else {"ref": found or "HEAD"}


def is_local(text: str) -> bool:
    """Is this a path?"""
    return bool(LOCAL.match(text)) or ("://" not in text and text.lower().endswith(ENDINGS) and "@" not in text)


def is_link(text: str) -> bool:
    """Is this an address, or a path?"""
    return is_local(text) or bool(re.match(r"([a-z]+\+)?[a-z]+://|([a-z]+\+)?git@", text))


def secure(url: str) -> str:
    """``url`` over TLS: an address of http or git is asked for as https."""
    return re.sub(r"^(http|git)://", "https://", url)


def subdirectory(given: str) -> Json:
    """Return a folder within a source, without ./ and / around it."""
    inside = re.sub(r"^(\./|/)+", "", parse.unquote(given)).rstrip("/")
    return {"subdirectory": inside} if inside not in ("", ".") else {}


def git(url: str, ref: str, inside: str = "") -> Json:
    """Return the source of a commit, or of a branch.

    Args:
        url: of the repository, also as scp writes it.
        ref: commit, branch or tag; empty: what it has first.
        inside: folder of the package in it.
    """
    return {"type": "vcs", "vcs": "git", "url": plain(url), **commit_or_ref(ref), **subdirectory(inside)}


def locked(url: str, inside: str = "") -> Json:
    """Return the source of a commit in the locks of uv and pixi: https://HOST/x.git?rev=main#COMMIT."""
    address, _, fragment = url.partition("#")
    address, _, query = address.partition("?")
    said = dict(part.partition("=")[::2] for part in query.split("&") if part)
    ref = fragment or said.get("rev") or said.get("tag") or said.get("branch") or ""
    return git(address, ref, inside or said.get("subdirectory", ""))


def plain(url: str) -> str:
    """Return the address of a repository as a URL of https or ssh."""
    url = url.strip()
    if url.startswith("git+"):
        url = url[4:]
    url = re.sub(r"^(ssh://[^/:]+):(?!\d+/)", r"\1/", url)  # ssh://git@HOST:PATH is what neither git nor scp takes
    return secure(addresses.safe(url).url or url) if addresses.SCP.fullmatch(url) else secure(url)


def _named(path: str) -> str:
    file = parse.unquote(path.rpartition("/")[2])
    if file.endswith(".whl"):
        return file.split("-")[0]
    found = ARCHIVE.fullmatch(file) or PACKED.fullmatch(path)
    return found.group("name") if found else ""


def read(text: str) -> Link:
    """Return where an address leads.

    Raises:
        Unusable: nothing can be had from there.
    """
    text = text.strip().strip("\"'")
    address, _, fragment = text.partition("#")
    said = dict(part.partition("=")[::2] for part in fragment.split("&") if part)
    egg = parse.unquote(said.get("egg", ""))
    name = re.sub(r"\[.*|==.*|-\d+\.[\d.]*$", "", egg).strip()
    bracketed = re.search(r"\[([^\[\]]*)\]", egg)
    extras = tuple(re.findall(r"[^\s,]+", bracketed.group(1))) if bracketed else ()
    if is_local(text):
        raise Unusable(f"{ELSEWHERE}: {address}")
    kind = re.match(r"(hg|svn|bzr)\+", address)
    if kind:
        raise Unusable(f"only git repositories are fetched, and this is one of {kind.group(1)}")
    inside = said.get("subdirectory", "")
    browsed = BROWSED.fullmatch(address)
    if browsed:
        inside = inside or browsed.group("inside") or ""
        address = "{0}@{1}".format(*browsed.group("url", "ref"))
    if (
        address.startswith(("git+", "git@", "git://"))
        or address.endswith(".git")
        or browsed
        or REPOSITORY.fullmatch(address)
    ):
        path_at = address.find("/", address.find("://") + 3) if "://" in address else address.find(":")
        head, path = address[: max(path_at, 0)], address[max(path_at, 0) :]
        where, mark, ref = path.rpartition("@")
        url = head + (where if mark else path)
        named = name or re.sub(r"\.git$", "", url.rstrip("/").rpartition("/")[2])
        return Link(git(url, ref if mark else "", inside), named, extras)
    # What uv takes has a name that ends as an archive's does.
    address = re.sub(
        r"(?<=//)((?:www\.)?github\.com/[^/]+/[^/]+)/(?:tar|zip)ball/(.+)", r"\1/archive/\2.tar.gz", address
    )
    hashes = [f"{one}:{said[one]}" for one in HASHES if said.get(one)]
    source = {"type": "url", "url": secure(address), **({"hashes": hashes} if hashes else {}), **subdirectory(inside)}
    return Link(source, name or _named(address.partition("?")[0]), extras)
