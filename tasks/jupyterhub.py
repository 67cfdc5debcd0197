"""What Jupyter needs to run behind a JupyterHub, which then says who may use it; nothing unless it is asked for."""

from __future__ import annotations

from pyinfra import host

from tasks import jupyter
from tasks.lib.managed_files import source
from tasks.lib.release import target
from tasks.settings import deploy


def lock() -> bytes:
    """Read the lock for the Python of the target's release: what Jupyter's own does not have."""
    return source(f"jupyterhub/locks/{target().release.python}.txt")


@deploy("JupyterHub")
def jupyterhub() -> None:
    if host.data.jupyterhub:
        jupyter.install("Install JupyterHub's side of a notebook", lock())
