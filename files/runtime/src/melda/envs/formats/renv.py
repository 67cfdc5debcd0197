"""renv.lock: https://rstudio.github.io/renv/reference/lockfiles.html."""

from __future__ import annotations

import json
import re
from typing import Any, Dict

from melda.envs import Json, links
from melda.envs.addresses import with_git_user
from melda.envs.capture import r
from melda.envs.entries import lost
from melda.envs.formats import tables
from melda.envs.formats.reading import Reading

CRAN = "https://cran.r-project.org"
# Mirrors of CRAN (https://cran.r-project.org/mirrors.html): this image's own is asked in their place. A host of another may
# be called so too, as cranhaven.r-universe.dev or a company's cran.example.org: it has packages of its own.
MIRROR = re.compile(
    r"https?://(?:[^/@]*@)?(?:(?:(?:cran|cloud)(?:\.[\w-]+)?\.r-project\.org|cran\.(?:rstudio|microsoft)\.com|p3m\.dev|"
    r"packagemanager\.(?:rstudio\.com|posit\.co)|mran\.(?:microsoft|revolutionanalytics)\.com|(?:www\.)?bioconductor\.org|"
    r"cran\.(?:ma\.imperial\.ac\.uk|csiro\.au|uni-muenster\.de))(?::\d+)?(?:/.*)?|"
    r"(?:stat\.ethz\.ch|ftp\.fau\.de|ftp\.gwdg\.de|lib\.stat\.cmu\.edu|mirror\.las\.iastate\.edu|www\.stats\.bris\.ac\.uk|"
    r"mirrors\.(?:aliyun\.com|ustc\.edu\.cn|tuna\.tsinghua\.edu\.cn|nics\.utk\.edu|dotsrc\.org))/(?:[\w.-]+/){0,3}CRAN)/?",
    re.IGNORECASE,
)
NOWHERE = "it came from {0}: a file or folder of another host, or an address that is not said or not fetched"
HOSTS = {"github": "GitHub", "gitlab": "GitLab", "bitbucket": "Bitbucket"}
# A capture's field and renv's.
REMOTE = (
    ("host", "RemoteHost"),
    ("owner", "RemoteUsername"),
    ("repository", "RemoteRepo"),
    ("subdirectory", "RemoteSubdir"),
    ("ref", "RemoteRef"),
    ("commit", "RemoteSha"),
    ("url", "RemoteUrl"),
)
BASE = {
    "base", "compiler", "datasets", "graphics", "grDevices", "grid", "methods", "parallel", "splines", "stats", "stats4",
    "tcltk", "tools", "translations", "utils",
}  # fmt: skip


def _origin(entry: Json) -> Json:
    source = entry["source"]
    kind = source["type"]
    if lost(entry):
        return {"Source": "Unknown"}
    remote = {
        theirs: with_git_user(source[ours])
        for ours, theirs in REMOTE
        if kind not in ("cran", "bioconductor") and ours in source
    }
    if kind in HOSTS:
        return {"Source": HOSTS[kind], "RemoteType": kind, **remote}
    if kind in ("git", "url"):
        return {"Source": {"git": "Git", "url": "URL"}[kind], "RemoteType": kind, **remote}
    if kind == "bioconductor":
        return {"Source": "Bioconductor"}
    if kind == "local":
        return {"Source": "Local"}
    return {"Source": "Repository", "Repository": "CRAN"}  # apt's binaries are CRAN's packages


def write(found: Json) -> str:
    """Return the R packages."""
    packages = {
        entry["name"]: {
            "Package": entry["name"],
            "Version": entry["version"],
            **_origin(entry),
            **({"Requirements": entry["needs"]} if entry.get("needs") else {}),
        }
        for entry in found["r"]["packages"]
    }
    releases = {entry["source"].get("release") for entry in found["r"]["packages"]} - {None}
    lock = {
        "R": {"Version": found["r"]["version"], "Repositories": [{"Name": "CRAN", "URL": CRAN}]},
        **(
            {"Bioconductor": {"Version": max(releases, key=lambda one: [int(n) for n in one.split(".")])}}
            if releases
            else {}
        ),
        "Packages": packages,
    }
    return json.dumps(lock, indent=2, ensure_ascii=False) + "\n"


def _fields(package: Json, urls: Dict[str, str]) -> Dict[str, str]:
    """renv's and packrat's names as a DESCRIPTION has them."""
    fields = {
        str(name): "" if value is None or isinstance(value, (dict, list)) else str(value)
        for name, value in package.items()
    }
    for old, new in (("GithubRepo", "RemoteRepo"), ("GithubUsername", "RemoteUsername"), ("GithubRef", "RemoteRef"),
                     ("GithubSha1", "RemoteSha"),
                     ("GithubSHA1", "RemoteSha"), ("GithubSubdir", "RemoteSubdir"), ("GithubHost", "RemoteHost")):  # fmt: skip
        if old in fields:
            fields.setdefault(new, fields[old])
    kind = fields.get("Source", "").lower()
    if kind in (*HOSTS, "git", "url", "git2r", "xgit"):
        fields["RemoteType"] = kind
    elif kind and fields["Source"] in urls:  # packrat's way to name a repository
        fields.update({"Repository": fields["Source"], "RemoteType": ""})
    elif kind not in ("bioconductor", *REPOSITORIES):
        fields["RemoteType"] = "local"
    elif kind != "bioconductor" and fields.get("RemoteType", "").lower() not in (*HOSTS, "git", "url", "git2r", "xgit"):
        fields["RemoteType"] = ""
    if kind in REPOSITORIES and not fields.get("Repository"):
        fields["Repository"] = "CRAN"
    return fields


REPOSITORIES = ("repository", "cran", "p3m", "rspm", "ppm", "", "standard", "any")


def add(reading: Reading, key: str, package: Any, release: str, urls: Dict[str, str]) -> None:
    """Read one package of a lock, or a paragraph of packrat's.

    Args:
        reading: collects it.
        key: its name.
        package: what the lock says of it.
        release: Bioconductor's.
        urls: of the repositories that the lock names, by name.
    """
    if not isinstance(package, dict):
        reading.bad("r", key, "expected an object about this package")
        return
    fields = _fields(package, urls)
    name, version = fields.get("Package") or key, fields.get("Version", "")
    if name in BASE:
        return
    if name != key:
        reading.bad("r", key, f"it says that it is {name}")
        return
    source = r.source(fields)
    of_bioconductor = source["type"] == "cran" and fields.get("Repository", "").lower().startswith("bioc")
    if of_bioconductor or fields.get("Source", "").lower() == "bioconductor":
        source = {"type": "bioconductor", **({"release": release} if re.fullmatch(r"\d+\.\d+", release) else {})}
    elif source["type"] == "cran":
        source = {"type": "cran", "repository": _repository(fields.get("Repository", ""), urls)}
    if source["type"] == "local":
        said = fields.get("Source", "")
        reading.bad("r", name, NOWHERE.format(said if said.lower() != "local" else "a local source"), version)
        return
    if not version and source["type"] in ("cran", "bioconductor"):
        reading.bad("r", name, "it has no version")
        return
    needs = package.get("Requirements", package.get("Requires", []))
    needs = needs.split(",") if isinstance(needs, str) else needs if isinstance(needs, list) else []
    names = {re.sub(r"\s*\(.*", "", one).strip() for one in needs if isinstance(one, str)} - {"R"}
    reading.r(name, version, source, {one for one in names if re.fullmatch(r"[A-Za-z][A-Za-z0-9.]*[A-Za-z0-9]", one)})


def _repository(name: str, urls: Dict[str, str]) -> str:
    """CRAN, or the URL of another repository, which is asked only if that is allowed."""
    url = urls.get(name, name if "://" in name else "").rstrip("/")
    # What is called CRAN is a copy of it, wherever it is: a proxy of a company's, a university's mirror.
    known = "://" not in url or name.upper() == "CRAN" or MIRROR.fullmatch(url)
    return "CRAN" if known else links.secure(url)


def read(reading: Reading, lock: Json) -> None:
    """Read what a lock says."""
    reading.is_of("r", str(tables.inside(lock, "R").get("Version", "")))
    release = str(tables.inside(lock, "Bioconductor").get("Version", ""))
    listed, packages = tables.inside(lock, "R").get("Repositories"), lock.get("Packages")
    pairs = listed.items() if isinstance(listed, dict) else [
        (one.get("Name"), one.get("URL")) for one in map(tables.inside, tables.many(listed))
    ]  # fmt: skip
    urls = {str(name): str(url) for name, url in pairs}
    # Some write a list.
    by_name = packages.items() if isinstance(packages, dict) else tables.named(tables.many(packages), "Package")
    for key, package in sorted(by_name, key=lambda one: one[0]):
        add(reading, key, package, release, urls)
    if reading.empty:
        reading.say("it names no packages")


def pak(reading: Reading, lock: Json) -> None:
    """Read what pkg.lock says: https://pak.r-lib.org/reference/lockfile_create.html."""
    # R.version.string, as "R version 4.2.2 (2022-10-31)"
    version = re.match(r"(?:R )?(?:version )?(\d+\.\d+\.\d+)(?!\S)", str(lock.get("r_version", "")))
    reading.is_of("r", version.group(1) if version else "")
    for name, one in tables.named(lock["packages"], "package"):
        about, said = tables.inside(one), tables.inside(one, "metadata")
        kind = {"bioc": "bioconductor"}.get(str(about.get("type")), about.get("type"))
        fields = {**said, "Package": about.get("package"), "Version": about.get("version"), "Source": kind}
        add(reading, name, fields if about else one, "", {})


def is_connect(found: Json) -> bool:
    """Is this rsconnect's manifest.json?"""
    of_packages = "platform" in found and isinstance(found.get("packages"), dict)
    return of_packages or "appmode" in tables.inside(found, "metadata")


def connect(reading: Reading, manifest: Json) -> None:
    """Read what manifest.json says, which rsconnect writes for Posit Connect: of each R package its DESCRIPTION."""
    packages = {
        name: {**about, **{one: given.get(one) for one in ("Source", "Repository")}} if about else given
        for name, given in tables.inside(manifest, "packages").items()
        for about in [tables.inside(given, "description")]
    }
    read(reading, {"R": {"Version": manifest.get("platform")}, "Packages": packages})
    if isinstance(manifest.get("python"), dict):
        file = str(tables.inside(manifest, "python", "package_manager").get("package_file") or "python")
        reading.bad("python", file, "manifest.json only names it: hand this file itself to melda-env restore")
