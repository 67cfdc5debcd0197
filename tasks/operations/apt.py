"""apt: pyinfra's operations give it neither certificates nor passwords for one command, and take some states for changes."""

from __future__ import annotations

import shlex
from typing import Generator, Iterable, List, Sequence

from pyinfra import host
from pyinfra.api import StringCommand, operation
from pyinfra.facts.deb import DebPackages
from pyinfra.facts.server import Command as Said

from tasks.facts.apt import BROKEN, AptState, MirrorDrift, Upgradable
from tasks.facts.files import PathStats
from tasks.lib import apt_get, managed_files, omitted, reachable, staging
from tasks.lib.managed_files import ManagedFile
from tasks.lib.progress import say
from tasks.lib.staging import Command

# Packages to be unpacked again: what was cut off, and what lacks a file of dpkg's own, which `dpkg --audit` names in words alone.
_INFO = "/var/lib/dpkg/info"
_HALF = (
    "dpkg-query -W -f '${db:Status-Eflag} ${db:Status-Status} ${Package} ${Architecture}\\n' |"
    ' while read -r flag status name arch; do case $arch in ""|all) full=$name;; *) full=$name:$arch;; esac;'
    f" if [ $status = installed ]; then [ -s {_INFO}/$name.list ] || [ -s {_INFO}/$full.list ] ||"
    f" {{ [ -e {_INFO}/$name.list -o -e {_INFO}/$full.list ] &&"
    f" [ ! -s {_INFO}/$name.md5sums -a ! -s {_INFO}/$full.md5sums ]; }} || flag=reinstreq;"
    f" [ -e {_INFO}/$name.md5sums ] || [ -e {_INFO}/$full.md5sums ] || flag=reinstreq; fi;"
    ' [ $flag != reinstreq ] || echo "$full"; done'
)
# Where a package's file is put: its own path, or another one where something stands in for it.
TRUENAME = "dpkg-divert --truename {} 2>/dev/null || true"
# What apt's URItoFileName quotes, beside what is not printable.
_QUOTED = '\\|{}[]<>"^~_=!@#$%^&*'


@operation()
def dpkg_configured() -> Generator[Command, None, None]:
    """Finish a dpkg run that was interrupted, so that apt works again. pyinfra has no operation for it."""
    if host.get_fact(AptState).interrupted or BROKEN in host.get_fact(Upgradable):
        # Another's dpkg that is at work looks as one that was cut off.
        configure = "dpkg --configure -a --force-confdef --force-confold"
        yield StringCommand(f"{apt_get.WAIT}; DEBIAN_FRONTEND=noninteractive {configure}")
        # A package that was cut off while it was unpacked is unpacked again, for which apt needs its archive, and the lists.
        again = apt_get.install(f"$({_HALF})", again=True)
        refresh = "" if host.data.get("mirror") else f"( {apt_get.update()} )"
        # Where a source is gone, and without the lists, apt knows no other way than to remove what is in use.
        fix, check = apt_get.apt_get("--no-remove --fix-broken install"), apt_get.apt_get("check")
        yield from staging.run(
            f'if [ -n "$({_HALF})" ] || ! {check} >/dev/null 2>&1; then {refresh or ":"}; fi;'
            f' if [ -n "$({_HALF})" ]; then {again}; fi; {fix}'
        )


@operation()
def update(max_age: int) -> Generator[Command, None, None]:
    """Fetch the package lists when they are missing, cut off or old.

    pyinfra's apt.update takes a source that cannot be used for a success, and does not see that the lists were deleted.
    """
    if host.data.get("mirror"):
        return  # its lists are the ones
    state = host.get_fact(AptState)
    if state.damaged:
        say("apt's lists were cut off or gone, and are fetched again: " + " ".join(state.damaged))
        # apt fetches no list again of which the signed file is still the server's.
        yield StringCommand("rm -rf " + " ".join(map(shlex.quote, state.damaged)))
    # A stamp from the future is a clock that was set back.
    if state.damaged or not state.lists or state.age is None or not 0 <= state.age < max_age:
        yield from staging.run(apt_get.update())


@operation()
def upgrade() -> Generator[Command, None, None]:
    """Upgrade what has a newer version, if anything has; where apt could not tell, it says why. pyinfra's apt.upgrade counts a
    package that is kept back as a change."""
    names: List[str] = host.get_fact(Upgradable)
    if set(names) - {BROKEN}:
        yield from staging.run(apt_get.apt_get("upgrade"))


@operation()
def packages(packages: Iterable[str]) -> Generator[Command, None, None]:
    """Install what is missing of ``packages``, in one transaction and without Recommends.

    pyinfra's apt.packages takes a proxy's password through ``_env`` alone, which everybody reads in the list of processes.
    """
    missing = sorted(set(packages) - host.get_fact(DebPackages).keys())
    if missing:
        names = " ".join(shlex.quote(name) for name in missing)
        # One that somebody chose to remove, and did not, is installed, but counts as none; apt leaves the choice.
        yield from staging.run(
            f"{apt_get.install(names)}; dpkg-query -W -f '${{db:Status-Want}} ${{Package}}\\n' {names} |"
            " sed -En 's/^(deinstall|purge) (.*)/\\2 install/p' | dpkg --set-selections"
        )


@operation()
def diversion_removed(path: str) -> Generator[StringCommand, None, None]:
    """Restore a file of a package that something else stands in for; pyinfra has no operation for it.

    Ubuntu's images do so with ``man``, which says that there are no pages (unminimize(8) undoes it so).
    """
    found = host.get_fact(Said, command=TRUENAME.format(path))
    if not found:
        yield staging.refuse(f"dpkg-divert says nothing of {path}: expected dpkg to be whole")
    elif found != path:
        quoted = shlex.quote(path)
        yield StringCommand(f"rm -f {quoted} && dpkg-divert --quiet --remove --rename {quoted}")


@operation()
def sources(codename: str, mirror: str, security: str) -> Generator[StringCommand, None, None]:
    """Let the distribution's own sources name a mirror, or restore what they named before. pyinfra's apt.repo adds a source.

    Args:
        codename: of the release.
        mirror: of the distribution; empty: its own.
        security: of its security updates; empty: its own.
    """
    if host.get_fact(MirrorDrift, codename=codename, mirror=mirror, security=security):
        # The lists are another server's, and apt must not take them for these. First: a run may be killed between the two.
        yield StringCommand(f"rm -rf {apt_get.STAMP} && {apt_get.sources_script(codename, mirror, security)}")


def release_file(mirror: str, suite: str) -> str:
    """URL of the signed file of a suite; a suite that ends in a slash is flat."""
    return f"{mirror.rstrip('/')}/{suite if suite.endswith('/') else f'dists/{suite}/'}InRelease"


def list_name(mirror: str, suite: str) -> str:
    """Return how the name of this repository's list under /var/lib/apt/lists begins (apt's URItoFileName)."""
    path = release_file(mirror, suite).split("://", 1)[1].rsplit("/", 1)[0]
    return "".join(f"%{ord(c):02x}" if c in _QUOTED else c for c in path).replace("/", "_") + "_"


@operation()
def repository(source: str, mirror: str, suite: str, entries: Sequence[ManagedFile]) -> Generator[Command, None, None]:
    """Add a signed apt repository, or record it as skipped where it does not answer.

    pyinfra's apt.sources_file leaves a repository that does not answer, which breaks every later ``apt-get update``.

    Args:
        source: what it is called where it is skipped.
        mirror, suite: where it is.
        entries: its files; the sources file is the last.
    """
    present = host.get_fact(PathStats, paths=[entry.path for entry in entries])
    fetched = any(name.startswith(list_name(mirror, suite)) for name in host.get_fact(AptState).lists)
    if managed_files.in_sync(entries, present) and fetched:
        yield from omitted.clear(source)
        return
    last = entries[-1].path
    if fetched and host.data.get("mirror"):
        # Its lists were checked when the mirror's folder was made, and there is nothing to fetch them from.
        yield from managed_files.diff(entries, present)
        yield from omitted.clear(source)
        return
    if not reachable.answers(release_file(mirror, suite)):
        # A repository that cannot be used must not stay: it would break every later apt-get update.
        if present.get(last, ("",))[0] in ("file", "link") and not fetched:
            yield StringCommand("rm -f " + last)
        yield from omitted.record(source, f"{mirror} does not answer")
        return
    yield from managed_files.diff(entries, present)
    yield from staging.run(apt_get.update(last.rsplit("/", 1)[1], on_failure="rm -f " + last))
    yield from omitted.clear(source)
