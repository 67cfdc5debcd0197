"""The image's kernels are reached through sockets in Jupyter's runtime folder, which only the user may enter, not through ports.

Whoever shares the container's network (a pod's other containers, users of a host) could read at a port what a kernel shows, which
needs no key; and two kernels that start at once could be given the same port. Other kernels keep ports: not all know sockets.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from typing import Any

MODULE = "jupyter_server.services.kernels.kernelmanager"
PORTS, SOCKETS = "tcp", "ipc"
KEY = "melda_jupyter"  # in the metadata of kernel.json


def install() -> None:
    """Let the Jupyter that was loaded start them so. A setting (``KernelManager.transport``) has the last word."""
    manager: Any = getattr(sys.modules.get(MODULE), "ServerKernelManager", None)
    if manager is not None:
        # traitlets looks for a default under this name.
        manager._transport_default = chosen


def chosen(manager: Any) -> str:
    """Return the transport of one kernel."""
    # Whatever a description holds that is not ours.
    with contextlib.suppress(Exception):
        if manager.kernel_spec.metadata[KEY]["transport"] == SOCKETS:
            # As jupyter_client names its five, from 1 on.
            _bind(os.path.splitext(manager.connection_file)[0] + "-ipc-0")
            return SOCKETS
    return PORTS


def _bind(path: str) -> None:
    """Make a socket and remove it again.

    Raises:
        OSError: there can be none: the path is too long (unix(7)), or the file system takes none.
    """
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as made:
        made.bind(path)
    os.unlink(path)
