"""Containers of the image as the platform runs them: ready for work, or ended with a reason."""

from __future__ import annotations

import contextlib
import re
import secrets
import subprocess
import time
from collections.abc import Iterator

import requests

from tests.fakes.s3 import Credentials, Server

from .machines import Engine, Machine, until
from .notebook import Notebook

BUCKET = "melda-projects"
READY = "start-jupyter: ready: "
MOUNT = ("--cap-add", "SYS_ADMIN", "--device", "/dev/fuse", "--security-opt", "apparmor=unconfined")


def variables(**values: str) -> tuple[str, ...]:
    """Options of ``docker run`` that set variables."""
    return tuple(part for name, value in values.items() for part in ("--env", f"{name}={value}"))


def bucket_variables(s3: Server, bucket: str, keys: Credentials, folder: str = "users/ada") -> dict[str, str]:
    """What the platform sets for a project in S3."""
    return {
        "BUCKET_NAME": bucket,
        "PROJECT_FOLDER": folder,
        "AWS_ENDPOINT_URL_S3": s3.url,
        "AWS_REGION": "us-east-1",
        **keys.environment,
    }


class Service(Machine):
    """A container of the image that runs start-jupyter, with a token of its own.

    Args:
        docker: path of the docker client.
        image: to run.
        options: of ``docker run``.
        values: variables of the container; an empty JUPYTER_TOKEN is none. A stop may take three times as long as Docker
            gives it, for a machine with other things to do, unless STOP_SECONDS is given.
    """

    def __init__(self, docker: str, image: str, options: tuple[str, ...] = (), **values: str) -> None:
        self.token = values.setdefault("JUPYTER_TOKEN", secrets.token_hex(16))
        seconds = values.setdefault("STOP_SECONDS", "30")
        super().__init__(docker, image, ("--stop-timeout", seconds, *options, *variables(**values)), ("start-jupyter",))

    @property
    def notebook(self) -> Notebook:
        """A client of its Jupyter."""
        return Notebook(f"http://{self.address}:8888", self.token)

    @property
    def running(self) -> bool:
        """Has it not ended?"""
        return bool(self.inspected["State"]["Running"])

    def ready(self, times: int = 1) -> Service:
        """Wait until it says for the ``times``-th time that Jupyter answers; its log is the message if it ends instead."""
        deadline = time.monotonic() + 60
        # Followed: each question for the log takes the engine's time, which those need who start.
        while (
            not Engine(self.docker).follow(self.name, lambda log: log.count(READY) >= times, deadline) and self.running
        ):
            assert time.monotonic() < deadline, "not within 60 s: Jupyter answers"
        assert self.running, self.logs()[-3000:]
        return self

    def ended(self, seconds: float = 60) -> tuple[int, list[str]]:
        """Wait for its end; the exit code, and start-jupyter's own lines."""
        assert Engine(self.docker, seconds).wait(self.name), f"not within {seconds} s: the container ends"
        return int(self.inspected["State"]["ExitCode"]), self.lines()

    def lines(self) -> list[str]:
        """start-jupyter's own lines so far. Others write to the same stream, without regard to where a line ends."""
        return re.findall("start-jupyter: ((?:(?!start-jupyter: ).)*)", self.logs())

    def says(self, text: str, seconds: float = 30) -> None:
        """Wait until its log holds ``text``."""
        deadline = time.monotonic() + seconds
        if not Engine(self.docker).follow(self.name, lambda log: text in log, deadline):
            what = f"the log says {text!r}; it says {self.logs()[-2000:]}"
            assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
            # It has ended, and may be started again.
            until(lambda: text in self.logs(), what, seconds)

    def health(self) -> dict[str, str]:
        """``GET /healthz``, as somebody who may use the notebook."""
        found: dict[str, str] = self._ask("/healthz").json()
        return found

    def environment(self) -> requests.Response:
        """``GET /environment``, likewise."""
        return self._ask("/environment")

    def _ask(self, path: str) -> requests.Response:
        headers = {"Authorization": f"token {self.token}"}
        return requests.get(f"http://{self.address}:2310{path}", timeout=30, headers=headers)

    def signal(self, name: str, process: str) -> None:
        """Send a signal to the container's processes of that name."""
        # Docker goes to the project for an exec, where it would hang with a mount that hangs.
        command = ["pkill", "--exact", "--signal", name, process]
        subprocess.run([self.docker, "exec", "--workdir", "/", self.name, *command], check=True)

    def seconds_to_stop(self) -> float:
        """``docker stop``; the seconds start-jupyter says it took."""
        self.stop()
        line = next(line for line in reversed(self.logs().splitlines()) if "ended with exit code" in line)
        return float(line.rpartition("(")[2].split()[0])

    def kill(self) -> None:
        """``docker kill``."""
        subprocess.run([self.docker, "kill", self.name], check=True, stdout=subprocess.DEVNULL)


@contextlib.contextmanager
def running(docker: str, image: str, *options: str, **values: str) -> Iterator[Service]:
    """A :class:`Service` that is ready, removed at the end."""
    service = Service(docker, image, options, **values)
    try:
        yield service.ready()
    finally:
        service.remove()
