"""Secrets are searched for in the image and in all that a container writes; test_environment.py looks into its processes."""

from __future__ import annotations

import subprocess
import tarfile
from collections.abc import Callable, Iterable
from typing import IO, cast

import pytest

from tests.fakes.s3 import Server

from .fixtures import CANARIES
from .machines import until
from .services import MOUNT, Service, bucket_variables

Serve = Callable[..., Service]
CHUNK = 1 << 24


def holds(command: list[str], needles: Iterable[str]) -> set[str]:
    """Which of ``needles`` are in the output of a command, which may be large."""
    wanted = [needle.encode() for needle in needles]
    overlap = max(len(needle) for needle in wanted)
    found, tail = set(), b""
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        stream = cast("IO[bytes]", process.stdout)
        while chunk := stream.read(CHUNK):
            found |= {needle.decode() for needle in wanted if needle in tail + chunk}
            tail = chunk[-overlap:]
    assert process.returncode == 0, command
    return found


def files_with(docker: str, container: str, needles: list[str]) -> dict[str, list[str]]:
    """Path -> which of ``needles`` the file of the container holds, of all files of its own file system."""
    found = {}
    command = [docker, "export", container]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as export, tarfile.open(
        None, "r|", export.stdout
    ) as archive:
        for member in archive:
            stream = archive.extractfile(member) if member.isreg() else None
            content = stream.read() if stream else b""
            if has := [needle for needle in needles if needle.encode() in content]:
                found["/" + member.name] = has
    assert export.returncode == 0
    return found


def test_no_layer_of_the_image_and_not_its_history(docker: str, image: str) -> None:
    """Whoever built it had keys in the environment; layers are not compressed here, so the search sees all files."""
    known = "Start the program by whose name this file is called"  # in a file of ours
    assert holds([docker, "save", image], [known, *CANARIES.values()]) == {known}
    for command in (["history", "--no-trunc", image], ["inspect", image]):
        output = subprocess.run([docker, *command], capture_output=True, text=True, check=True).stdout
        assert [name for name, value in CANARIES.items() if value in output or f"{name}=" in output] == []


def end(service: Service, how: str) -> None:
    """End the container as ``how`` says."""
    if how == "stopped":
        service.stop()
    elif how == "killed":
        service.kill()
    else:
        service.signal("SEGV", "s3fs")
        until(lambda: not service.running or service.logs().count("s3fs") > 3, "it is noticed")
        service.stop()


@pytest.mark.parametrize("how", ["stopped", "killed", "crashed"])
def test_no_file_of_a_container_but_the_users_own_token(serve: Serve, s3: Server, docker: str, how: str) -> None:
    bucket = s3.bucket("melda-projects")
    keys = s3.credentials("melda-test-role", bucket, temporary=True)
    service = serve(*MOUNT, **bucket_variables(s3, bucket, keys)).ready()
    assert service.notebook.run("python3", "open('seen.txt', 'w').write('1')").status == "ok"
    service.run("get-versions; healthcheck")
    end(service, how)
    secrets = [keys.access_key_id, keys.secret_access_key, keys.session_token, service.token]
    found = files_with(docker, service.name, secrets)
    # Jupyter notes its token for `jupyter server list`: the user's, for the user alone.
    ours = {
        path
        for path in found
        if path.startswith("/home/melda/.local/share/jupyter/runtime/") and found[path] == [service.token]
    }
    assert found.keys() - ours <= {"/run/melda-jupyter/token"}, found
    assert found.get("/run/melda-jupyter/token", [service.token]) == [service.token]
    assert [secret for secret in secrets if secret in service.logs()] == []


def test_nothing_of_them_reaches_the_bucket(serve: Serve, s3: Server) -> None:
    bucket = s3.bucket("melda-projects")
    keys = s3.credentials("melda-test-role", bucket)
    service = serve(*MOUNT, **bucket_variables(s3, bucket, keys)).ready()
    assert service.notebook.run("python3", "open('seen.txt', 'w').write('1')").status == "ok"
    service.stop()
    client = s3.client()
    bodies = {
        entry["Key"]: client.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()
        for entry in client.list_objects_v2(Bucket=bucket)["Contents"]
    }
    assert any(key.endswith("seen.txt") for key in bodies)
    needles = [keys.secret_access_key.encode(), service.token.encode()]
    assert [key for key, body in bodies.items() for needle in needles if needle in body] == []
