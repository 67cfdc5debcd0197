"""What is going on in a container, and since when nothing is: ``GET /activity``."""

from __future__ import annotations

import contextlib
import json
import os
import time
from typing import Any, Dict, List, Optional

from melda.base import procfs
from melda.boot import health
from melda.jupyter import service as jupyter
from melda.plugins import state
from melda.sync.on_disk import installers
from melda.web import probe

PAUSE = 5.0  # seconds between two looks
# Processors. Idle kernels and an open page take less; a program on a host that is much too full may get no more.
BUSY = 0.03
SECONDS = 3.0  # for Jupyter's answer
QUIET_STAGES = ("saved", "kept", "not kept")  # of the sync daemon's line
LONGEST = 200  # characters of an installer's command line

Json = Dict[str, Any]


def of_jupyter() -> Optional[Json]:
    """Return what Jupyter says of its kernels; None: it does not answer, and may be doing anything."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, OverflowError):
        status, body = probe.get(jupyter.SOCKET, jupyter.ACTIVITY, SECONDS)
        found = json.loads(body)
        return {
            "kernels": int(found["kernels"]),
            "busy": int(found["busy"]),
            "last_activity": float(found["last_activity"]),
            "pid": int(found["pid"]),
        } if status == 200 else None  # fmt: skip
    return None


class Activity:
    """Looks now and then, and remembers when it last saw anything."""

    def __init__(self, uid: int, variables: Dict[str, str], now: float) -> None:
        self._meter = procfs.Meter(uid)
        self._forks = bool(variables.get("FORK_OF"))
        self._last = now
        self._installs = 0
        self.found: Json = {}

    def look(self, now: float) -> Json:
        """Look once.

        Returns:
            What was found; ``active`` names each reason why the container is not idle, ``idle_seconds`` is how long there
            was none.
        """
        processes = list(procfs.table())
        terminals = procfs.terminals(processes)
        kernels = of_jupyter()
        # Of what serves requests, strangers' too, the user is not the one who computes: the user's own are in last_activity.
        servers = (os.getpid(), kernels["pid"] if kernels else 0)
        plugins = health.read_state(state.STATE)
        found: Json = {
            "kernels": kernels["kernels"] if kernels else None,
            "busy_kernels": kernels["busy"] if kernels else None,
            "cpu": round(self._meter.read(processes, time.monotonic(), servers), 3),
            "installing": health.printable(installers.running(), LONGEST) or self._fork(),
            "packages": plugins or "not kept",
            "terminals": len(terminals),
            "ssh": procfs.connections(),
        }
        # A short one between two looks is not seen.
        self._installs += bool(found["installing"]) and not self.found.get("installing")
        found["installs"] = self._installs
        found["active"] = active = self._reasons(found)
        used = max(kernels["last_activity"] if kernels else 0.0, procfs.last_used(terminals))
        # A clock that was set back, or a time from the future, makes nobody busy for ever.
        self._last = now if active else max(self._last, min(used, now))
        found["idle_seconds"] = max(0.0, round(now - self._last, 1))
        self.found = found
        return found

    def _fork(self) -> str:
        line = health.read_state(state.FORK) if self._forks else ""
        return line if line.startswith(("waiting", "installing")) else ""

    @staticmethod
    def _reasons(found: Json) -> List[str]:
        reasons = {
            "Jupyter does not say what its kernels do": found["kernels"] is None,
            "a kernel is busy": bool(found["busy_kernels"]),
            "a process computes": found["cpu"] >= BUSY,
            "something is being installed": bool(found["installing"]),
            "packages are not saved": not found["packages"].startswith(QUIET_STAGES),
            "somebody is connected by ssh": found["ssh"] > 0,
        }
        return [reason for reason, holds in reasons.items() if holds]

    def watch(self) -> None:
        """Look for ever; for a thread of its own."""
        while True:
            with contextlib.suppress(OSError):  # no descriptor is left, say
                self.look(time.time())
            time.sleep(PAUSE)
