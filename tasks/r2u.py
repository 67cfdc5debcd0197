"""r2u: CRAN's packages as apt packages, preferred over the distribution's.

On Debian, where r2u does not exist, Debian's own r-cran-* packages play its part.
"""

from __future__ import annotations

from typing import Generator, Sequence

from pyinfra import host, logger
from pyinfra.api import DeployError, StringCommand, deploy, operation

from tasks.lib import apt, debian, facts, files, omitted, openpgp, workplace
from tasks.lib.release import target

KEYRING = "/etc/apt/keyrings/r2u.asc"
SOURCES = "/etc/apt/sources.list.d/r2u.sources"
PIN = "/etc/apt/preferences.d/r2u"
R_KEYRING = "/etc/apt/keyrings/cran-r.asc"
R_SOURCES = "/etc/apt/sources.list.d/cran-r.sources"

# What apt's URItoFileName quotes, beside what is not printable.
_QUOTED = '\\|{}[]<>"^~_=!@#$%^&*'


def sources(mirror: str, suite: str, architecture: str, keyring: str, components: str) -> bytes:
    """A deb822 sources file that binds one repository to its own key."""
    return (
        (
            "# Managed by melda-jupyter. Signed-By binds this repository to its key; the key is trusted for nothing else.\n"
            "Types: deb\nURIs: {0}\nSuites: {1}\n{2}Architectures: {3}\nSigned-By: {4}\n"
        )
        .format(mirror, suite, "Components: {0}\n".format(components) if components else "", architecture, keyring)
        .encode()
    )


def list_name(mirror: str, suite: str) -> str:
    """How the name of this repository's list under /var/lib/apt/lists begins (apt's URItoFileName)."""
    path = release_file(mirror, suite).split("://", 1)[1].rsplit("/", 1)[0]
    return "".join("%{0:02x}".format(ord(c)) if c in _QUOTED else c for c in path).replace("/", "_") + "_"


@operation()
def repository(
    source: str, mirror: str, suite: str, entries: Sequence[files.Entry]
) -> Generator[workplace.Command, None, None]:
    """Add a signed apt repository, or leave it out where it does not answer.

    Args:
        source: what it is called where it is left out.
        mirror, suite: where it is.
        entries: its files; the sources file is the last.
    """
    present = facts.at(files.Paths, [entry.path for entry in entries])
    fetched = any(name.startswith(list_name(mirror, suite)) for name in facts.get(apt.AptState).lists)
    if files.as_wanted(entries, present) and fetched:
        yield from omitted.put_back(source)
        return
    last = entries[-1].path
    if fetched and host.data.get("mirror"):
        # Its lists were checked when the mirror's folder was made, and there is nothing to fetch them from.
        yield from files.changes(entries, present)
        yield from omitted.put_back(source)
        return
    if not apt.answers(release_file(mirror, suite)):
        # A repository that cannot be used must not stay: it would break every later apt-get update.
        if last in present and not fetched:
            yield StringCommand("rm -f " + last)
        yield from omitted.leave_out(source, "{0} does not answer".format(mirror))
        return
    yield from files.changes(entries, present)
    yield from workplace.run(apt.update(last.rsplit("/", 1)[1], otherwise="rm -f " + last))
    yield from omitted.put_back(source)


def release_file(mirror: str, suite: str) -> str:
    """URL of the signed file of a suite; a suite that ends in a slash is flat."""
    return "{0}/{1}InRelease".format(mirror.rstrip("/"), suite if suite.endswith("/") else "dists/{0}/".format(suite))


def _add_r2u(suite: str, architecture: str) -> None:
    data = host.data
    key = (files.ROOT / "files" / data.r2u_key).read_bytes()
    try:
        found = openpgp.fingerprint(key)
    except ValueError as error:
        raise DeployError(
            "r2u_key={0!r} is not right: {1}; it must be a file with one armored OpenPGP key".format(
                data.r2u_key, error
            )
        ) from error
    if found != data.r2u_fingerprint:
        raise DeployError(
            "r2u_key={0!r} is not the right key: its fingerprint is {1}, r2u_fingerprint={2}".format(
                data.r2u_key, found, data.r2u_fingerprint
            )
        )
    repository(
        name="Add r2u's repository, its key and its pin",
        source="r2u",
        mirror=data.r2u_mirror,
        suite=suite,
        entries=[
            files.Entry("/etc/apt/keyrings", mode="755"),
            files.Entry(KEYRING, key),
            files.Entry(PIN, files.source("r2u/preferences")),
            files.Entry(SOURCES, sources(data.r2u_mirror, suite, architecture, KEYRING, "main")),
        ],
    )


def _add_r(suite: str, architecture: str) -> None:
    with open(host.data.r_key, "rb") as key:
        content = key.read()
    suite += "/"
    repository(
        name="Add CRAN's repository with the R that r2u is built for",
        source="r",
        mirror=host.data.r_mirror,
        suite=suite,
        entries=[
            files.Entry("/etc/apt/keyrings", mode="755"),
            files.Entry(R_KEYRING, content),
            files.Entry(R_SOURCES, sources(host.data.r_mirror, suite, architecture, R_KEYRING, "")),
        ],
    )


@deploy("r2u")
def r2u() -> None:
    omitted.foresee()
    here = target()
    release = here.release
    suite = host.data.r2u_suite or release.r2u_suite
    if release.r_suite and host.data.r_key:
        _add_r(release.r_suite, here.architecture)
    if not suite:
        logger.info(
            "    r2u has no {0} {1}: {0}'s own r-cran-* packages play its part".format(
                release.distribution, release.version
            )
        )
    elif release.r2u_architectures and here.architecture not in release.r2u_architectures:
        logger.info("    r2u has no {0} for {1}".format(suite, here.architecture))
    else:
        _add_r2u(suite, here.architecture)
        apt.upgraded(name="Upgrade to r2u's packages")
    apt.installed(name="Install R, its kernel for Jupyter and jsonlite", packages=debian.PACKAGES["r"])
