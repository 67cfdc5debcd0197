"""Sources of R packages: where they are, fetched, and looked at before anything of them runs."""

from __future__ import annotations

import contextlib
import os
import shutil
import tarfile
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import Any, Callable, Dict, List, Tuple
from urllib import parse

from melda.base import regular_files, textfiles
from melda.base.addresses import hide
from melda.envs import Json, entries
from melda.envs.capture.r import description
from melda.envs.errors import PackageUnavailable, UsageError
from melda.envs.formats import renv
from melda.envs.restore import git, repositories, web

LARGEST = 1 << 30  # bytes of a source
MOST = 100_000  # files in a source
# As remotes notes it, and capture reads it.
REMOTE = {"type": "RemoteType", **dict(renv.REMOTE)}


def _open(url: str, trusted: bool, watching: web.Watch, method: str = "GET") -> Any:
    opener = urllib.request.build_opener() if trusted else web.opener(watching)
    request = urllib.request.Request(url, headers={"User-Agent": "melda-env"}, method=method)  # noqa: S310 checked, or this image's mirror
    for name, value in repositories.key(url, os.environ).items():
        request.add_unredirected_header(name, value)  # of this host alone
    return opener.open(request, timeout=web.SECONDS)


def _unavailable(shown: str, error: Exception) -> PackageUnavailable:
    if isinstance(error, urllib.error.HTTPError):
        return PackageUnavailable(f"{shown} answers {error.code}")
    reason = hide(str(getattr(error, "reason", None) or error))
    return PackageUnavailable(f"{shown} cannot be fetched: {reason[:200]}")


def fetch(url: str, path: str, trusted: bool = False) -> None:
    """Fetch a file.

    Args:
        url: where it is.
        path: where it goes; it is there afterwards, whole, or not at all.
        trusted: a mirror of this image, and no address of a capture.

    Raises:
        PackageUnavailable: it cannot be had.
    """
    new, shown = path + ".part", hide(url)
    with web.watch(web.DEADLINE) as watching:
        try:
            with _open(url, trusted, watching) as answer, open(new, "wb") as stream:
                size = 0
                for block in iter(lambda: answer.read(1 << 16), b""):
                    size += len(block)
                    if size > LARGEST:
                        raise PackageUnavailable(f"{shown} is larger than {LARGEST >> 20} MB")
                    if watching.over:
                        break
                    stream.write(block)
                if watching.over:
                    raise PackageUnavailable(f"{shown} takes longer than {web.DEADLINE:g} s")
                if getattr(answer, "length", None):  # what was announced and did not come: no error of read(size)
                    raise PackageUnavailable(f"{shown} cannot be fetched: it ended early, after {size} bytes")
            os.replace(new, path)
        except (OSError, HTTPException, ValueError, UsageError) as error:
            if watching.over:
                raise PackageUnavailable(f"{shown} takes longer than {web.DEADLINE:g} s") from None
            raise _unavailable(shown, error) from None
        finally:
            with contextlib.suppress(OSError):
                os.unlink(new)


def unpack(archive: str, folder: str) -> str:
    """Unpack a source; files and folders alone, and nothing outside of ``folder``.

    Returns:
        The one folder that is in it.

    Raises:
        PackageUnavailable: it is none.
    """
    try:
        with tarfile.open(archive) as opened:
            size = 0
            for number, member in enumerate(opened):
                inside = os.path.normpath(member.name)
                size += member.size
                if inside.startswith(("/", "..")) or size > 4 * LARGEST or number >= MOST:
                    raise PackageUnavailable(f"it would unpack {member.name[:100]!r}")
                path = os.path.join(folder, inside)
                if member.isdir():
                    os.makedirs(path, exist_ok=True)
                elif member.isfile():
                    os.makedirs(os.path.dirname(path), exist_ok=True)
                    with open(path, "wb") as stream:
                        shutil.copyfileobj(opened.extractfile(member), stream)  # type: ignore[arg-type]
                    os.chmod(path, 0o755 if member.mode & 0o100 else 0o644)
            for _ in range(4 * LARGEST >> 20):  # to the end, where the checksum is
                opened.fileobj.read(1 << 20)
        tops = [one.path for one in os.scandir(folder) if one.is_dir()]
    except PackageUnavailable:
        raise
    except Exception as error:  # a damaged archive has each layer's own: zlib.error, LZMAError, TarError, EOFError
        raise PackageUnavailable(f"what was fetched is no source: {error}") from None
    if len(tops) != 1:
        raise PackageUnavailable("what was fetched is no source of one package")
    return tops[0]


def fields(folder: str, entry: Json) -> Dict[str, str]:
    """Return the DESCRIPTION of a source, if it is of the package and the version that is wanted.

    Raises:
        PackageUnavailable: it is not.
    """
    try:
        found = description(regular_files.head(os.path.join(folder, "DESCRIPTION"), 1 << 20).decode("utf-8", "replace"))
    except OSError:
        raise PackageUnavailable("what was fetched is no R package: it has no DESCRIPTION") from None
    output = (found.get("Package"), found.get("Version"))
    if output[0] != entry["name"] or entry["version"] not in ("", output[1]):
        raise PackageUnavailable("what was fetched is {0} {1}".format(*output))
    return found


def note_remote(folder: str, source: Json) -> None:
    """Say in a DESCRIPTION where the package is from, as remotes does."""
    if source["type"] not in ("github", "gitlab", "bitbucket", "git", "url"):
        return
    path = os.path.join(folder, "DESCRIPTION")
    with open(path, encoding="utf-8", errors="surrogateescape") as stream:
        kept = [line for line in stream.read().rstrip("\n").split("\n") if line.strip()]
    lines = [f"{field}: {source[name]}" for name, field in REMOTE.items() if source.get(name)]
    textfiles.replace(path, "\n".join(kept + lines) + "\n")  # whatever a link of that name leads to


def get(entry: Json, at: repositories.Mirrors, folder: str, env: Dict[str, str]) -> Tuple[str, Dict[str, str]]:
    """Fetch and unpack the source of a package.

    Args:
        entry: of the capture.
        at: where this image's R looks.
        folder: an empty one.
        env: variables of git.

    Returns:
        Its folder, and its DESCRIPTION.

    Raises:
        PackageUnavailable: it cannot be had.
    """
    try:
        why = entries.lost(entry)
        if why:
            raise PackageUnavailable(why)
        source = entry["source"]
        if source["type"] == "git" and not git.archive(source):
            top = git.checkout(source, os.path.join(folder, "source"), env)
        else:
            top = _archived(entry, at, folder, env)
        subdirectory = entry["source"].get("subdirectory", "")
        top = os.path.join(top, subdirectory) if subdirectory else top
        found = fields(top, entry)
        note_remote(top, entry["source"])
    except UsageError as error:
        raise PackageUnavailable(str(error)) from None
    except OSError as error:
        raise PackageUnavailable(f"{error.filename}: {error.strerror}") from None
    return top, found


def _archived(entry: Json, at: repositories.Mirrors, folder: str, env: Dict[str, str]) -> str:
    """Return an archive of a source, or what :func:`git.after` has in its place."""
    source, archive = entry["source"], os.path.join(folder, "archive")
    try:
        _first(entry, at, lambda url, trusted: fetch(url, archive, trusted))
    except PackageUnavailable as error:
        return git.after(error, git.checkout, source, os.path.join(folder, "source"), env)
    if not source.get("commit"):
        git.note_commit(source, archive)
    return unpack(archive, os.path.join(folder, "source"))


def _first(entry: Json, at: repositories.Mirrors, ask: Callable[[str, bool], None]) -> None:
    """Ask each place where a source may be, until one has it.

    Raises:
        PackageUnavailable: none has; all that were asked are named.
    """
    failed: List[str] = []
    silent: List[str] = []  # hosts that did not answer
    for url, trusted in repositories.places(entry, at):
        host = parse.urlsplit(url).netloc
        if host in silent:
            failed.append(f"{hide(url)} neither")
            continue
        try:
            ask(url, trusted)
            return
        except PackageUnavailable as error:
            failed.append(str(error))
            silent += [] if "answers" in str(error) else [host]
    other = repositories.named(entry)
    if other and not at.others:
        failed.append(f"{other}, which the file names, is asked only with --allow-repositories")
    raise PackageUnavailable("; ".join(dict.fromkeys(failed)) or "it can be had nowhere")


def look(entry: Json, at: repositories.Mirrors, env: Dict[str, str]) -> None:
    """See whether the source of a package is there, and fetch nothing.

    Args:
        entry: of a capture.
        at: where this image's R looks.
        env: variables of git.

    Raises:
        PackageUnavailable: it is not.
    """
    why = entries.lost(entry)
    if why:
        raise PackageUnavailable(why)

    def ask(url: str, trusted: bool) -> None:
        with web.watch(web.SECONDS) as watching:
            try:
                _open(url, trusted, watching, "HEAD").close()
            except (OSError, HTTPException, ValueError, UsageError) as error:
                raise _unavailable(hide(url), error) from None

    source = entry["source"]
    try:
        if source["type"] == "git" and not git.archive(source):
            git.look(source, env)
            return
        try:
            _first(entry, at, ask)
        except PackageUnavailable as error:
            git.after(error, git.look, source, env)
    except UsageError as error:
        raise PackageUnavailable(str(error)) from None
