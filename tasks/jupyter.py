"""Jupyter in a virtual environment, the R kernel beside the Python one, and the configuration file."""

from __future__ import annotations

from typing import Dict, Sequence

from melda.base.paths import RPROFILE
from pyinfra import host

from tasks.debian_packages import PACKAGES
from tasks.facts.files import PathStats
from tasks.lib import managed_list
from tasks.lib.fact_cache import prefetch
from tasks.lib.managed_files import ManagedFile, source, tree
from tasks.lib.release import target
from tasks.operations import apt, managed_files, r, venv
from tasks.settings import deploy

# What every R reads: what is shown in cells, and what Debian's packages of R lack.
FOR_R = ("cells.R", "debian.R")
R_KERNEL = "/usr/local/share/jupyter/kernels/ir/kernel.json"
EXTENSIONS = "/usr/local/share/jupyter/labextensions"
IRKERNEL = "/usr/lib/R/site-library/IRkernel/kernelspec"
PYTHON_KERNEL = "share/jupyter/kernels/python3"  # in the environment, where ipykernel puts its own kernel.json


def lock(name: str) -> bytes:
    """Read the lock ``name`` for the Python of the target's release."""
    return source(f"packages/locks/{name}-{target().release.python}.txt")


def ours() -> Dict[str, str]:
    """Name our own files in the environment: path, and the file in files/jupyter."""
    env = host.data.python_env
    site = f"{env}/lib/python{target().release.python}/site-packages"
    return {
        **{f"{site}/{name}": name for name in ("melda_plugins.py", "melda_plugins.pth", "uv.py")},
        **{f"{env}/{PYTHON_KERNEL}/{name}": name for name in ("kernel.py", "kernel.json")},
    }


def install(name: str, lock: bytes, first: Sequence[str] = ()) -> None:
    """Install a lock's packages in the environment, beside our own files."""
    venv.packages(name, host.data.python_env, lock, list(ours()), first)


def _programs() -> None:
    apt.packages(name="Install Python and R's kernel", packages=PACKAGES["system"] + PACKAGES["r"])
    # The meta-package's jupyter.py is an old copy of jupyter_core's.
    install("Install Jupyter and the version service's packages", lock("none"), first=["jupyter"])
    prefetch(PathStats, paths=r.kernel_paths(R_KERNEL, IRKERNEL))
    kernel = ManagedFile(R_KERNEL, source("jupyter/ir/kernel.json"))
    managed_list.keep([kernel])
    r.kernel(name="Register the R kernel", entry=kernel, source=IRKERNEL)


@deploy("Jupyter")
def programs() -> None:
    """Install Jupyter and the kernels, without a file of ours: what changes seldom."""
    _programs()


@deploy("Jupyter")
def jupyter() -> None:
    _programs()
    managed_files.put(
        name="Let Python find the user's own packages, and its kernel start whatever they are",
        entries=[ManagedFile(path, source("jupyter/" + name)) for path, name in ours().items()],
    )
    files = {f"{host.data.src}/{name}": source("jupyter/" + name) for name in FOR_R}
    managed_files.put(
        name="Install what R shows in cells, and what it takes from Debian",
        entries=[ManagedFile(host.data.src, mode="755"), *(ManagedFile(path, code) for path, code in files.items())],
    )
    managed_files.block(
        name="Let R read it",
        path=RPROFILE,
        marker="melda-jupyter cells",
        # A kernel starts whatever happens there.
        content="\n".join(f'try(source("{path}", local = TRUE), silent = TRUE)' for path in files),
    )
    configuration = source("jupyter/jupyter_notebook_config.py")
    managed_files.put(
        name="Configure Jupyter, under the names that notebook 6 and 7 read",
        entries=[
            ManagedFile("/etc/jupyter", mode="755"),
            ManagedFile("/etc/jupyter/jupyter_notebook_config.py", configuration),
            ManagedFile("/etc/jupyter/jupyter_server_config.py", configuration),
            *tree("jupyter/templates", "/etc/jupyter/templates"),
            # JupyterLab 4.6 asks whether somebody wants its news, whatever LabApp.news_url says.
            *tree("jupyter/labconfig", "/etc/jupyter/labconfig"),
            ManagedFile(EXTENSIONS, mode="755"),
            *tree("jupyter/labextension", EXTENSIONS + "/melda-status"),
        ],
    )
