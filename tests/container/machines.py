"""Containers that tests make and remove, and pyinfra runs against them."""

from __future__ import annotations

import http.client
import json
import os
import re
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PYINFRA = str(Path(sys.executable).parent / "pyinfra")


class Engine(http.client.HTTPConnection):
    """The engine's own API, for what tests do again and again: to start a docker client takes 25 ms of processor time, each time.

    https://docs.docker.com/reference/api/engine/
    """

    def __init__(self, docker: str, timeout: float = 60) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = engine_socket(docker)

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)

    def ask(self, path: str, content: dict[str, Any] | None = None) -> bytes:
        """Return the answer's content.

        Args:
            path: of the request.
            content: what is posted; None: nothing is.

        Raises:
            EngineError: the answer is an error.
        """
        posted = json.dumps(content) if content is not None else None
        self.request("POST" if posted else "GET", path, posted, {"Content-Type": "application/json"})
        answer = self.getresponse()
        found = answer.read()
        self.close()
        if answer.status >= http.client.BAD_REQUEST:
            raise EngineError(json.loads(found)["message"])
        return found

    def follow(self, container: str, enough: Callable[[str], bool], deadline: float) -> bool:
        """Read a container's log until it is enough. Is it, when the container ends, or at the deadline?"""
        self.request("GET", f"/containers/{container}/logs?follow=1&stdout=1&stderr=1")
        connection, answer = self.sock, self.getresponse()
        said, left = "", b""
        try:
            while not enough(said):
                connection.settimeout(max(0.01, deadline - time.monotonic()))
                more = answer.read1(1 << 16)
                if not more or time.monotonic() > deadline:
                    return False
                left += more
                # A frame says how long it is, and comes whole or in parts.
                while len(left) >= 8 and len(left) >= (end := 8 + int.from_bytes(left[4:8], "big")):
                    said, left = said + left[8:end].decode(errors="replace"), left[end:]
            return True
        except TimeoutError:
            return False
        finally:
            answer.close()
            self.close()

    def wait(self, container: str) -> bool:
        """Wait until a container has ended. Has it, when the time is over?"""
        try:
            self.ask(f"/containers/{container}/wait", {})
        except TimeoutError:
            self.close()
            return False
        return True

    def execute(self, container: str, command: list[str], user: str) -> tuple[int, str]:
        """Return the exit code and the output of ``docker exec``."""
        asked = {"AttachStdout": True, "AttachStderr": True, "User": user, "Cmd": command}
        try:
            number = json.loads(self.ask(f"/containers/{container}/exec", asked))["Id"]
            output = text(self.ask(f"/exec/{number}/start", {"Detach": False, "Tty": False}))
            state: dict[str, Any] = {}

            def ended() -> bool:
                state.update(json.loads(self.ask(f"/exec/{number}/json")))
                return not state["Running"]

            until(ended, f"{command} ends, which has closed its output")
            return state["ExitCode"] or 0, output
        except EngineError as error:
            return 126, str(error)  # as docker exec has it


class EngineError(Exception):
    """What the engine says that it cannot do."""


@lru_cache
def engine_socket(docker: str) -> str:
    """Where the client finds the engine."""
    asked = [docker, "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]
    found = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.strip()
    assert found.startswith("unix://"), f"invalid DOCKER_HOST={found}: expected an engine on this host, unix://PATH"
    return found.removeprefix("unix://")


def text(stream: bytes) -> str:
    """Return what is in the frames of a container's output, which say of which stream they are and how long."""
    found, at = [], 0
    while at < len(stream):
        end = at + 8 + int.from_bytes(stream[at + 4 : at + 8], "big")
        found.append(stream[at + 8 : end])
        at = end
    return b"".join(found).decode().replace("\r\n", "\n").replace("\r", "\n")


# With it Docker runs the image's health check as the image says it.
HEALTH_CHECK = ("--health-retries", "1")


class Machine:
    """A running container.

    Args:
        docker: path of the docker client.
        image: what to run.
        options: of ``docker run``. Without one of a health check Docker runs none: in a container each takes half of a second
            of the processor, and starts every five seconds.
        command: what runs in it; none: what the image says.
    """

    def __init__(self, docker: str, image: str, options: tuple[str, ...] = (), command: tuple[str, ...] = ()) -> None:
        self.docker = docker
        self.name = f"melda-test-{uuid.uuid4().hex[:12]}"
        checks = () if any(option.startswith("--health") for option in options) else ("--no-healthcheck",)
        subprocess.run(
            [docker, "run", "--detach", "--name", self.name, *checks, *options, image, *command],
            check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip

    def run(self, command: str, user: str = "root", check: bool = True, timeout: float = 300) -> str:
        """Standard output and error of a shell command in the container."""
        code, output = Engine(self.docker, timeout).execute(self.name, ["sh", "-c", command], user)
        if check and code:
            raise AssertionError(f"{command!r} in {self.name} ended with {code}: {output}")
        return output

    def inspect(self, template: str) -> str:
        """``docker inspect --format``."""
        return subprocess.run(
            [self.docker, "inspect", "--format", template, self.name], check=True, capture_output=True, text=True
        ).stdout.strip()

    @property
    def inspected(self) -> dict[str, Any]:
        """All of ``docker inspect``."""
        found: dict[str, Any] = json.loads(Engine(self.docker).ask(f"/containers/{self.name}/json"))
        return found

    @property
    def address(self) -> str:
        """Its IPv4 address on the default bridge."""
        return str(self.inspected["NetworkSettings"]["IPAddress"])

    @property
    def healthy(self) -> bool:
        """Does its health check say so?"""
        return bool(self.inspected["State"]["Health"]["Status"] == "healthy")

    def logs(self) -> str:
        """Everything it has written so far."""
        return text(Engine(self.docker).ask(f"/containers/{self.name}/logs?stdout=1&stderr=1"))

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


def unverified(machine: Machine) -> int:
    """How many files of Jupyter's environment changed after they were last read."""
    return len(machine.run("find /opt/jupyter -type f -cnewer /opt/jupyter/verified").splitlines())


def until(true: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Wait for an event.

    Raises:
        AssertionError: it did not come within ``seconds``.
    """
    deadline = time.monotonic() + seconds
    while True:
        began = time.monotonic()
        if true():
            return
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        # To look takes no more than a third of the time, which what is waited for needs.
        time.sleep(max(0.1, 2 * (time.monotonic() - began)))


def from_cran(docker: str, image_with_bspm: str, url: str) -> Machine:
    """A container of it in which R asks another CRAN, as if the deploy had been given that one."""
    machine = Machine(docker, image_with_bspm, command=("tail", "-f", "/dev/null"))
    machine.run(f"""sed -Ei 's,("CRAN"\\] <- )"[^"]*",\\1"{url}",' /etc/R/Rprofile.site""")
    assert url in machine.run("cat /etc/R/Rprofile.site")
    return machine
