"""Jupyter in a virtual environment, the R kernel beside the Python one, and the configuration file."""

from __future__ import annotations

from pyinfra import host
from pyinfra.facts.files import File

from tasks.debian_packages import PACKAGES
from tasks.lib.fact_cache import prefetch
from tasks.lib.managed_files import ManagedFile, source, tree
from tasks.lib.release import target
from tasks.operations import apt, managed_files, r, venv
from tasks.settings import deploy

R_KERNEL = "/usr/local/share/jupyter/kernels/ir/kernel.json"
PYTHON_KERNEL = "share/jupyter/kernels/python3"  # in the environment, where ipykernel puts its own kernel.json


def lock(name: str) -> bytes:
    """Read the lock ``name`` for the Python of the target's release."""
    return source(f"packages/locks/{name}-{target().release.python}.txt")


def _programs() -> None:
    env = host.data.python_env
    apt.packages(name="Install Python and R's kernel", packages=PACKAGES["system"] + PACKAGES["r"])
    venv.packages(
        name="Install Jupyter and the version service's packages",
        env=env,
        lock=lock("none"),
        # The meta-package's jupyter.py is an old copy of jupyter_core's.
        first=["jupyter"],
    )
    prefetch(File, path=R_KERNEL)
    r.kernel(name="Register the R kernel", env=env, path=R_KERNEL)


@deploy("Jupyter")
def programs() -> None:
    """Install Jupyter and the kernels, without a file of ours: what changes seldom."""
    _programs()


@deploy("Jupyter")
def jupyter() -> None:
    _programs()
    env = host.data.python_env
    site = f"{env}/lib/python{target().release.python}/site-packages"
    managed_files.put(
        name="Let Python find the user's own packages, and its kernel start whatever they are",
        entries=[
            *(
                ManagedFile(f"{site}/{name}", source("jupyter/" + name))
                for name in ("melda_plugins.py", "melda_plugins.pth")
            ),
            *(
                ManagedFile(f"{env}/{PYTHON_KERNEL}/{name}", source("jupyter/" + name))
                for name in ("kernel.py", "kernel.json")
            ),
        ],
    )
    configuration = source("jupyter/jupyter_notebook_config.py")
    managed_files.put(
        name="Configure Jupyter, under the names that notebook 6 and 7 read",
        entries=[
            ManagedFile("/etc/jupyter", mode="755"),
            ManagedFile("/etc/jupyter/jupyter_notebook_config.py", configuration),
            ManagedFile("/etc/jupyter/jupyter_server_config.py", configuration),
            *tree("jupyter/templates", "/etc/jupyter/templates"),
        ],
    )
