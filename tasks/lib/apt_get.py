"""Shell text of apt-get calls with this site's settings, and what answers them."""

from __future__ import annotations

import shlex

from melda.base.paths import LISTS_FETCHED
from pyinfra import host

from tasks.lib import managed_files, staging

# Configuration files the user changed stay; no question is ever asked. With these two in a configuration of the target's apt-get
# does nothing, and ends with 0.
APT_GET = (
    "DEBIAN_FRONTEND=noninteractive apt-get -q -y"
    " -o APT::Get::Download-Only=false -o APT::Get::Simulate=false"
    " -o APT::Install-Recommends=false"
    f" -o DPkg::Lock::Timeout={staging.PATIENCE}"
    " -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold"
)

LISTS = "/var/lib/apt/lists"
HELPER = "/usr/lib/apt/apt-helper"
# Touched when all lists were fetched. The lists themselves do not say: their times are those of the server's files.
STAMP = LISTS_FETCHED
# In shell: wait for whoever has apt and dpkg now, as unattended-upgrades in a machine's first minutes. dpkg waits for nobody, and
# apt-get 2.6 for nobody who fetches lists, whatever its DPkg::Lock::Timeout.
LOCKS = ("/var/lib/dpkg/lock-frontend", "/var/lib/dpkg/lock", f"{LISTS}/lock", "/var/cache/apt/archives/lock")
_WAIT = (
    "$SIG{ALRM} = sub { exit }; alarm shift; for (@ARGV) { open(my $f, '+<', $_) or next;"
    " my $lock = pack('ssx!8qqix!8', F_WRLCK, 0, 0, 0, 0); fcntl($f, F_SETLKW, $lock) }"
)
WAIT = f"perl -MFcntl -e {shlex.quote(_WAIT)} {staging.PATIENCE} {' '.join(LOCKS)}"
# What apt says of a source it could not use, among warnings that are none of ours (a source that is configured twice).
_FAILED = "^(E|Err):|^W: (Failed to fetch|GPG error|An error occurred|Some index files|The repository)"


def apt_get(arguments: str) -> str:
    """Say an apt-get call with this site's settings (``dpkg_unsafe_io``, ``apt_keep_archives``) in shell."""
    command = APT_GET
    if host.data.get("dpkg_unsafe_io"):
        command += " -o Dpkg::Options::=--force-unsafe-io"
    if not host.data.get("apt_keep_archives"):
        command += " -o APT::Keep-Downloaded-Packages=false"
    if staging.ca_bundle():
        command += " -o Acquire::https::CAInfo=" + staging.CA
    if staging.has_netrc():
        command += " -o Dir::Etc::netrc=" + staging.NETRC
    return f"{command} {arguments}"


def install(packages: str, again: bool = False) -> str:
    """Say in shell how to install packages, and to fail in one line of apt's where others would have to go: they are in use."""
    return apt_get(f"--no-remove {'--reinstall ' if again else ''}install {packages}")


def update(source: str = "", on_failure: str = "true") -> str:
    """Say in shell how to fetch the package lists, and to fail, in one line, if any source cannot be used.

    ``apt-get update`` itself exits 0 for a source that is down or wrongly signed, and focal's does not know
    ``--error-on=any``: so its messages decide.

    Args:
        source: a file in /etc/apt/sources.list.d to fetch alone; empty fetches all.
        on_failure: shell text to run when it fails.
    """
    arguments = "update"
    if source:
        arguments = f"-o Dir::Etc::sourcelist=sources.list.d/{source} -o Dir::Etc::sourceparts=-"
        arguments += " -o APT::Get::List-Cleanup=0 update"
    stamp = "" if source else "; touch " + STAMP
    return (
        # Its messages are looked at, so they must be English.
        f"{WAIT}; status=0; out=$(LC_ALL=C {apt_get(arguments)} 2>&1) || status=$?;"
        f' bad=$(printf "%s\\n" "$out" | grep -E "{_FAILED}" | head -n 3 | tr "\\n" " ");'
        f' if [ $status -ne 0 ] || [ -n "$bad" ]; then {on_failure};'
        f' echo "apt: {source or "a source of /etc/apt"} cannot be used: $bad" >&2; exit 1; fi{stamp}'
    )


def sources_script(*arguments: str) -> str:
    """Say in shell how to run files/apt_sources/apt-sources, which needs no file of its own on the target for it."""
    text = managed_files.source("apt_sources/apt-sources").decode()
    return f"sh -c {shlex.quote(text)} apt-sources {' '.join(shlex.quote(word) for word in arguments)}"
