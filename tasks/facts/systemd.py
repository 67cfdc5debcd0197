"""Our units under systemd."""

from __future__ import annotations

from typing import Dict, List, Sequence

from pyinfra.api import FactBase


class UnitStates(FactBase[Dict[str, str]]):
    """What systemd says of units: ``enabled`` (the first is), ``active`` (all are), ``stale`` (their files were changed); each
    ``yes`` or missing. Empty where systemd does not run, as in an image, but for ``host``.

    pyinfra's SystemdStatus and SystemdEnabled fail where systemd does not run, and do not say which units are stale.
    """

    def command(self, units: Sequence[str]) -> str:
        names = " ".join(units)
        return (
            "[ -d /run/systemd/system ] || exit 0; echo host;"
            f" systemctl is-enabled --quiet {units[0]} 2>/dev/null && echo enabled;"
            f' [ "$(systemctl is-active {names} | grep -cx active)" != {len(units)} ] || echo active;'
            f" systemctl show --property NeedDaemonReload {names} | grep -qx NeedDaemonReload=yes && echo stale; true"
        )

    default = dict

    def process(self, output: List[str]) -> Dict[str, str]:
        return dict.fromkeys(output, "yes")
