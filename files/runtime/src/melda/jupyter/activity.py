"""What Jupyter's server knows of its kernels, for who asks on the health check's socket: no token is needed there."""

from __future__ import annotations

import json
import os
import socket
import sys
from typing import Any, Callable, Dict

from tornado import web

from melda.jupyter import service as jupyter

READS = ("GET", "HEAD", "OPTIONS")
LAYOUT = "/lab/api/workspaces/"  # of a page
# Where the class is that notes activity: jupyter_server's, and notebook 6's.
HANDLERS = ("jupyter_server.base.handlers", "notebook.base.handlers")


def install() -> None:
    """Let only what changes something be activity: each open page asks for kernels, sessions and its folder every ten seconds.

    It saves its layout as often. Jupyter leaves out what says ``no_track_activity``, which JupyterLab says of none of these. An
    opened notebook makes a session, and kernels note by themselves what they do.
    """
    for name in HANDLERS:
        handler: Any = getattr(sys.modules.get(name), "APIHandler", None)
        if handler is not None:
            handler.update_api_activity = _of_changes(handler.update_api_activity)


def _of_changes(update: Callable[[Any], None]) -> Callable[[Any], None]:
    def update_api_activity(self: Any) -> None:
        if self.request.method not in READS and LAYOUT not in self.request.path:
            update(self)

    return update_api_activity


def state(application: Any) -> Dict[str, float]:
    """Return how many kernels there are, how many compute, when anybody did anything last, and the number of this process."""
    kernels = application.settings["kernel_manager"].list_kernels()
    return {
        "kernels": len(kernels),
        # By what the kernel itself says: one that prints nothing for hours is busy all the same.
        "busy": sum(kernel.get("execution_state") == "busy" for kernel in kernels),
        "last_activity": application.last_activity().timestamp(),
        "pid": os.getpid(),
    }


class Activity(web.RequestHandler):
    """Answer on a Unix socket, which is the user's alone; there is nothing here for anybody else."""

    def check_xsrf_cookie(self) -> None:
        """Nothing is changed."""

    def get(self) -> None:
        connection: Any = self.request.connection
        if connection.stream.socket.family != socket.AF_UNIX:
            raise web.HTTPError(404)
        try:
            found = state(self.application)
        # A kernel that is being started has no time of its last activity yet, and Jupyter stops at it.
        except Exception as error:
            raise web.HTTPError(503, "what kernels do is not known now: %r", error) from error
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(found))


def offer(application: Any) -> None:
    """Let an application answer, if it is one of tornado's with kernels: Jupyter has others."""
    if isinstance(application, web.Application) and "kernel_manager" in application.settings:
        application.add_handlers(".*", [(jupyter.ACTIVITY, Activity)])
