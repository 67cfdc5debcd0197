"""Which sources answer, before anything is built: what will be used, what will be skipped, and why."""

from __future__ import annotations

import contextlib
import datetime
import netrc
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

import requests

from builder import docker as client
from builder import overrides
from builder.errors import BuildError, hint
from tasks.releases import RELEASES, Release

ROOT = Path(__file__).resolve().parent.parent
# Seconds for a connection and for each piece of an answer.
TIMEOUT = (5, 20)
# Sources that apt asks in a build, with its own proxy and passwords.
BY_APT = ("apt", "r2u")


@dataclass(frozen=True)
class Source:
    """A source and whether a build can do without it.

    Attributes:
        name: as it stands in the table.
        urls: each must answer.
        gives: what it is used for.
        needed: without it nothing can be built.
        instead: what becomes of the build without it.
    """

    name: str
    urls: tuple[str, ...]
    gives: str
    needed: bool
    instead: str = ""


@dataclass(frozen=True)
class Row:
    """A line of the table: a source and why it does not answer, or empty."""

    source: Source
    problem: str


def pypi() -> str:
    """Return the package index pip is configured to use."""
    from pip._internal.models.index import PyPI  # noqa: PLC0415 - pip is not imported where nobody asks

    configured = subprocess.run(
        [sys.executable, "-m", "pip", "config", "get", "global.index-url"], capture_output=True, text=True, check=False
    ).stdout.strip()
    return os.environ.get("PIP_INDEX_URL") or configured or str(PyPI.simple_url)


def apt_releases(printed: str) -> tuple[str, ...]:
    """Return the signed files that ``apt-get --print-uris update`` would fetch first, one for each suite.

    (``apt-get indextargets`` cannot say it: it lists nothing until the lists have been fetched.)
    """
    return tuple(re.findall(r"^'(https?://[^']*/InRelease)'", printed, re.MULTILINE))


def codename(docker: str, base: str, image: str) -> str:
    """Return the codename of an image's release, which has a row in the table.

    Args:
        base: what the image is called, in messages.

    Raises:
        BuildError: there is none.
    """
    system = client.call(docker, *_in(image), "cat /etc/os-release 2>/dev/null || true")
    found = "".join(re.findall(r"^VERSION_CODENAME=\"?([a-z]+)\"?$", system, re.MULTILINE))
    if found not in RELEASES:
        known = ", ".join(RELEASES)
        raise BuildError(f"invalid BASE={base}: expected a release of tasks/releases.py ({known}); it is {found!r}")
    return found


def _in(image: str) -> tuple[str, ...]:
    # Without the image's own entry point, which may be anything.
    return "run", "--rm", "--entrypoint", "sh", image, "-c"


def sources(docker: str, release: str, image: str, data: dict[str, str] | None = None) -> list[Source]:
    """Return what a build fetches from, by what the base's own apt and the settings say.

    Args:
        release: its codename.
        image: the base's.
        data: settings that differ from group_data/all.py.
    """
    values = overrides.defaults() | (data or {})
    row = RELEASES[release]
    # Of the sources as they will be.
    mirrors = shlex.join([release, values["apt_mirror"], values["apt_security_mirror"]])
    script = (ROOT / "files" / "apt_sources" / "apt-sources").read_text()
    mirrored = (
        f"sh -c {shlex.quote(script)} apt-sources {mirrors} && "
        if values["apt_mirror"] or values["apt_security_mirror"]
        else ""
    )
    apt = apt_releases(client.call(docker, *_in(image), mirrored + "apt-get --print-uris update"))
    found = [
        Source("apt", apt, f"{row.distribution} {row.version} itself", needed=True),
        Source("PyPI", ((values["pypi_index"] or pypi()).rstrip("/") + "/pip/",), "Jupyter and the Python packages", needed=True),
        Source(
            "CRAN", (values["cran_mirror"] + "/src/contrib/PACKAGES.gz",), "bspm, and R packages not available from apt", False,
            "left out: bspm, and R packages not available from apt",
        ),
    ]  # fmt: skip
    if row.r2u_suite:
        url = f"{values['r2u_mirror']}/dists/{row.r2u_suite}/InRelease"
        instead = f"left out: {row.distribution}'s own r-cran-* packages play its part"
        found.insert(1, Source("r2u", (url,), "CRAN's packages as apt packages", False, instead))
    return found


def shown(url: str) -> str:
    """Return a URL for a message: without the password that a mirror's may hold."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def apt_takes(machine: str, url: str) -> bool:
    """Whether apt takes a netrc's entry for a URL: one without a scheme is for https alone (apt_auth.conf(5))."""
    parts = urlsplit(url)
    scheme, _, rest = machine.rpartition("://")
    address, slash, path = rest.partition("/")
    host_and_port = parts.netloc.rpartition("@")[2]
    # With a path apt wants the port too, whatever its manual says.
    right = address == host_and_port or (not slash and address == parts.hostname)
    return right and (scheme or "https") == parts.scheme and parts.path.startswith("/" + path)


@dataclass(frozen=True)
class Asked:
    """How a build's settings ask a source: by which passwords, certificates and proxies.

    Attributes:
        netrc: path of the file with passwords, or empty.
        verify: path of the CA bundle, or empty: requests' own.
        proxies: of group_data/all.py, before the environment's.
        apt_proxy: apt's own, or empty.
    """

    netrc: str = ""
    verify: str = ""
    proxies: dict[str, str] = field(default_factory=dict)
    apt_proxy: str = ""

    def password(self, source: str, url: str) -> tuple[str, str] | None:
        """Return name and password that the build has for a source: R reads no netrc, pip and uv read one as requests does."""
        hosts = {}
        with contextlib.suppress(OSError, ValueError, netrc.NetrcParseError):
            hosts = netrc.netrc(self.netrc).hosts if self.netrc and source != "CRAN" else {}
        if source in BY_APT:
            machines = [machine for machine in hosts if apt_takes(machine, url)]
        else:
            machines = [machine for machine in (urlsplit(url).hostname, "default") if machine in hosts]
        return (hosts[machines[0]][0], hosts[machines[0]][2] or "") if machines else None

    def get(self, source: str, url: str) -> requests.Response:
        """Ask a source of this name for a URL."""
        proxies = {}
        if not requests.utils.should_bypass_proxies(url, self.proxies.get("no_proxy")):
            names = ("http", "https")
            # The build's steps know no ALL_PROXY.
            proxies = {name: proxy for name, proxy in getproxies().items() if name in names}
            proxies |= {name: self.proxies[f"{name}_proxy"] for name in names if f"{name}_proxy" in self.proxies}
            if source in BY_APT and self.apt_proxy:
                proxies |= dict.fromkeys(names, self.apt_proxy)  # for https too: tasks/apt_sources.py
        auth = None if "@" in urlsplit(url).netloc else self.password(source, url)
        with requests.Session() as session:
            # The build host's own netrc is not in the build.
            session.trust_env = False
            return session.get(
                url, timeout=TIMEOUT, stream=True, verify=self.verify or True, auth=auth, proxies=proxies
            )


@contextlib.contextmanager
def asked(data: dict[str, str]) -> Iterator[Asked]:
    """Have for a while what the settings say, as a build has it.

    Args:
        data: settings that differ from group_data/all.py.

    Raises:
        BuildError: one names no file.
    """
    given = overrides.to_build(data)
    with tempfile.NamedTemporaryFile(suffix=".pem") as both:
        bundle = given.secrets["ca"]
        if given.secrets["certificates"]:
            # They are added to those that are known.
            paths = (bundle or requests.utils.DEFAULT_CA_BUNDLE_PATH, given.secrets["certificates"])
            both.write(b"\n".join(Path(path).read_bytes() for path in paths))
            both.flush()
            bundle = both.name
        apt_proxy = str((overrides.defaults() | data)["apt_proxy"])
        yield Asked(given.secrets["netrc"], bundle, given.proxies, apt_proxy)


def problem(source: Source, how: Asked) -> str:
    """Why a source does not answer, or empty."""
    if not source.urls:
        return "the base names no such source"
    for url in source.urls:
        try:
            with how.get(source.name, url) as answer:
                if answer.status_code >= 400:
                    return f"{shown(url)} answers {answer.status_code}"
        except requests.exceptions.RequestException as error:
            kind = type(error).__name__
            return f"{shown(url)} does not answer ({kind})" + hint([kind, str(error)])
    return ""


def check(found: list[Source], data: dict[str, str] | None = None) -> list[Row]:
    """Ask all sources at once, as a build with these settings does."""
    with asked(data or {}) as how, ThreadPoolExecutor(max_workers=8) as pool:
        problems = pool.map(lambda source: problem(source, how), found)
        return [Row(source, output) for source, output in zip(found, problems, strict=True)]


def support(row: Release, today: datetime.date) -> str:
    """Say until when a base gets security updates."""
    if today.isoformat() > row.support_ends:
        return f"NO security updates since {row.support_ends}"
    return f"security updates until {row.support_ends}"


def table(base: str, rows: list[Row], supported: str) -> str:
    """Return the table as text: what will be used, what will be skipped, and why.

    Args:
        supported: see :func:`support`.
    """
    lines = [("source", "answers", "what follows"), ("base image", "yes", f"used: {base}, {supported}")]
    for row in rows:
        left = "nothing can be built" if row.source.needed else row.source.instead
        output = f"{left} ({row.problem})" if row.problem else f"used for {row.source.gives}"
        lines.append((row.source.name, "no" if row.problem else "yes", output))
    widths = [max(len(line[column]) for line in lines) for column in (0, 1)]
    return "\n".join(f"  {name:<{widths[0]}}  {answers:<{widths[1]}}  {words}" for name, answers, words in lines)


def require(rows: list[Row], strict: bool) -> None:
    """Refuse a build for which a source is missing that it needs, or with ``STRICT=1`` any.

    Raises:
        BuildError: the first such source.
    """
    for row in rows:
        if row.problem and row.source.needed:
            raise BuildError(f"{row.source.name} is needed and cannot be reached: {row.problem}")
        if row.problem and strict:
            raise BuildError(f"STRICT=1 and {row.source.name} cannot be reached: {row.problem}")
