"""Jupyter in a virtual environment, the R kernel beside the Python one, and the configuration file."""

from __future__ import annotations

import shlex
from typing import Generator, List

from pyinfra import host
from pyinfra.api import FactBase, StringCommand, deploy, operation

from tasks.lib import apt, debian, facts, files, python
from tasks.lib.release import target

R_KERNEL = "/usr/local/share/jupyter/kernels/ir/kernel.json"
CONFIGURATION = "jupyter/jupyter_notebook_config.py"
PYTHON_KERNEL = "share/jupyter/kernels/python3"  # in the environment, where ipykernel puts its own kernel.json


class HasRKernel(FactBase[bool]):
    """Is the R kernel registered for all users?"""

    def command(self) -> str:
        return "[ -s {0} ] && echo yes || true".format(R_KERNEL)

    @staticmethod
    def default() -> bool:
        return False

    def process(self, output: List[str]) -> bool:
        return output == ["yes"]


@operation()
def r_kernel(env: str) -> Generator[StringCommand, None, None]:
    """Register the R kernel system-wide, with the ``jupyter`` of ``env``."""
    if not facts.get(HasRKernel):
        yield StringCommand(
            "PATH={0}/bin:$PATH Rscript --vanilla -e 'IRkernel::installspec(user=FALSE)'".format(shlex.quote(env))
        )


def lock(name: str) -> bytes:
    """The lock ``name`` for the Python of the target's release."""
    return files.source("packages/locks/{0}-{1}.txt".format(name, target().release.python))


@deploy("Jupyter")
def jupyter() -> None:
    env = host.data.python_env
    apt.installed(name="Install Python and R's kernel", packages=debian.PACKAGES["system"] + debian.PACKAGES["r"])
    python.locked(
        name="Install Jupyter and the version service's packages",
        env=env,
        lock=lock("none"),
        # The meta-package's jupyter.py is an old copy of jupyter_core's.
        first=["jupyter"],
    )
    r_kernel(name="Register the R kernel", env=env)
    packages = "{0}/lib/python{1}/site-packages".format(env, target().release.python)
    files.installed(
        name="Let Python find the user's own packages, and its kernel start whatever they are",
        entries=[
            files.Entry(
                "{0}/melda_plugins.{1}".format(packages, ending), files.source("jupyter/melda_plugins." + ending)
            )
            for ending in ("py", "pth")
        ]
        + [
            files.Entry("{0}/{1}/{2}".format(env, PYTHON_KERNEL, name), files.source("jupyter/" + name))
            for name in ("kernel.py", "kernel.json")
        ],
    )
    configuration = files.source(CONFIGURATION)
    files.installed(
        name="Configure Jupyter, under the names that notebook 6 and 7 read",
        entries=[files.Entry("/etc/jupyter", mode="755")]
        + [
            files.Entry("/etc/jupyter/jupyter_{0}_config.py".format(reader), configuration)
            for reader in ("notebook", "server")
        ],
    )
