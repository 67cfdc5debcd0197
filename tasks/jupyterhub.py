"""What Jupyter needs to run behind a JupyterHub, which then says who may use it; nothing unless it is asked for."""

from __future__ import annotations

from pyinfra import host
from pyinfra.api import deploy

from tasks.lib import files, python
from tasks.lib.release import target


def lock() -> bytes:
    """The lock for the Python of the target's release: what Jupyter's own does not have."""
    return files.source("jupyterhub/locks/{0}.txt".format(target().release.python))


@deploy("JupyterHub")
def jupyterhub() -> None:
    if host.data.jupyterhub:
        python.locked(name="Install JupyterHub's side of a notebook", env=host.data.python_env, lock=lock())
