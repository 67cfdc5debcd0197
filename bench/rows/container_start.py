"""From `docker start` to Jupyter answering, against Jupyter alone in the same image, and with few and many files in S3."""

from __future__ import annotations

import contextlib
import subprocess
import time
import urllib.request
from collections.abc import Iterator

from bench import project
from bench.alternate import samples
from bench.results import OURS, Result, Target
from bench.workbench import Workbench
from builder import docker as client
from builder.errors import BuildError

NAME = "container-start"
REPEATS = 7
BARE, FEW = "jupyter alone", "10 files"
FILES = {OURS: 10_000, FEW: 10}
NOTE = (
    "Container start: from `docker start` to the first answer of Jupyter's `/api`, asked every 10 ms; ours with a project "
    "of 10,000 files mounted from S3 (moto on the same machine) and the firewall set, and the same with 10 files; the "
    "alternative is `jupyter notebook` as the only process of a container of the same image, with the same configuration and "
    "without any of this."
)
LONGEST = 60.0


def until_it_answers(port: int, began: float) -> float:
    """Seconds from ``began`` until Jupyter answers.

    Raises:
        BuildError: it does not.
    """
    while time.monotonic() - began < LONGEST:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/api", timeout=5) as answer:
            if answer.status == 200:
                return time.monotonic() - began
        time.sleep(0.01)
    raise BuildError(f"Jupyter did not answer within {LONGEST:g} s")


def port_of(workbench: Workbench, container: str) -> int:
    """Return the port of this host that leads to a container's Jupyter."""
    return int(client.call(workbench.docker, "port", container, "8888/tcp").splitlines()[0].rsplit(":", 1)[1])


def start(workbench: Workbench, container: str, began: float) -> float:
    """Start a container; seconds from ``began`` until Jupyter answers."""
    client.call(workbench.docker, "start", container)
    return until_it_answers(port_of(workbench, container), began)


@contextlib.contextmanager
def created(workbench: Workbench, name: str, options: list[str], command: list[str]) -> Iterator[str]:
    """A container that is not started yet; its name."""
    full = f"{workbench.token}-{name}"
    publish = ["--name", full, "--publish", "127.0.0.1::8888"]
    client.call(workbench.docker, "create", *publish, *options, workbench.image(), *command)
    try:
        yield full
    finally:
        subprocess.run([workbench.docker, "rm", "--force", "--volumes", full], capture_output=True, check=False)


def measure(workbench: Workbench, repeats: int) -> list[Result]:
    """Seconds until Jupyter answers."""
    with contextlib.ExitStack() as stack:
        s3 = stack.enter_context(project.storage(workbench.docker))
        containers: dict[str, str] = {}
        for name, files in FILES.items():
            print(f"    putting {files} files into S3", flush=True)
            s3.fill(str(files), files)
            containers[name] = stack.enter_context(
                created(workbench, f"start-{files}", s3.options(str(files)), ["start-jupyter"])
            )
        containers[BARE] = stack.enter_context(
            created(workbench, "start-bare", ["--user", "melda", "--env", "HOME=/home/melda"], ["jupyter", "notebook"])
        )

        def once(name: str) -> float:
            took = start(workbench, containers[name], time.monotonic())
            client.call(workbench.docker, "stop", containers[name])
            return took

        for name in containers:
            once(name)  # what only a first start does
        times = samples(list(containers), once, repeats, "s")
    return [Result("container start", "s", times, [Target(1.25, BARE), Target(1.05, FEW)])]
