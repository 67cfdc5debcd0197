"""What attackers use: programs in the container, started as whoever they are."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from typing import NamedTuple

from tests.container.machines import Machine, until
from tests.container.services import Service

PYTHON = "/usr/bin/python3"


class Plugins(NamedTuple):
    """The user's own plugin folders, as the image calls them."""

    python: str
    site: str
    r: str


def plugins(machine: Machine) -> Plugins:
    """Where they are; the image's Python and R say so."""
    found = machine.run(
        "ls -d ~melda/project/Python-* ~melda/project/Python-*/lib/python*/site-packages; ls -d ~melda/project/R-*"
    )
    return Plugins(*found.split()[:3])


def python(machine: Machine, code: str, *arguments: str, user: str = "melda", timeout: float = 120) -> str:
    """Run a Python program in the container and wait for its end; what it prints.

    Raises:
        AssertionError: it failed.
    """
    done = subprocess.run(
        [machine.docker, "exec", "--interactive", "--workdir", "/", "--user", user, machine.name, PYTHON, "-IS", "-", *arguments],
        input=code,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return done.stdout


def background(machine: Machine, code: str, *arguments: str, user: str = "melda", check: bool = True) -> None:
    """Begin a Python program in the container, which goes on until it or the container ends."""
    command = [machine.docker, "exec", "--detach", "--workdir", "/", "--user", user, machine.name]
    subprocess.run([*command, PYTHON, "-ISc", code, *arguments], check=check, capture_output=True)


def stays(true: Callable[[], bool], what: str, seconds: float) -> None:
    """See that something does not end for as long as the slowest timer takes to come round.

    Raises:
        AssertionError: it ended.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert true(), what
        time.sleep(0.25)


def status(machine: Machine, url: str, *options: str, seconds: float = 10) -> str:
    """The status that a machine gets for a request, ``000`` if none comes in time; see GET below."""
    return python(machine, GET, url, str(seconds), *options, timeout=seconds + 30).strip()


class Target(Service):
    """A container that is attacked: ready when all its services answer, of which the version service may be last."""

    def ready(self, times: int = 1) -> Target:
        """As :meth:`Service.ready`; asked from inside, where no firewall is in the way."""
        super().ready(times)
        until(lambda: status(self, "http://127.0.0.1:2310/versions") == "200", "the version service answers")
        return self


def restart(service: Service) -> None:
    """Stop it, start it again, and wait until it is ready."""
    times = service.logs().count("start-jupyter: ready: ") + 1
    service.stop()
    service.start()
    service.ready(times)


GET = """
import socket, sys, threading, urllib.error, urllib.request
url, seconds, *headers = sys.argv[1:]
asked = urllib.request.Request(url, headers=dict(header.split(": ", 1) for header in headers))
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
try:
    print(opener.open(asked, timeout=float(seconds)).status)
except urllib.error.HTTPError as error:
    print(error.code)
except OSError as error:
    print("000")
"""
