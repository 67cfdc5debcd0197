"""The D-Bus service ``org.r_project.linux1``, as bspm's R code calls it (https://cran.r-project.org/package=bspm).

In place of bspm's own, which writes as root to whatever a caller names, needs CAP_SYS_PTRACE for it, lets anybody
remove any R package of the image, and follows apt's Recommends.
"""
# dbus and gi are the distribution's, without types.
# mypy: disable-error-code="import-not-found, import-untyped, misc, untyped-decorator, unused-ignore"

from __future__ import annotations

import signal
import sys
import time
from typing import Any, Callable, List

# The distribution's packages, which -S hides.
sys.path.append("/usr/lib/python3/dist-packages")

import dbus
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

from melda.base import oom, textfiles
from melda.base.paths import BUS_INTERFACE, BUS_NAME, BUS_PATH
from melda.bspm import packages, relay

NAME = BUS_NAME
PATH = BUS_PATH
INTERFACE = BUS_INTERFACE
IDLE = 600  # seconds without a call after which it ends; the bus starts it again
STAY = "--stay"  # FILE, arguments: it does not end, because the bus cannot start it, and says in FILE that it serves
SERVES = "ok"
BUS_SECONDS = 5.0  # until the bus must answer that is started beside it


class Failed(dbus.DBusException):
    """What the caller is told."""

    _dbus_error_name = INTERFACE + ".PackageManagerException"


def _bus() -> Any:
    deadline = time.monotonic() + BUS_SECONDS
    while True:
        try:
            return dbus.SystemBus()
        except dbus.DBusException:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.05)


def main() -> int:
    """Serve until nobody has called for a while; with ``--stay FILE``, for ever."""
    stay = sys.argv[1:2] == [STAY]
    oom.offer()  # apt above all: what it was installing is installed again, a notebook is not
    dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
    try:
        bus = _bus()
    except dbus.DBusException as error:
        sys.stderr.write(f"bspm-service: the system bus does not answer: {error.get_dbus_message()}\n")
        return 1
    loop = GLib.MainLoop()
    for number in (signal.SIGALRM, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: loop.quit())

    def answer(sender: str, pid: int, action: Callable[[packages.Say], List[str]]) -> Any:
        signal.alarm(0)
        try:
            with relay.to(int(bus.get_unix_user(sender)), int(pid)) as say:
                return dbus.Array(action(say), signature="s")
        except (packages.Failed, ValueError, OSError) as error:
            raise Failed(str(error)) from None
        finally:
            signal.alarm(0 if stay else IDLE)

    class PackageManager(dbus.service.Object):
        @dbus.service.method(INTERFACE, in_signature="i", out_signature="", sender_keyword="sender")
        def discover(self, pid: int, sender: str = "") -> None:
            """How apt names R packages is known: nothing to find out."""

        @dbus.service.method(INTERFACE, in_signature="i", out_signature="as", sender_keyword="sender")
        def available(self, pid: int, sender: str = "") -> Any:
            def action(say: packages.Say) -> List[str]:
                packages.refresh(say)
                return packages.available()

            return answer(sender, pid, action)

        @dbus.service.method(INTERFACE, in_signature="ias", out_signature="as", sender_keyword="sender")
        def install(self, pid: int, asked: List[str], sender: str = "") -> Any:
            return answer(sender, pid, lambda say: packages.install(asked, say))

        @dbus.service.method(INTERFACE, in_signature="ias", out_signature="as", sender_keyword="sender")
        def remove(self, pid: int, asked: List[str], sender: str = "") -> Any:
            return answer(sender, pid, lambda say: packages.remove(asked, say))

    name = dbus.service.BusName(NAME, bus, do_not_queue=True)
    manager = PackageManager(name, PATH)
    if stay:
        textfiles.write_if_changed(sys.argv[2], SERVES)
    else:
        signal.alarm(IDLE)
    loop.run()
    manager.remove_from_connection()
    return 0


if __name__ == "__main__":
    sys.exit(main())
