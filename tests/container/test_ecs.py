"""The image under the options of the task definition, as the ECS agent gives them to Docker: enough, and none too many."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from deployments.ecs import __main__ as command
from deployments.ecs import task_definition
from tests.fakes.s3 import Server
from tests.fakes.serve import gateway

from .machines import until
from .services import Service, bucket_variables

Serve = Callable[..., Service]
BUCKET = "melda-projects"


def definition(*arguments: str) -> dict[str, Any]:
    """The container of a definition."""
    given = ["--image", "melda-jupyter:1.0", "--region", "us-east-1", "--apparmor", "unconfined", *arguments]
    (container,) = task_definition.definition(task_definition.check(command.parser().parse_args(given)))[
        "containerDefinitions"
    ]
    return dict(container)


def options(container: dict[str, Any]) -> list[str]:
    """``docker run``'s, as the ECS agent translates a container definition."""
    linux, health = container["linuxParameters"], container["healthCheck"]
    found = [f"--cap-add={name}" for name in linux["capabilities"]["add"]]
    short = {"read": "r", "write": "w", "mknod": "m"}
    for device in linux["devices"]:
        rights = "".join(short[name] for name in device["permissions"])
        found.append(f"--device={device['hostPath']}:{device['containerPath']}:{rights}")
    found += [f"--security-opt={option.replace(':', '=', 1)}" for option in container["dockerSecurityOptions"]]
    found += [f"--shm-size={linux['sharedMemorySize']}m"]
    found += [f"--memory={container['memory']}m", f"--cpu-shares={container['cpu']}"]
    assert health["command"][0] == "CMD"
    found += [f"--health-cmd={' '.join(health['command'][1:])}", f"--health-interval={health['interval']}s"]
    return [*found, *(f"--env={entry['name']}={entry['value']}" for entry in container["environment"])]


def test_a_task_is_healthy_with_its_project_and_its_firewall(docker: str, serve: Serve, s3: Server) -> None:
    container = definition("--variable", f"PGEO_IPS={gateway(docker=docker)}")
    overrides = bucket_variables(s3, BUCKET, s3.credentials("ada", s3.bucket(BUCKET)))
    service = serve(*options(container), **overrides).ready()
    until(lambda: service.healthy, "ECS finds it healthy", 120)
    assert service.notebook.run("python3", "open('made', 'w').write('1'); print(6 * 7)").stdout == "42\n"
    assert "-P INPUT DROP" in service.run("iptables -S")
    given = json.loads(service.inspect("{{json .HostConfig}}"))
    assert given["Privileged"] is False
    # With Docker's own 64 MB it ends with a bus error.
    assert (
        service.run(
            "head -c 200M /dev/zero > /dev/shm/shared && stat -c %s /dev/shm/shared && rm /dev/shm/shared"
        ).strip()
        == "209715200"
    )
    service.stop()
    assert s3.client().get_object(Bucket=BUCKET, Key="users/ada/made")["Body"].read() == b"1"


@pytest.mark.parametrize("less", [*task_definition.CAPABILITIES, *task_definition.DEVICES])
def test_none_of_them_is_too_many(less: str, docker: str, serve: Serve, s3: Server) -> None:
    container = definition("--variable", f"PGEO_IPS={gateway(docker=docker)}")
    linux = container["linuxParameters"]
    linux["capabilities"]["add"] = [name for name in linux["capabilities"]["add"] if name != less]
    linux["devices"] = [device for device in linux["devices"] if device["hostPath"] != less]
    overrides = bucket_variables(s3, BUCKET, s3.credentials("ada", s3.bucket(BUCKET)))
    code, lines = serve(*options(container), **overrides).ended()
    assert code == 1, lines
    assert less in " ".join(lines)
