"""Our units under systemd; where it does not run, as in an image, nothing."""

from __future__ import annotations

import shlex
from typing import Generator, Sequence

from pyinfra import host
from pyinfra.api import StringCommand, operation

from tasks.facts.files import PathStats
from tasks.facts.server import LedTo, OpenToOthers
from tasks.facts.systemd import UnitStates
from tasks.lib import managed_files
from tasks.lib.managed_files import ManagedFile
from tasks.lib.staging import Command, refuse


def _closed(settings: ManagedFile, path: str) -> StringCommand:
    quoted = shlex.quote(path)
    return StringCommand(f"chown root:root {quoted} && chmod {settings.mode} {quoted}")


@operation()
def units(
    units: Sequence[str], entries: Sequence[ManagedFile], settings: ManagedFile
) -> Generator[Command, None, None]:
    """Put units in place, and a file of settings where there is none.

    pyinfra's files.put would write over what people have set.
    """
    if not host.get_fact(UnitStates, units=units):
        return
    present = host.get_fact(PathStats, paths=[entry.path for entry in (*entries, settings)])
    found = present.get(settings.path, ("",))
    written = found[0] in ("file", "link")  # a link leads to a file: else the run was refused
    yield from managed_files.diff([*entries] if written else [*entries, settings], present)
    # It holds keys: whoever wrote it may have left it open.
    if found[0] == "file" and found[1:4] != (settings.mode, "root", "root"):
        yield _closed(settings, settings.path)
    elif found[0] == "link" and host.get_fact(OpenToOthers, path=settings.path):
        led = host.get_fact(LedTo, path=settings.path)
        if led:
            yield _closed(settings, led[0])
        else:
            yield refuse(
                f"{settings.path} is a link to {found[1]}, which others than root can read: expected a file, or a link"
                " straight to one that is root's alone, as all above it"
            )


@operation()
def running(units: Sequence[str], started: Sequence[str]) -> Generator[Command, None, None]:
    """Have units enabled and started. What runs is not started again: people's notebooks run in it.

    pyinfra's systemd.service counts daemon_reload as a change each time, and does not say why a unit did not start.

    Args:
        units: their names; the first, a target, is enabled.
    """
    state = host.get_fact(UnitStates, units=units)
    if not state:
        return
    if "stale" in state:
        yield StringCommand("systemctl daemon-reload")
    if "enabled" not in state:
        yield StringCommand(f"systemctl daemon-reload && systemctl --quiet enable {units[0]}")
    if "active" not in state:
        # The journal says in one line which setting is invalid.
        yield StringCommand(
            f"systemctl start {' '.join(started)} ||"
            " { journalctl --quiet --no-pager --lines 20 --output cat --unit 'melda-*' | grep -v token= >&2; false; }"
        )
