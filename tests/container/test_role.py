"""A project in S3 without keys in variables: the task's role of ECS, or the machine's of EC2, has them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_network

import pytest

from tests.fakes import role
from tests.fakes.s3 import Credentials, Server

from .services import MOUNT, Service, bucket_variables

Serve = Callable[..., Service]
BUCKET = "melda-projects"
NO_KEYS = Credentials("", "")


@contextmanager
def network(docker: str, address: str) -> Iterator[str]:
    """A Docker network on which this machine has ``address``."""
    name = "melda-test-" + address.replace(".", "-")
    subnet = str(ip_network(f"{address}/24", strict=False))
    create = [docker, "network", "create", "--subnet", subnet, "--gateway", address, name]
    subprocess.run(create, check=True, stdout=subprocess.DEVNULL)
    try:
        yield name
    finally:
        subprocess.run([docker, "network", "rm", name], check=False, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize(
    ("address", "variables"),
    [("169.254.170.2", {"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": role.ECS_PATH}), ("169.254.169.254", {})],
    ids=["ecs", "ec2"],
)
def test_the_roles_keys_mount_the_bucket(docker: str, image: str, address: str, variables: dict[str, str]) -> None:
    with network(docker, address) as name, Server(address) as s3:
        keys = s3.credentials(role.ROLE, s3.bucket(BUCKET), temporary=True)
        with role.Server(address, keys) as server:
            asked = {**bucket_variables(s3, BUCKET, NO_KEYS), **variables}
            service = Service(docker, image, (*MOUNT, "--network", name), **asked)
            try:
                service.ready()
                service.run("echo kept > /home/melda/project/file", user="melda")
                seen = service.run("cat /proc/[0-9]*/cmdline /root/.passwd-s3fs 2>/dev/null || true") + service.logs()
                service.stop()
            finally:
                service.remove()
        assert s3.client().get_object(Bucket=BUCKET, Key="users/ada/file")["Body"].read() == b"kept\n"
        assert {status for _, _, status in server.requests} == {200}, "s3fs, too, is content with what it gets"
        secrets = (keys.access_key_id, keys.secret_access_key, keys.session_token, role.ECS_PATH)
        assert [secret for secret in secrets if secret in seen] == []


def test_no_role_is_said(serve: Serve, s3: Server) -> None:
    code, lines = serve(*MOUNT, **bucket_variables(s3, s3.bucket(BUCKET), NO_KEYS)).ended()
    assert code == 1
    assert lines[-1].startswith(
        "invalid AWS_ACCESS_KEY_ID: expected one, as no role gives keys in its place: http://169.254.169.254"
    )
