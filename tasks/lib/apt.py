"""apt operations that report a change only when there is one.

pyinfra's own ``apt.update`` trusts a stamp file instead of the lists, and ``apt.upgrade`` always counts as a change.
"""

from __future__ import annotations

import re
import shlex
from typing import Any, Dict, FrozenSet, Generator, Iterable, List, NamedTuple, Optional, Set

from pyinfra import host
from pyinfra.api import FactBase, StringCommand, operation

from tasks.lib import facts, workplace
from tasks.lib.workplace import Command

# Configuration files the user changed stay; no question is ever asked.
APT_GET = (
    "DEBIAN_FRONTEND=noninteractive apt-get -q -y"
    " -o APT::Install-Recommends=false"
    " -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold"
)

LISTS = "/var/lib/apt/lists"
# Touched when all lists were fetched. The lists themselves do not say: their times are those of the server's files.
STAMP = "/var/lib/apt/melda-jupyter.fetched"
# What apt says of a source it could not use, among warnings that are none of ours (a source that is configured twice).
_FAILED = "^(E|Err):|^W: (Failed to fetch|GPG error|An error occurred|Some index files|The repository)"


def apt_get(arguments: str) -> str:
    """Shell text of an apt-get call with this site's settings (``dpkg_unsafe_io``, ``apt_keep_archives``)."""
    command = APT_GET
    if host.data.get("dpkg_unsafe_io"):
        command += " -o Dpkg::Options::=--force-unsafe-io"
    if not host.data.get("apt_keep_archives"):
        command += " -o APT::Keep-Downloaded-Packages=false"
    if workplace.ca_bundle():
        command += " -o Acquire::https::CAInfo=" + workplace.CA
    if workplace.has_netrc():
        command += " -o Dir::Etc::netrc=" + workplace.NETRC
    return "{0} {1}".format(command, arguments)


def update(source: str = "", otherwise: str = "true") -> str:
    """Shell text that fetches the package lists and fails, in one line, if any source cannot be used.

    ``apt-get update`` itself exits 0 for a source that is down or wrongly signed, and focal's does not know
    ``--error-on=any``: so its messages decide.

    Args:
        source: a file in /etc/apt/sources.list.d to fetch alone; empty fetches all.
        otherwise: shell text to run when it fails.
    """
    arguments = "update"
    if source:
        arguments = (
            "-o Dir::Etc::sourcelist=sources.list.d/{0} -o Dir::Etc::sourceparts=- -o APT::Get::List-Cleanup=0 update"
        ).format(source)
    return (
        # Its messages are looked at, so they must be English.
        "status=0; out=$(LC_ALL=C {0} 2>&1) || status=$?;"
        ' bad=$(printf "%s\\n" "$out" | grep -E "{3}" | head -n 3 | tr "\\n" " ");'
        ' if [ $status -ne 0 ] || [ -n "$bad" ]; then {2};'
        ' echo "apt: {1} cannot be used: $bad" >&2; exit 1; fi{4}'
    ).format(
        apt_get(arguments), source or "a source of /etc/apt", otherwise, _FAILED, "" if source else "; touch " + STAMP
    )


class State(NamedTuple):
    """apt's state: is a dpkg run unfinished, the file names of the Release files it has, and the seconds since all
    lists were fetched (None: never)."""

    interrupted: bool
    lists: FrozenSet[str]
    age: Optional[int]


class AptState(FactBase[State]):
    """The :class:`State` of apt on the target."""

    def command(self) -> str:
        return (
            "date +now:%s; dpkg --audit 2>/dev/null | head -n 1 | sed s/^/audit:/;"
            " ls /var/lib/dpkg/updates 2>/dev/null | head -n 1 | sed s/^/audit:/;"
            " ls -d {0}/*Release 2>/dev/null | sed s/^/list:/; stat -c fetched:%Y {1} 2>/dev/null || true"
        ).format(LISTS, STAMP)

    @staticmethod
    def default() -> State:
        return State(False, frozenset(), None)

    def process(self, output: List[str]) -> State:
        found: Dict[str, List[str]] = {}
        for line in output:
            kind, _, rest = line.partition(":")
            found.setdefault(kind, []).append(rest)
        age = int(found["now"][0]) - int(found["fetched"][0]) if "fetched" in found else None
        return State("audit" in found, frozenset(path.rsplit("/", 1)[-1] for path in found.get("list", [])), age)


class InstalledPackages(FactBase[Set[str]]):
    """Names of the packages that are completely installed."""

    def command(self) -> str:
        return "dpkg-query -W -f '${db:Status-Abbrev} ${Package}\\n' 2>/dev/null | sed -n 's/^.i  *//p'"

    @staticmethod
    def default() -> Set[str]:
        return set()

    def process(self, output: List[str]) -> Set[str]:
        return {line.strip() for line in output}


class Upgradable(FactBase[List[str]]):
    """Names of the packages that ``apt-get upgrade`` would upgrade, by the lists the target has."""

    def command(self) -> str:
        return "apt-get -s -q -y upgrade 2>/dev/null | sed -n 's/^Inst \\([^ ]*\\).*/\\1/p'"

    @staticmethod
    def default() -> List[str]:
        return []

    def process(self, output: List[str]) -> List[str]:
        return [line.strip() for line in output if line.strip()]


class KnownPackages(FactBase[Set[str]]):
    """Names that apt knows which begin with ``prefix``."""

    def command(self, prefix: str) -> str:
        return "apt-cache pkgnames {0}".format(shlex.quote(prefix))

    @staticmethod
    def default() -> Set[str]:
        return set()

    def process(self, output: List[str]) -> Set[str]:
        return {line.strip() for line in output}


@operation()
def settled() -> Generator[Command, None, None]:
    """Finish a dpkg run that was cut off, so that apt works again."""
    if facts.get(AptState).interrupted:
        yield StringCommand("DEBIAN_FRONTEND=noninteractive dpkg --configure -a --force-confdef --force-confold")
        yield from workplace.run(apt_get("--fix-broken install"))


@operation()
def refreshed(max_age: int) -> Generator[Command, None, None]:
    """Fetch the package lists when they are missing or old.

    Args:
        max_age: seconds after which a list counts as old.
    """
    if host.data.get("mirror"):
        return  # its lists are the ones
    state = facts.get(AptState)
    # A stamp from the future is a clock that was set back.
    if not state.lists or state.age is None or not 0 <= state.age < max_age:
        yield from workplace.run(update())


@operation()
def upgraded() -> Generator[Command, None, None]:
    """Upgrade what has a newer version, if anything has."""
    if facts.get(Upgradable):
        yield from workplace.run(apt_get("upgrade"))


@operation()
def installed(packages: Iterable[str]) -> Generator[Command, None, None]:
    """Install what is missing of ``packages``, in one transaction and without Recommends.

    Args:
        packages: Debian package names.
    """
    present: Set[str] = facts.get(InstalledPackages)
    missing = sorted(set(packages) - present)
    if missing:
        yield from workplace.run(apt_get("install " + " ".join(shlex.quote(name) for name in missing)))


class Answers(FactBase[bool]):
    """Does ``url`` answer apt's downloader, through apt's proxies?

    Nothing of what it answers is used, so its certificate is not checked here; what is fetched later is. With ``guarded``
    the wish for a password is an answer too: a fact is a command line, and no password may be in one.
    """

    def command(self, url: str, proxies: str = "", guarded: bool = False) -> str:
        return (
            # A folder of its own: in /tmp, a name that others know is a name they can put a link at.
            "d=$(mktemp -d /tmp/melda-jupyter.XXXXXX) &&"
            " {1}/usr/lib/apt/apt-helper -o Acquire::Retries=0 -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20"
            " -o Acquire::https::Verify-Peer=false download-file {0} $d/probe >{2} 2>&1 {3}&& echo yes;"
            ' rm -rf "$d"'
        ).format(
            shlex.quote(url),
            "env {0} ".format(proxies) if proxies else "",
            "$d/said" if guarded else "/dev/null",
            "|| grep -qE ' 40[17] ' $d/said " if guarded else "",
        )

    @staticmethod
    def default() -> bool:
        return False

    def process(self, output: List[str]) -> bool:
        return output == ["yes"]


def answers(url: str) -> bool:
    """Does ``url`` answer, through the site's proxies? See :class:`Answers`."""
    proxies = workplace.proxies()
    shown = {name: re.sub("//.*@", "//", value) for name, value in proxies.items()}
    more: Dict[str, Any] = {}
    if shown:
        more["proxies"] = " ".join(shlex.quote("{0}={1}".format(*pair)) for pair in shown.items())
    if shown != proxies or workplace.has_netrc():
        more["guarded"] = True
    return facts.get(Answers, url=url, **more)


def cran(mirror: str) -> str:
    """Where to fetch from when ``mirror`` is CRAN's: the folder that ``make mirror`` made has it, if there is one."""
    folder = host.data.get("mirror")
    return "file://{0}/cran".format(folder) if folder else mirror


def cran_answers(mirror: str) -> bool:
    """Does CRAN answer?

    Args:
        mirror: of CRAN.
    """
    return answers(cran(mirror).rstrip("/") + "/src/contrib/PACKAGES.gz")
