"""Secrets are searched for in the image and in all that a container writes; test_environment.py looks into its processes."""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Callable, Iterable
from pathlib import PurePosixPath
from typing import IO, cast
from urllib.parse import quote

from tests.fakes.s3 import Server

from .fixtures import CANARIES
from .machines import Engine, until
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
            seen = tail + chunk
            found |= {needle.decode() for needle in wanted if needle in seen}
            tail = seen[-overlap:]
    assert process.returncode == 0, command
    return found


def written(docker: str, container: str) -> dict[str, bytes]:
    """Path -> content of all files that are not as the image has them: the others are older than the container's secrets."""
    done = subprocess.run([docker, "diff", container], capture_output=True, text=True, check=True)
    paths = [line[2:] for line in done.stdout.splitlines()]
    parents = {str(parent) for path in paths for parent in PurePosixPath(path).parents}
    found = {}
    for path in (line[2:] for line in done.stdout.splitlines() if line[0] in "AC" and line[2:] not in parents):
        content = Engine(docker).ask(f"/containers/{container}/archive?path={quote(path)}")
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            for member in archive:
                stream = archive.extractfile(member) if member.isreg() else None
                if stream:
                    found[str(PurePosixPath(path).parent / member.name)] = stream.read()
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


def test_no_file_of_a_container_but_the_users_own_token_and_nothing_in_the_bucket(
    serve: Serve, s3: Server, docker: str
) -> None:
    """However it ends, and after it was started again."""
    bucket = s3.bucket("melda-projects")
    keys = s3.credentials("melda-test-role", bucket, temporary=True)
    service = serve(*MOUNT, **bucket_variables(s3, bucket, keys))
    secrets = [keys.access_key_id, keys.secret_access_key, keys.session_token, service.token]
    for times, how in enumerate(("crashed", "killed", "stopped"), 1):
        service.ready(times)
        assert service.notebook.run("python3", "open('seen.txt', 'w').write('1')").status == "ok"
        service.run("get-versions; healthcheck")
        end(service, how)
        looked_through(written(docker, service.name), secrets, service.token)
        if how != "stopped":
            service.start()
    assert [secret for secret in secrets if secret in service.logs()] == []
    client = s3.client()
    bodies = {
        entry["Key"]: client.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()
        for entry in client.list_objects_v2(Bucket=bucket)["Contents"]
    }
    assert any(key.endswith("seen.txt") for key in bodies)
    # The number of the keys is no secret, and stands in signatures.
    assert [key for key, body in bodies.items() for secret in secrets[1:] if secret.encode() in body] == []


def looked_through(files: dict[str, bytes], secrets: list[str], token: str) -> None:
    """Look for secrets in what a container wrote."""
    assert {"/home/melda/.pip/pip.conf", "/run/melda-jupyter/facts.json"} <= files.keys(), "they were looked at"
    found = {
        path: has
        for path, content in files.items()
        if (has := [secret for secret in secrets if secret.encode() in content])
    }
    # Jupyter notes its token for `jupyter server list`: the user's, for the user alone.
    ours = {
        path
        for path in found
        if path.startswith("/home/melda/.local/share/jupyter/runtime/") and found[path] == [token]
    }
    assert found.keys() - ours <= {"/run/melda-jupyter/token"}, found
    assert found.get("/run/melda-jupyter/token", [token]) == [token]
