"""A kernel that could not be started is forgotten: Jupyter keeps its number, looks for it at the stop, and then does not end.

It happens to whoever opens a notebook of a kernel that is not here. jupyter_client's ``MultiKernelManager`` takes the number out
of ``_pending_kernels`` where the start succeeds, and its ``shutdown_all`` asks for each that is left; jupyter_server answers 404:
https://github.com/jupyter/jupyter_client/blob/v8.6.3/jupyter_client/multikernelmanager.py#L228-L237
"""

from __future__ import annotations

import sys
from typing import Any, Awaitable, Callable

MODULE, METHOD = "jupyter_client.multikernelmanager", "_add_kernel_when_ready"


def install() -> None:
    """Let the Jupyter that was loaded forget them."""
    manager: Any = getattr(sys.modules.get(MODULE), "MultiKernelManager", None)
    add = getattr(manager, METHOD, None)
    if add is not None:
        setattr(manager, METHOD, _forgotten(add))


def _forgotten(add: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    async def add_kernel_when_ready(self: Any, kernel_id: str, *rest: Any) -> None:
        await add(self, kernel_id, *rest)
        if kernel_id not in self._kernels:  # a failure is logged, and not raised
            self._pending_kernels.pop(kernel_id, None)

    return add_kernel_when_ready
