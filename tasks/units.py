"""A machine's services: systemd units in place of the container's start-jupyter. Where systemd does not run: nothing."""

from __future__ import annotations

from typing import Dict, Generator, List

from pyinfra import host
from pyinfra.api import FactBase, StringCommand, deploy, operation

from tasks.lib import facts, files
from tasks.lib.workplace import Command

FOLDER = "/etc/systemd/system"
SETTINGS = "/etc/melda-jupyter/settings.env"
TARGET = "melda.target"
SERVICES = ("firewall", "mount", "plugins", "versions", "jupyter")
UNITS = (TARGET, *("melda-{0}.service".format(name) for name in SERVICES))
# What shows that all is well: the mount and the packages are what Jupyter is bound to.
_STARTED = "melda.target melda-versions.service melda-jupyter.service"


class State(FactBase[Dict[str, str]]):
    """What systemd says of our units: ``enabled``, ``active`` (all of them are), ``stale`` (their files were changed); each
    ``yes`` or left out. Empty where systemd does not run, as in an image, but for ``machine``."""

    def command(self) -> str:
        names = " ".join(UNITS)
        return (
            "[ -d /run/systemd/system ] || exit 0; echo machine;"
            " systemctl is-enabled --quiet {0} 2>/dev/null && echo enabled;"
            " systemctl is-active {1} | grep -qvx active || echo active;"
            " systemctl show --property NeedDaemonReload {1} | grep -qx NeedDaemonReload=yes && echo stale; true"
        ).format(TARGET, names)

    @staticmethod
    def default() -> Dict[str, str]:
        return {}

    def process(self, output: List[str]) -> Dict[str, str]:
        return dict.fromkeys(output, "yes")


def entries(src: str) -> List[files.Entry]:
    """The units.

    Args:
        src: where the runtime's programs are.
    """
    found: List[files.Entry] = []
    for name in UNITS:
        text = files.source("units/systemd/" + name).decode().replace("@SRC@", src).replace("@SETTINGS@", SETTINGS)
        found.append(files.Entry("{0}/{1}".format(FOLDER, name), text.encode()))
    return found


@operation()
def installed(src: str) -> Generator[Command, None, None]:
    """Put the units in place, and a file of settings where there is none.

    Args:
        src: where the runtime's programs are.
    """
    if not facts.get(State):
        return
    wanted = entries(src)
    folder = files.Entry(SETTINGS.rsplit("/", 1)[0], mode="755")
    present = facts.at(files.Paths, [entry.path for entry in wanted] + [folder.path, SETTINGS])
    wanted.append(folder)
    written = present.get(SETTINGS)
    if written is None:
        wanted.append(files.Entry(SETTINGS, files.source("units/settings.env"), mode="600"))
    yield from files.changes(wanted, present)
    # It holds keys: whoever wrote it may have left it open.
    if written and written[1:4] != ("600", "root", "root"):
        yield StringCommand("chown root:root {0} && chmod 600 {0}".format(SETTINGS))


@operation()
def running() -> Generator[Command, None, None]:
    """Have the units enabled and started. What runs is not started again: people's notebooks run in it."""
    state = facts.get(State)
    if not state:
        return
    if "stale" in state:
        yield StringCommand("systemctl daemon-reload")
    if "enabled" not in state:
        yield StringCommand("systemctl daemon-reload && systemctl --quiet enable {0}".format(TARGET))
    if "active" not in state:
        # The journal says in one line which setting is not right.
        yield StringCommand(
            "systemctl start {0} || {{ journalctl --quiet --no-pager --lines 20 --output cat --unit 'melda-*' |"
            " grep -v token= >&2;"
            " false; }}".format(_STARTED)
        )


@deploy("Units")
def units() -> None:
    installed(name="Install the systemd units of a machine", src=host.data.src)
    running(name="Enable and start the units")
