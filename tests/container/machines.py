"""Containers that tests make and remove, and pyinfra runs against them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PYINFRA = str(Path(sys.executable).parent / "pyinfra")


class Machine:
    """A running container.

    Args:
        docker: path of the docker client.
        image: what to run.
        options: of ``docker run``.
        command: what runs in it; none: what the image says.
    """

    def __init__(self, docker: str, image: str, options: tuple[str, ...] = (), command: tuple[str, ...] = ()) -> None:
        self.docker = docker
        self.name = f"melda-test-{uuid.uuid4().hex[:12]}"
        subprocess.run(
            [docker, "run", "--detach", "--name", self.name, *options, image, *command],
            check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip

    def run(self, command: str, user: str = "root", check: bool = True, timeout: float = 300) -> str:
        """Standard output and error of a shell command in the container."""
        done = subprocess.run(
            [self.docker, "exec", "--user", user, self.name, "sh", "-c", command],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout, check=False,
        )  # fmt: skip
        if check and done.returncode:
            raise AssertionError(f"{command!r} in {self.name} ended with {done.returncode}: {done.stdout}")
        return done.stdout

    def inspect(self, template: str) -> str:
        """``docker inspect --format``."""
        return subprocess.run(
            [self.docker, "inspect", "--format", template, self.name], check=True, capture_output=True, text=True
        ).stdout.strip()

    @property
    def address(self) -> str:
        """Its IPv4 address on the default bridge."""
        return self.inspect("{{.NetworkSettings.IPAddress}}")

    def logs(self) -> str:
        """Everything it has written so far."""
        done = subprocess.run(
            [self.docker, "logs", self.name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True
        )
        return done.stdout

    def stop(self) -> None:
        """``docker stop``, with the seconds that the container was made with."""
        subprocess.run([self.docker, "stop", self.name], check=True, stdout=subprocess.DEVNULL)

    def start(self) -> None:
        """``docker start``."""
        subprocess.run([self.docker, "start", self.name], check=True, stdout=subprocess.DEVNULL)

    def remove(self) -> None:
        """Remove it with its anonymous volumes, running or not."""
        subprocess.run([self.docker, "rm", "--force", "--volumes", self.name], stdout=subprocess.DEVNULL, check=False)


@dataclass
class Provisioning:
    """How a pyinfra run ended: its exit code, its whole output, and the names of the operations that changed something."""

    code: int
    output: str

    @property
    def changed(self) -> list[str]:
        """Operations whose row in pyinfra's table counts a success, which is a change."""
        rows = re.findall(r"^    (\S.*?) {2,}1 +(\S+) +(\S+) +(\S+) *$", self.output, re.MULTILINE)
        return [name for name, success, _, _ in rows if success == "1" and name != "Grand total"]


def provision(
    docker: str,
    host: str,
    deploy: str = "deploy.py",
    environment: dict[str, str] | None = None,
    root: Path = ROOT,
    program: str = PYINFRA,
    **settings: object,
) -> Provisioning:
    """Run the deploy by hand, as the README says it.

    Args:
        docker: path of the docker client, put first on PATH, where pyinfra looks for it.
        host: pyinfra's inventory: ``@docker/NAME`` or ``inventory.py``.
        deploy: the deploy file.
        environment: variables on top of the test's own.
        root: where it is run: this repository, or a copy of it that was changed.
        program: which pyinfra.
        settings: become ``--data``.
    """
    data = [part for name, value in settings.items() for part in ("--data", f"{name}={value}")]
    done = subprocess.run(
        [program, "-y", host, deploy, *data],
        cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        env={**os.environ, "PATH": f"{Path(docker).parent}:{os.environ['PATH']}", **(environment or {})},
    )  # fmt: skip
    return Provisioning(done.returncode, done.stdout)


def until(true: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Wait for an event.

    Raises:
        AssertionError: it did not come within ``seconds``.
    """
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.1)
