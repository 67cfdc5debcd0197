"""deployments/compose.yaml by Debian's docker-compose: a project in a volume, and one in a stand-in for S3."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sysconfig
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .machines import ROOT, until

pytestmark = pytest.mark.full
Compose = Callable[..., str]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def compose(docker: str, image: str, port: int, tmp_path: Path) -> Iterator[Compose]:
    """docker-compose with the file, and a stand-in for S3 from this machine: its image's registry is out of reach."""
    program = shutil.which("docker-compose")
    assert program, "tests/host-packages.txt names it"
    libraries = sysconfig.get_paths()["purelib"]
    stand_in = {
        "image": image, "entrypoint": ["/opt/jupyter/bin/python", "-m", "moto.server", "-H", "0.0.0.0", "-p", "5000"],
        "environment": {"PYTHONPATH": "/moto"}, "volumes": [f"{libraries}:/moto:ro"],
    }  # fmt: skip
    (tmp_path / "s3.json").write_text(json.dumps({"services": {"s3": stand_in}}))
    files = ("--file", str(ROOT / "deployments" / "compose.yaml"), "--file", str(tmp_path / "s3.json"))
    project = ("--project-name", f"melda-test-{uuid.uuid4().hex[:8]}")
    environment = {**os.environ, "MELDA_IMAGE": image, "PORT": str(port), "JUPYTER_TOKEN": "t0ken"}

    def run(*arguments: str) -> str:
        command = [program, *files, *project, "--profile", "s3", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        return done.stdout

    try:
        yield run
    finally:
        run("down", "--volumes", "--timeout", "30")


def serves(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/status?token=t0ken", timeout=10) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.mark.parametrize("service", ["notebook", "notebook-s3"])
def test_one_user(compose: Compose, port: int, service: str) -> None:
    compose("up", "--detach", service)
    until(lambda: serves(port), "Jupyter answers", 120)
    compose("exec", "-T", "--user", "melda", service, "sh", "-c", "echo kept > /home/melda/project/made")
    compose("stop", service)
    compose("up", "--detach", service)
    until(lambda: serves(port), "Jupyter answers again", 120)
    assert compose("exec", "-T", service, "cat", "/home/melda/project/made") == "kept\n"
    kind = compose("exec", "-T", service, "stat", "--file-system", "--format", "%T", "/home/melda/project").strip()
    assert kind.startswith("fuse") is (service == "notebook-s3"), kind
