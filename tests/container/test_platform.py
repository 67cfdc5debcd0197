"""The platform's own client library runs cells in both kernels, in the version it uses and in a later one."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fakes.serve import gateway

from .services import Service, running

HERE = Path(__file__).parent / "platform"
BIN = Path(sys.executable).parent
VERSIONS = ("4.2.0", "5.2.3")
CELLS = {"python3": ("print(6 * 7)", "42\n"), "ir": ("cat(6 * 7)", "42")}

Cell = Callable[[str, Service, str, str], "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def cell(tmp_path_factory: pytest.TempPathFactory) -> Cell:
    """``cell(version, service, token, kernel)`` runs that kernel's cell with npm's @jupyterlab/services."""
    folders = {}
    # node and npm of the test's own environment come before the machine's.
    environment = {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"}
    for version in VERSIONS:
        folders[version] = tmp_path_factory.mktemp("platform")
        for file in (HERE / version).iterdir():
            shutil.copy(file, folders[version])
        command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
        subprocess.run(command, cwd=folders[version], env=environment, check=True, capture_output=True)

    def run(version: str, service: Service, token: str, kernel: str) -> subprocess.CompletedProcess[str]:
        command = [
            "node",
            "run_cell.js",
            str(folders[version]),
            service.notebook.url + "/",
            token,
            kernel,
            CELLS[kernel][0],
        ]
        return subprocess.run(
            command, cwd=HERE, env=environment, check=False, capture_output=True, text=True, timeout=120
        )

    return run


@pytest.mark.parametrize("kernel", CELLS)
@pytest.mark.parametrize("version", VERSIONS)
def test_a_cell_with_a_token(cell: Cell, service: Service, version: str, kernel: str) -> None:
    done = cell(version, service, service.token, kernel)
    assert done.returncode == 0, done.stderr
    output = json.loads(done.stdout.splitlines()[-1])
    assert output == {"kernels": ["ir", "python3"], "status": "ok", "outputs": [CELLS[kernel][1]]}


@pytest.fixture(scope="module")
def guarded(docker: str, image: str) -> Iterator[Service]:
    """A container without a token: its firewall says who may connect, this machine."""
    with running(docker, image, "--cap-add", "NET_ADMIN", PGEO_IPS=gateway(docker=docker), JUPYTER_TOKEN="") as found:
        yield found


@pytest.mark.parametrize("version", VERSIONS)
def test_a_cell_without_a_token(cell: Cell, guarded: Service, version: str) -> None:
    done = cell(version, guarded, "", "python3")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["outputs"] == [CELLS["python3"][1]]


@pytest.mark.parametrize("version", VERSIONS)
def test_another_token_is_refused(cell: Cell, service: Service, version: str) -> None:
    done = cell(version, service, "wrong", "python3")
    assert (done.returncode, "Forbidden" in done.stderr) == (1, True), done
