"""Where the source of an R package may be: this image's mirrors, a forge, a file's repositories if allowed."""

from __future__ import annotations

import re
import urllib.request
from http.client import HTTPException
from typing import Dict, List, Mapping, NamedTuple, Tuple
from urllib import parse

from melda.envs import Json, addresses
from melda.envs.errors import PackageUnavailable
from melda.envs.restore import git, tools, web

LARGEST_LIST = 32 << 20
BIOCONDUCTOR = ("bioc", "data/annotation", "data/experiment", "workflows")
# Which variable has the key of which host, and in which heading of a request it goes there, and nowhere else.
KEYS = {
    "api.github.com": ("GITHUB_PAT", "Authorization", "Bearer {0}"),
    "github.com": ("GITHUB_PAT", "Authorization", "Bearer {0}"),
    "gitlab.com": ("GITLAB_PAT", "PRIVATE-TOKEN", "{0}"),
}


class Mirrors(NamedTuple):
    """What R is told in this image.

    Attributes:
        cran: URL of its CRAN mirror.
        bioconductor: URL of its Bioconductor mirror.
        release: Bioconductor's release for this R.
        others: may repositories that a file names be asked?
    """

    cran: str
    bioconductor: str
    release: str
    others: bool = False


def key(url: str, env: Mapping[str, str]) -> Dict[str, str]:
    """Return the heading with the user's key, for a host that has one.

    Args:
        url: what is fetched.
        env: variables of whoever called melda-env.
    """
    variable, name, value = KEYS.get(parse.urlsplit(url).netloc, ("", "", ""))
    given = env.get(variable, "") if variable else ""
    return {name: value.format(given)} if re.fullmatch(r"[A-Za-z0-9_.-]+", given) else {}


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


def _bioconductor(at: Mirrors, release: str) -> List[str]:
    return [f"{at.bioconductor}/packages/{release}/{part}" for part in BIOCONDUCTOR] if release else []


def places(entry: Json, at: Mirrors) -> List[Tuple[str, bool]]:
    """Return where the source of a package may be, and whether that is a mirror of this image.

    Raises:
        PackageUnavailable: nowhere.
    """
    source, name, version = entry["source"], entry["name"], entry["version"]
    kind = source["type"]
    if kind in ("cran", "apt", "bioconductor"):
        bioconductor = _bioconductor(at, source.get("release") or at.release)
        bases = [*bioconductor, at.cran] if kind == "bioconductor" else [at.cran, *bioconductor]
        found = [(url, True) for base in bases for url in _in_repository(base, name, version)]
        other = named(entry) if at.others else ""
        own = [(addresses.check(url, name), False) for url in _in_repository(other, name, version)] if other else []
        return own + found
    if kind == "url":
        return [(addresses.check(source["url"], name), False)]
    if kind == "git":
        return [(git.archive(source), False)]
    if kind in ("github", "gitlab", "bitbucket"):
        return [(addresses.check(_hosted(source), name), False)]
    raise PackageUnavailable("it came from a local file or folder, of which no copy was kept")


def named(entry: Json) -> str:
    """Return the URL of the repository that a file names for a package; empty: CRAN."""
    repository = str(entry["source"].get("repository", ""))
    return repository.rstrip("/") if repository.startswith("https://") else ""


def _hosted(source: Json) -> str:
    ref = source.get("commit") or source.get("ref") or "HEAD"
    values = {**source, "host": source.get("host", ""), "at": parse.quote(ref, safe="")}
    if source["type"] == "github":
        return "https://{0}/repos/{1[owner]}/{1[repository]}/tarball/{1[at]}".format(
            values["host"] or "api.github.com", values
        )
    if source["type"] == "gitlab":
        project = parse.quote("{0[owner]}/{0[repository]}".format(values), safe="")
        host = values["host"] or "gitlab.com"
        return f"https://{host}/api/v4/projects/{project}/repository/archive.tar.gz?sha={values['at']}"
    return "https://bitbucket.org/{0[owner]}/{0[repository]}/get/{0[at]}.tar.gz".format(values)


def versions(name: str, at: Mirrors) -> List[str]:
    """Return the versions of a package that CRAN has, archived ones included."""
    archive = text(f"{at.cran}/src/contrib/Archive/{name}/")
    found = re.findall(re.escape(name) + r"_([0-9]+(?:[.-][0-9]+)+)\.tar\.gz", archive)
    listed = text(f"{at.cran}/src/contrib/PACKAGES")
    found += re.findall(rf"^Package: {re.escape(name)}\nVersion: ([0-9.-]+)$", listed, re.MULTILINE)
    return sorted(set(found))


def current(base: str) -> Dict[str, str]:
    """Return the version of each package that a repository has now, by name."""
    listed = text(f"{base}/src/contrib/PACKAGES")
    return dict(re.findall(r"^Package: (\S+)\nVersion: (\S+)$", listed, re.MULTILINE))


def all_current(at: Mirrors) -> Dict[str, str]:
    """Return what CRAN and Bioconductor have now."""
    found: Dict[str, str] = {}
    for base in [*_bioconductor(at, at.release)[:1], at.cran]:
        found.update(current(base))
    return found
