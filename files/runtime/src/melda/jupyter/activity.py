"""What Jupyter's server knows of its kernels, for who asks on the health check's socket: no token is needed there."""

from __future__ import annotations

import json
import socket
from typing import Any, Dict

from tornado import web

from melda.jupyter import service as jupyter


def state(application: Any) -> Dict[str, float]:
    """Return how many kernels there are, how many compute, and when anybody did anything last.

    Args:
        application: Jupyter's, of notebook 6 or of jupyter_server.
    """
    kernels = application.settings["kernel_manager"].list_kernels()
    return {
        "kernels": len(kernels),
        # By what the kernel itself says: one that prints nothing for hours is busy all the same.
        "busy": sum(kernel.get("execution_state") == "busy" for kernel in kernels),
        "last_activity": application.last_activity().timestamp(),
    }


class Activity(web.RequestHandler):
    """Answer on a Unix socket, which is the user's alone; there is nothing here for anybody else."""

    def check_xsrf_cookie(self) -> None:
        """Nothing is changed."""

    def get(self) -> None:
        connection: Any = self.request.connection
        if connection.stream.socket.family != socket.AF_UNIX:
            raise web.HTTPError(404)
        self.set_header("Content-Type", "application/json")
        self.finish(json.dumps(state(self.application)))


def offer(application: Any) -> None:
    """Let an application answer, if it is one of tornado's with kernels: Jupyter has others."""
    if isinstance(application, web.Application) and "kernel_manager" in application.settings:
        application.add_handlers(".*", [(jupyter.ACTIVITY, Activity)])
