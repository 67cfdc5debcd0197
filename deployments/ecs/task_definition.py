"""The task definition, as ``aws ecs register-task-definition --cli-input-json`` takes it."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from melda.base.paths import HEALTHCHECK
from melda.config import stop_seconds

from builder.errors import BuildError
from builder.settings import REFERENCE, refuse
from deployments import contract

# Of the container in the task: the platform's overrides name it.
CONTAINER = "melda-jupyter"
# SYS_ADMIN and /dev/fuse mount the project, NET_ADMIN sets the firewall up. Nothing else of `privileged` is used.
CAPABILITIES = ("SYS_ADMIN", "NET_ADMIN")
DEVICES = ("/dev/fuse",)
# Seconds ECS waits after SIGTERM: what the user installed last is being saved to the bucket. Its own 30 can be too few.
STOP = 120
# Docker's own 64 MB of shared memory end a program that shares more (pytorch, multiprocessing) with a bus error.
SHARED_MEMORY = 1024
# The container's HEALTHCHECK (Dockerfile.base; a test compares them): ECS ignores the image's own.
HEALTH = {"interval": 10, "timeout": 30, "retries": 1, "startPeriod": 60}
# Not host: the firewall would be the instance's, and every task's.
NETWORKS = ("bridge", "awsvpc")

_ACCOUNT = "arn:aws(?:-[a-z]+)*"  # and the partition: -cn, -us-gov, -iso-b, ...
_SECRET = re.compile(
    rf"{_ACCOUNT}:ssm:[a-z0-9-]+:[0-9]{{12}}:parameter/[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*"
    # Behind the name: a key of its JSON, a version's stage, a version's number; each may be empty.
    rf"|{_ACCOUNT}:secretsmanager:[a-z0-9-]+:[0-9]{{12}}:secret:[A-Za-z0-9/_+=.@-]+(?::[^:\s]*:[^:\s]*:[^:\s]*)?"
)
_ROLE = re.compile(rf"{_ACCOUNT}:iam::[0-9]{{12}}:role/[A-Za-z0-9+=,.@_/-]+")
_REGION = re.compile("[a-z]{2,4}(?:-[a-z]+)+-[0-9]{1,2}")
_FAMILY = re.compile("[A-Za-z0-9_-]{1,255}")
_LOG_GROUP = re.compile("[A-Za-z0-9_/.#-]{1,512}")
_PROFILE = re.compile("[A-Za-z0-9._-]{1,128}")


@dataclass(frozen=True)
class Task:
    """What the definition depends on.

    Attributes:
        image: reference of the image.
        region: of the log group.
        family: name of the task definition.
        log_group: of CloudWatch Logs; it must be there.
        memory: MiB at which the container is killed.
        reservation: MiB that an instance must have free for it.
        cpu: units, 1024 a core.
        network: ECS's network mode.
        apparmor: profile of the container where the instances have AppArmor; empty where they have not.
        task_role: ARN of the role that may use the buckets; empty: keys are given, or the instance's role has them.
        execution_role: ARN of the role that reads the secrets.
        variables: of every task.
        secrets: variable -> ARN of a parameter (SSM) or a secret (Secrets Manager).
    """

    image: str
    region: str
    family: str = CONTAINER
    log_group: str = "/ecs/" + CONTAINER
    memory: int = 4096
    reservation: int = 1024
    cpu: int = 1024
    network: str = "bridge"
    apparmor: str = ""
    task_role: str = ""
    execution_role: str = ""
    variables: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)


def pairs(option: str, given: Iterable[str]) -> dict[str, str]:
    """NAME=VALUE arguments as a dictionary.

    Raises:
        BuildError: one is not of that form, or comes twice.
    """
    found: dict[str, str] = {}
    for pair in given:
        name, equals, value = pair.partition("=")
        if not equals or not re.fullmatch("[A-Za-z][A-Za-z0-9_]*", name):
            # Not the whole: somebody may have given the secret itself.
            raise BuildError(
                f"invalid {option} {name[:40]!r}: expected something like NAME=VALUE, NAME one of the image's"
            )
        if name in found:
            raise BuildError(f"invalid {option} {name}: expected it once")
        found[name] = value
    return found


def whole(option: str, value: str, low: int, high: int, unit: str) -> int:
    """``value`` as a number.

    Raises:
        BuildError: it is none, or out of range.
    """
    if not (re.fullmatch("[0-9]{1,7}", value) and low <= int(value) <= high):
        raise refuse(option, value, f"{unit}, {low} to {high}")
    return int(value)


def check(arguments: argparse.Namespace) -> Task:
    """Return the task, if all arguments are right.

    Raises:
        BuildError: names the first that is not.
    """
    if not REFERENCE.fullmatch(arguments.image):
        raise refuse("--image", arguments.image, "an image reference such as registry.example.org/melda-jupyter:1.0")
    grammar = (
        ("region", _REGION, "a region such as eu-west-1"),
        ("family", _FAMILY, "up to 255 letters, digits, '_' and '-'"),
        ("log_group", _LOG_GROUP, "the name of a CloudWatch log group such as /ecs/melda-jupyter"),
        ("apparmor", re.compile(f"|{_PROFILE.pattern}"), "the name of an AppArmor profile such as unconfined"),
        ("task_role", re.compile(f"|{_ROLE.pattern}"), "the ARN of an IAM role, or nothing"),
        ("execution_role", re.compile(f"|{_ROLE.pattern}"), "the ARN of an IAM role, or nothing"),
    )
    for name, pattern, right in grammar:
        if not pattern.fullmatch(getattr(arguments, name)):
            raise refuse("--" + name.replace("_", "-"), getattr(arguments, name), right)
    if arguments.network not in NETWORKS:
        raise refuse("--network", arguments.network, " or ".join(NETWORKS))
    memory = whole("--memory", arguments.memory, 256, 4194304, "MiB")
    variables, secrets = pairs("--variable", arguments.variable), pairs("--secret", arguments.secret)
    contract.check(variables)
    for name, arn in secrets.items():
        if name not in contract.REFERRED:
            raise BuildError(
                f"invalid --secret {name}: expected one of the image's secrets, {', '.join(contract.REFERRED)}"
            )
        if not _SECRET.fullmatch(arn):
            raise BuildError(
                f"invalid --secret {name}: expected the ARN of a parameter (arn:aws:ssm:...) or of a secret"
                " (arn:aws:secretsmanager:...), never the secret itself"
            )
    if secrets and not arguments.execution_role:
        raise BuildError(f"--execution-role is missing: ECS reads {', '.join(secrets)} with it")
    return Task(
        image=arguments.image,
        region=arguments.region,
        family=arguments.family,
        log_group=arguments.log_group,
        memory=memory,
        reservation=whole("--reservation", arguments.reservation, 64, memory, "MiB, not more than --memory"),
        cpu=whole("--cpu", arguments.cpu, 128, 196608, "CPU units (1024 are a core)"),
        network=arguments.network,
        apparmor=arguments.apparmor,
        task_role=arguments.task_role,
        execution_role=arguments.execution_role,
        variables=variables,
        secrets=secrets,
    )


def _port(number: int, network: str) -> dict[str, Any]:
    mapping: dict[str, Any] = {"containerPort": number, "protocol": "tcp"}
    # 0: a free one of the instance, so that it takes more than one task.
    return {**mapping, "hostPort": 0} if network == "bridge" else mapping


def definition(task: Task) -> dict[str, Any]:
    """Return the parameters of RegisterTaskDefinition."""
    variables = {stop_seconds.VARIABLE: str(STOP), **task.variables}
    container: dict[str, Any] = {
        "name": CONTAINER,
        "image": task.image,
        "essential": True,
        "cpu": task.cpu,
        "memory": task.memory,
        "memoryReservation": task.reservation,
        "portMappings": [_port(number, task.network) for number in contract.ports(variables)],
        "environment": [{"name": name, "value": value} for name, value in variables.items()],
        "secrets": [{"name": name, "valueFrom": arn} for name, arn in task.secrets.items()],
        "privileged": False,
        "linuxParameters": {
            "capabilities": {"add": list(CAPABILITIES)},
            "devices": [
                {"hostPath": path, "containerPath": path, "permissions": ["read", "write"]} for path in DEVICES
            ],
            # MiB of /dev/shm: a limit, of which memory is taken as it is used.
            "sharedMemorySize": min(SHARED_MEMORY, task.memory // 2),
            # start-jupyter is PID 1, and reaps.
            "initProcessEnabled": False,
        },
        "healthCheck": {"command": ["CMD", HEALTHCHECK], **HEALTH},
        "stopTimeout": stop_seconds.parse(variables[stop_seconds.VARIABLE]),
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": task.log_group,
                "awslogs-region": task.region,
                "awslogs-stream-prefix": CONTAINER,
                # A notebook does not wait for CloudWatch.
                "mode": "non-blocking",
            },
        },
    }
    if task.apparmor:
        container["dockerSecurityOptions"] = [f"apparmor:{task.apparmor}"]
    roles = {"taskRoleArn": task.task_role, "executionRoleArn": task.execution_role}
    return {
        "family": task.family,
        "requiresCompatibilities": ["EC2"],
        "networkMode": task.network,
        **{name: arn for name, arn in roles.items() if arn},
        "containerDefinitions": [container],
    }
