#!/usr/bin/python3
# apt, dbus and gi are the container's, without types.
# mypy: disable-error-code="import-not-found, misc, untyped-decorator"
"""Root's side of the stand-in for bspm: installs and removes apt's R packages for whoever asks on the bus.

Without a method it is the D-Bus service and ends after IDLE seconds without a call; with one it answers on
the command line. It trusts its callers exactly as CRAN's bspm does, holes included (any user may remove, and
the caller names the process whose standard error root opens), so that what protects the one is proved on the
other.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import pathlib
import re
import signal
import sys
import time
from collections.abc import Sequence
from typing import Any

import apt
import apt.progress.text

NAME = "org.r_project.linux1"
PATH = "/org/r_project/linux1/PackageManager"
INTERFACE = "org.r_project.linux1.PackageManager"

HERE = pathlib.Path(__file__).resolve().parent
PREFIXES = HERE / "bspm.pref"
STAMP = HERE / "_cache"
# Seconds.
LISTS_MAX_AGE = 300
IDLE = 10


def refreshed(force: bool = False) -> Any:
    """apt's cache, its lists fetched again when this program has not done so lately."""
    cache = apt.Cache()
    if force or not STAMP.exists() or time.time() - STAMP.stat().st_mtime > LISTS_MAX_AGE:
        cache.update(apt.progress.text.AcquireProgress(sys.stdout))
        STAMP.touch()
        cache.open()
    return cache


def discover(names: Sequence[str] = ()) -> list[str]:
    """Write down how the names of apt's R packages begin: r-cran-, r-bioc-, ..."""
    found = {match.group() for match in (re.match("r-[^-]+-", package.name) for package in refreshed(True)) if match}
    PREFIXES.write_text("".join(prefix + "\n" for prefix in sorted(found - {"r-doc-", "r-base-"})))
    return []


def prefixes() -> list[str]:
    """How the names of apt's R packages begin, found out if nobody has yet."""
    if not PREFIXES.exists():
        discover()
    return PREFIXES.read_text().split()


def available(names: Sequence[str] = ()) -> list[str]:
    """Each of apt's R packages as name;version;origin."""
    beginnings = tuple(prefixes())
    cache = refreshed()
    found = [p for p in cache if p.name.startswith(beginnings) and p.candidate]
    versions = [re.sub(r"^\d+:|\+.*|-[^-]*$", "", p.candidate.version) for p in found]
    return [f"{p.name.split('-', 2)[2]};{version};apt" for p, version in zip(found, versions, strict=True)]


def change(method: str, names: Sequence[str]) -> list[str]:
    """Mark what apt has of the R packages ``names``, commit in one transaction, return those it has not."""
    beginnings = prefixes()
    cache = refreshed()
    left = []
    for name in names:
        known = [prefix + name.lower() for prefix in beginnings if prefix + name.lower() in cache]
        for candidate in known[:1]:
            getattr(cache[candidate], method)()
        if not known:
            left.append(name)
    cache.commit(apt.progress.text.AcquireProgress(sys.stdout))
    return left


def install(names: Sequence[str]) -> list[str]:
    return change("mark_install", names)


def remove(names: Sequence[str]) -> list[str]:
    return change("mark_delete", names)


METHODS = {method.__name__: method for method in (discover, available, install, remove)}


def serve() -> None:
    import dbus
    import dbus.mainloop.glib
    import dbus.service
    from gi.repository import GLib

    class Failed(dbus.DBusException):
        _dbus_error_name = INTERFACE + ".Failed"

    def answer(method: str, pid: int, names: Sequence[str] = ()) -> list[str]:
        signal.alarm(0)
        try:
            with open(f"/proc/{pid}/fd/2", "w") as stream, contextlib.redirect_stdout(stream):
                print(f"{method.capitalize()} system packages...", flush=True)
                return METHODS[method](names)
        except Exception as error:  # noqa: BLE001 whatever it is goes to the caller
            raise Failed(str(error)) from error
        finally:
            signal.alarm(IDLE)

    class PackageManager(dbus.service.Object):
        @dbus.service.method(INTERFACE, in_signature="i", out_signature="")
        def discover(self, pid: int) -> None:
            answer("discover", pid)

        @dbus.service.method(INTERFACE, in_signature="i", out_signature="as")
        def available(self, pid: int) -> Any:
            return dbus.Array(answer("available", pid), signature="s")

        @dbus.service.method(INTERFACE, in_signature="ias", out_signature="as")
        def install(self, pid: int, names: Sequence[str]) -> Any:
            return dbus.Array(answer("install", pid, names), signature="s")

        @dbus.service.method(INTERFACE, in_signature="ias", out_signature="as")
        def remove(self, pid: int, names: Sequence[str]) -> Any:
            return dbus.Array(answer("remove", pid, names), signature="s")

    # Before the name is taken, and so within the bus's time limit for activation, as in CRAN's bspm.
    prefixes()
    loop = GLib.MainLoop()
    for number in (signal.SIGALRM, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *ignored: loop.quit())
    dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
    bus = dbus.SystemBus()
    bus.request_name(NAME)
    manager = PackageManager(bus, PATH)
    signal.alarm(IDLE)
    loop.run()
    manager.remove_from_connection()


def main() -> None:
    # The system bus starts it with an empty environment; dpkg needs a PATH.
    os.environ.setdefault("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--answer", help="file for the answer, a name a line")
    parser.add_argument("method", nargs="?", choices=sorted(METHODS))
    parser.add_argument("names", nargs="*")
    arguments = parser.parse_args()
    if not arguments.method:
        serve()
        return
    answer = METHODS[arguments.method](arguments.names)
    if arguments.answer:
        pathlib.Path(arguments.answer).write_text("".join(name + "\n" for name in answer))


if __name__ == "__main__":
    main()
