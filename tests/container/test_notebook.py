"""The last test of the suite: a cell in each kernel, over HTTP and WebSocket, from outside the container."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator

import pytest
import requests

from .machines import HEALTH_CHECK, Machine, until
from .notebook import Notebook


@pytest.fixture(scope="module")
def token() -> str:
    return secrets.token_hex(16)


@pytest.fixture(scope="module")
def machine(docker: str, image: str, token: str) -> Iterator[Machine]:
    machine = Machine(docker, image, ("--env", f"JUPYTER_TOKEN={token}", *HEALTH_CHECK))
    try:
        until(lambda: machine.healthy, "the container is healthy")
        yield machine
    finally:
        machine.remove()


def test_versions(machine: Machine) -> None:
    found = requests.get(f"http://{machine.address}:2310/versions", timeout=10).json()
    assert found["Debian"] == "12"
    assert next(iter(found["Python"])) == "Python"
    assert found["Python"]["jupyter"] == "1.0.0"
    assert next(iter(found["R"])) == "R"
    assert found["R"]["IRkernel"]
    assert json.loads(machine.run("get-versions --output -")) == found


def test_a_stranger_without_the_token_is_refused(machine: Machine) -> None:
    assert requests.get(f"http://{machine.address}:8888/api/kernels", timeout=10).status_code == 403


def test_docker_stop_ends_with_0(machine: Machine) -> None:
    code = "docker stop"
    machine.stop()
    assert machine.inspect("{{.State.ExitCode}}") == "0", f"{code}: {machine.logs()[-2000:]}"
    machine.start()
    until(lambda: machine.healthy, "the container is healthy again")


def test_a_cell_in_each_kernel_runs_as_melda(machine: Machine, token: str) -> None:
    notebook = Notebook(f"http://{machine.address}:8888", token)
    python = notebook.run("python3", "import os, getpass, pandas; print(getpass.getuser(), os.getcwd(), 6 * 7)")
    assert (python.status, python.stdout) == ("ok", "melda /home/melda/project 42\n")
    r = notebook.run("ir", 'library(dplyr, warn.conflicts = FALSE); cat(Sys.info()[["user"]], getwd(), 6 * 7)')
    assert (r.status, r.stdout) == ("ok", "melda /home/melda/project 42")
