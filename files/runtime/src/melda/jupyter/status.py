"""What the page shows of the container: ``GET /melda-jupyter/status``, for our extension of JupyterLab.

The extension is files/jupyter/labextension; it shows the sentences as they come.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from typing import Any, Dict, List, Mapping

from tornado import web

from melda.base.paths import DATA, HEALTH_SOCKET, MOUNT_STATE
from melda.jupyter import storage_calls
from melda.web import probe

PATH = "melda-jupyter/status"
HANDLERS = "jupyter_server.base.handlers"
SECONDS = 5.0  # for the version service's answer
SLOW = 10.0  # seconds for which a file call may take without a word; S3 takes large files in less
WELL = ("ok", "not installed", "is not watched")
KEEP_OPEN = "Keep this page open: cells run, and what you save is written when it does."

Notice = Dict[str, str]


def _notice(id: str, level: str, text: str) -> Notice:
    return {"id": id, "level": level, "text": text}


def _clock(moment: float) -> str:
    return time.strftime("%H:%M:%S UTC", time.gmtime(moment))


def _of_storage(mount: str, waited: float, now: float, changed: float) -> List[Notice]:
    since = _clock(now - waited if waited > SLOW else changed or now)
    if mount and mount not in WELL:
        does, _, reason = mount.partition(": ")
        why = f" ({reason})" if reason else ""
        text = f"The project's storage {does} since {since}{why}. Nothing in this page is lost yet. {KEEP_OPEN}"
        return [_notice("storage", "error", text)]
    if waited > SLOW:
        text = f"The project's storage has been working on a file since {since}. {KEEP_OPEN}"
        return [_notice("storage", "warning", text)]
    return []


def notices(found: Mapping[str, str], waited: float = 0.0, now: float = 0.0, changed: float = 0.0) -> List[Notice]:
    """Return what people should know, most urgent first.

    Args:
        found: what ``/healthz`` reports.
        waited: seconds for which the oldest file call has been waiting.
        now: seconds since 1970.
        changed: when the mount's state changed last.
    """
    shown = _of_storage(found.get("mount", ""), waited, now, changed)
    if found.get("data", "ok") not in WELL:
        state = found["data"].partition(":")[0]
        text = f"The storage of {DATA} {state}. What reads there waits or fails; your project does not."
        shown.append(_notice("data", "warning", text))
    if found.get("memory"):
        text = f"Memory: {found['memory']}. A notebook whose kernel it was has lost its variables."
        shown.append(_notice("memory", "warning", text))
    packages = found.get("plugins", "")
    if packages.startswith("failed"):
        shown.append(_notice("packages", "warning", f"Packages that you installed are not saved ({packages})."))
    elif packages.startswith("restoring"):
        shown.append(_notice("packages", "info", "Your packages are being restored: cells that need them wait."))
    elif packages.startswith("saving"):
        shown.append(_notice("packages", "info", "What you installed is being saved: do not stop the container yet."))
    for name, text in (("upgrade", "carried over from an older Python or R"), ("fork", "copied from another project")):
        if found.get(name, "").startswith(("waiting", "installing")):
            shown.append(_notice(name, "info", f"Packages are being {text} ({found[name]})."))
    return shown


def health(socket: str = HEALTH_SOCKET) -> Dict[str, str]:
    """Return what the version service reports; nothing if it does not answer: then there is nothing to show."""
    with contextlib.suppress(OSError, ValueError):
        found = json.loads(probe.get(socket, "/healthz", SECONDS)[1])
        return {str(name): str(line) for name, line in found.items()} if isinstance(found, dict) else {}
    return {}


def _changed(path: str = MOUNT_STATE) -> float:
    with contextlib.suppress(OSError):
        return os.stat(path).st_mtime
    return 0.0


def offer(application: Any) -> None:
    """Let a Jupyter answer, to whom it lets in."""
    module: Any = sys.modules.get(HANDLERS)
    if module is None or "base_url" not in getattr(application, "settings", {}):
        return

    class Status(module.APIHandler):  # type: ignore[misc]
        """Asked again and again by every page, so it is no sign that anybody works."""

        auth_resource = "server"
        _track_activity = False

        @web.authenticated
        async def get(self) -> None:
            # Before it is asked: that takes a thread, too.
            waited, now = storage_calls.longest(), time.time()
            found: Dict[str, str] = {}
            with contextlib.suppress(web.HTTPError):  # too many wait; that is what is shown then
                found = await storage_calls.run(health)
            self.set_header("Cache-Control", "no-store")
            self.finish(json.dumps({"notices": notices(found, waited, now, _changed())}))

    application.add_handlers(".*", [(application.settings["base_url"] + PATH, Status)])
