"""Sources of R packages: where they are, fetched, and looked at before anything of them runs."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tarfile
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import Any, Dict, List, NamedTuple, Optional, Tuple

from melda.base import regular, textfiles
from melda.envs import addresses, entries
from melda.envs.capture.r import description
from melda.envs.errors import PackageUnavailable, UsageError
from melda.envs.restore import git, tools, web

Json = Dict[str, Any]
LARGEST = 1 << 30  # bytes of a source
LARGEST_LIST = 32 << 20
MOST = 100_000  # files in a source
BIOCONDUCTOR = ("bioc", "data/annotation", "data/experiment", "workflows")
# As remotes notes it, and capture reads it.
REMOTE = {
    "type": "RemoteType", "host": "RemoteHost", "owner": "RemoteUsername", "repository": "RemoteRepo",
    "subdirectory": "RemoteSubdir", "ref": "RemoteRef", "commit": "RemoteSha", "url": "RemoteUrl",
}  # fmt: skip


class Mirrors(NamedTuple):
    """What R is told in this image.

    Attributes:
        cran: URL of its CRAN mirror.
        bioconductor: URL of its Bioconductor mirror.
        release: Bioconductor's release for this R.
    """

    cran: str
    bioconductor: str
    release: str


def _open(url: str, trusted: bool, watching: web.Watch) -> Any:
    opener = urllib.request.build_opener() if trusted else web.opener(watching)
    request = urllib.request.Request(url, headers={"User-Agent": "melda-env"})  # noqa: S310 checked, or this image's mirror
    return opener.open(request, timeout=web.SECONDS)


def fetch(url: str, path: str, trusted: bool = False) -> None:
    """Fetch a file.

    Args:
        url: where it is.
        path: where it goes; it is there afterwards, whole, or not at all.
        trusted: a mirror of this image, and no address of a capture.

    Raises:
        PackageUnavailable: it cannot be had.
    """
    new, shown = path + ".part", addresses.hide(url)
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
        except urllib.error.HTTPError as error:
            raise PackageUnavailable(f"{shown} answers {error.code}") from None
        except (OSError, HTTPException, ValueError, UsageError) as error:
            if watching.over:
                raise PackageUnavailable(f"{shown} takes longer than {web.DEADLINE:g} s") from None
            reason = addresses.hide(str(getattr(error, "reason", None) or error))
            raise PackageUnavailable(f"{shown} cannot be fetched: {reason[:200]}") from None
        finally:
            with contextlib.suppress(OSError):
                os.unlink(new)


def text(url: str) -> str:
    """Return the text at an address of a mirror; empty if it cannot be had."""
    try:
        with urllib.request.urlopen(url, timeout=web.SECONDS) as answer:  # noqa: S310 # nosec B310 this image's mirror
            return str(answer.read(LARGEST_LIST).decode("utf-8", "replace"))
    except (OSError, HTTPException, ValueError):
        return ""


def mirrors(env: Dict[str, str]) -> Mirrors:
    """Return where this image's R looks.

    Raises:
        PackageUnavailable: R does not start.
    """
    code = (
        'r <- getOption("repos"); b <- getOption("BioC_mirror");'
        " v <- try(as.character(tools:::.BioC_version_associated_with_R_version()), silent = TRUE);"
        ' cat("\\n@@", unname(r["CRAN"]), if (is.null(b)) "https://bioconductor.org" else b, v, sep = "\\n@@")'
    )
    done = tools.run(["Rscript", "--no-init-file", "-e", code], env)
    found = re.findall(r"^@@(.+)$", done.output, re.MULTILINE)
    if done.code or len(found) != 3:
        raise PackageUnavailable(f"R does not start: {tools.last_line(done.output)}")
    cran, bioconductor, release = (one.strip() for one in found)
    return Mirrors(cran.rstrip("/"), bioconductor.rstrip("/"), release if re.fullmatch(r"\d+\.\d+", release) else "")


def _in_repository(base: str, name: str, version: str) -> List[str]:
    file = f"{name}_{version}.tar.gz"
    return [f"{base}/src/contrib/{file}", f"{base}/src/contrib/Archive/{name}/{file}"]


def places(entry: Json, at: Mirrors) -> List[Tuple[str, bool]]:
    """Return where the source of a package may be, and whether that is a mirror of this image.

    Raises:
        PackageUnavailable: nowhere.
    """
    source, name, version = entry["source"], entry["name"], entry["version"]
    kind = source["type"]
    if kind in ("cran", "apt"):
        return [(url, True) for url in _in_repository(at.cran, name, version)]
    if kind == "bioconductor":
        release = source.get("release") or at.release
        bases = [f"{at.bioconductor}/packages/{release}/{part}" for part in BIOCONDUCTOR]
        return [
            (url, True)
            for base in (bases if release else []) + [at.cran]
            for url in _in_repository(base, name, version)
        ]
    if kind == "url":
        return [(addresses.check(source["url"], name), False)]
    if kind == "git":
        return [(git.archive(source), False)]
    if kind in ("github", "gitlab", "bitbucket"):
        return [(addresses.check(_hosted(source), name), False)]
    raise PackageUnavailable("it came from a local file or folder, of which no copy was kept")


def _hosted(source: Json) -> str:
    if not source.get("commit"):
        raise PackageUnavailable("it names no commit")
    values = {"host": source.get("host", ""), **source}
    if source["type"] == "github":
        host = values["host"] or "api.github.com"
        return f"https://{host}/repos/{values['owner']}/{values['repository']}/tarball/{values['commit']}"
    if source["type"] == "gitlab":
        host = values["host"] or "gitlab.com"
        path = "https://{0}/api/v4/projects/{1[owner]}%2F{1[repository]}/repository/archive.tar.gz?sha={1[commit]}"
        return path.format(host, values)
    return f"https://bitbucket.org/{values['owner']}/{values['repository']}/get/{values['commit']}.tar.gz"


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
        found = description(regular.head(os.path.join(folder, "DESCRIPTION"), 1 << 20).decode("utf-8", "replace"))
    except OSError:
        raise PackageUnavailable("what was fetched is no R package: it has no DESCRIPTION") from None
    output = (found.get("Package"), found.get("Version"))
    if output != (entry["name"], entry["version"]):
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


def get(entry: Json, at: Mirrors, folder: str, env: Dict[str, str]) -> Tuple[str, Dict[str, str]]:
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
        if entry["source"]["type"] == "git" and not git.archive(entry["source"]):
            top = git.checkout(entry["source"], os.path.join(folder, "source"), env)
        else:
            archive = os.path.join(folder, "archive")
            _first(places(entry, at), archive)
            top = unpack(archive, os.path.join(folder, "source"))
        subdirectory = entry["source"].get("subdirectory", "")
        top = os.path.join(top, subdirectory) if subdirectory else top
        found = fields(top, entry)
        note_remote(top, entry["source"])
    except UsageError as error:
        raise PackageUnavailable(str(error)) from None
    except OSError as error:
        raise PackageUnavailable(f"{error.filename}: {error.strerror}") from None
    return top, found


def _first(candidates: List[Tuple[str, bool]], path: str) -> None:
    error: Optional[PackageUnavailable] = None
    for url, trusted in candidates:
        try:
            fetch(url, path, trusted)
            return
        except PackageUnavailable as failed:
            error = failed
    raise error or PackageUnavailable("it can be had nowhere")


def versions(name: str, at: Mirrors) -> List[str]:
    """Return the versions of a package that CRAN has, archived ones included."""
    archive = text(f"{at.cran}/src/contrib/Archive/{name}/")
    found = re.findall(re.escape(name) + r"_([0-9]+(?:[.-][0-9]+)+)\.tar\.gz", archive)
    listed = text(f"{at.cran}/src/contrib/PACKAGES")
    found += re.findall(rf"^Package: {re.escape(name)}\nVersion: ([0-9.-]+)$", listed, re.MULTILINE)
    return sorted(set(found))
