"""A project at an S3 service that is none of moto's, by other authors in another language: s3rver, from its lock.

What S3 services answer differs in their headers, the order and the encoding of lists, and the bodies of errors.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest
from botocore.config import Config

from tests.fakes import serve as fakes

from .hub import environment, free_ports
from .machines import until
from .services import BUCKET, MOUNT, Service

Serve = Callable[..., Service]
LOCK = Path(__file__).resolve().parents[1] / "fakes" / "s3rver"
KEYS = ("S3RVER", "S3RVER")  # the only ones that it knows


@pytest.fixture(scope="module")
def url(docker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the service, with an empty bucket."""
    folder = tmp_path_factory.mktemp("s3rver")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(LOCK / name, folder)
    command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
    subprocess.run(command, cwd=folder, env=environment(), check=True, capture_output=True)
    address, (port,) = fakes.gateway(docker=docker), free_ports(1)
    program = [folder / "node_modules" / ".bin" / "s3rver", "--directory", folder, "--address", address]
    with open(folder / "log", "wb") as log:
        server = subprocess.Popen(
            [*program, "--port", str(port), "--configure-bucket", BUCKET],
            # It ciphers the token of a list's next page by what OpenSSL 3 calls legacy.
            env=environment(NODE_OPTIONS="--openssl-legacy-provider"),
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            until(lambda: b"listening" in (folder / "log").read_bytes() or server.poll() is not None, "it listens")
            yield f"http://{address}:{port}"
        finally:
            os.killpg(server.pid, signal.SIGTERM)  # node may be a child of a program of its package
            server.wait()


def test_a_project_and_its_packages_come_back(serve: Serve, url: str) -> None:
    names = {"AWS_ACCESS_KEY_ID": KEYS[0], "AWS_SECRET_ACCESS_KEY": KEYS[1], "AWS_REGION": "us-east-1"}
    project = {"BUCKET_NAME": BUCKET, "PROJECT_FOLDER": "users/Ada Größe", "AWS_ENDPOINT_URL_S3": url, **names}
    first = serve(*MOUNT, **project).ready()
    code = "import os, sys; open('Größe 1.csv', 'w').write('x' * 3_000_000); print(os.environ['VIRTUAL_ENV'])"
    place = first.notebook.run("python3", code).stdout.strip()
    first.run(f"cd {place}/lib/python3*/site-packages && echo 'seven = 7' > seven.py", user="melda")
    first.stop()
    assert first.inspect("{{.State.ExitCode}}") == "0", first.logs()

    second = serve(*MOUNT, **project).ready()
    code = "import os, seven; print(seven.seven, os.path.getsize('Größe 1.csv'), sorted(os.listdir('.')))"
    until(lambda: "saved" in second.health()["plugins"], "the packages are here")
    said = second.notebook.run("python3", code).stdout
    assert said.startswith("7 3000000 ") and "'README.md'" in said, said
    second.run("mv 'Größe 1.csv' renamed && rm README.md", user="melda")
    second.stop()
    found = boto3.client(
        "s3", endpoint_url=url, region_name="us-east-1", aws_access_key_id=KEYS[0], aws_secret_access_key=KEYS[1],
        config=Config(proxies={}, s3={"addressing_style": "path"}),
    ).list_objects_v2(Bucket=BUCKET, Prefix="users/Ada Größe/")  # fmt: skip
    names_left = {os.path.basename(item["Key"]): item["Size"] for item in found["Contents"]}
    assert names_left["renamed"] == 3_000_000 and "README.md" not in names_left
