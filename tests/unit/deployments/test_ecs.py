"""The task definition: what is in it, what is refused, and what ECS says to it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.validate import ParamValidator
from hypothesis import given
from hypothesis import strategies as st

from builder.errors import BuildError
from deployments import contract
from deployments.ecs import __main__ as command
from deployments.ecs import task_definition
from tests.fakes.s3 import Server

ROOT = Path(__file__).resolve().parents[3]
ROLE = "arn:aws:iam::123456789012:role/melda-"
PARAMETER = "arn:aws:ssm:eu-west-1:123456789012:parameter/melda/token"
SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:melda/s3-AbCdEf:secret::"
REQUIRED = ("--image", "registry.example.org/melda-jupyter:1.0", "--region", "eu-west-1")
ALL = (
    *REQUIRED,
    "--task-role", ROLE + "task", "--execution-role", ROLE + "execution", "--apparmor", "unconfined",
    "--variable", "PGEO_IPS=10.0.0.0/8", "--variable", "AWS_REGION=eu-west-1",
    "--secret", f"JUPYTER_TOKEN={PARAMETER}", "--secret", f"AWS_SECRET_ACCESS_KEY={SECRET}",
)  # fmt: skip


def made(*arguments: str) -> dict[str, Any]:
    return task_definition.definition(task_definition.check(command.parser().parse_args(arguments)))


def problems(parameters: dict[str, Any], operation: str = "RegisterTaskDefinition") -> str:
    """What ECS's own model, as botocore has it, finds wrong: types, missing and unknown names."""
    model = botocore.session.get_session().get_service_model("ecs").operation_model(operation)
    assert model.input_shape is not None
    return str(ParamValidator().validate(parameters, model.input_shape).generate_report())


@pytest.mark.parametrize("arguments", [REQUIRED, ALL, (*REQUIRED, "--network", "awsvpc")])
def test_ecs_model_takes_it(arguments: tuple[str, ...]) -> None:
    assert problems(made(*arguments)) == ""


def test_ecs_model_finds_a_wrong_name() -> None:
    wrong = made(*REQUIRED)
    wrong["containerDefinitions"][0]["linuxParameters"]["capability"] = {}
    assert "capability" in problems(wrong)


def test_it_has_what_the_image_needs_and_no_more() -> None:
    (container,) = made(*REQUIRED)["containerDefinitions"]
    assert container["privileged"] is False
    assert container["linuxParameters"]["capabilities"] == {"add": ["SYS_ADMIN", "NET_ADMIN"]}
    assert [device["hostPath"] for device in container["linuxParameters"]["devices"]] == ["/dev/fuse"]


@pytest.mark.parametrize(("memory", "shared"), [("4096", 1024), ("1024", 512)])
def test_programs_may_share_memory(memory: str, shared: int) -> None:
    (container,) = made(*REQUIRED, "--memory", memory)["containerDefinitions"]
    assert container["linuxParameters"]["sharedMemorySize"] == shared


def test_it_says_what_the_dockerfile_says() -> None:
    """ECS reads neither the image's HEALTHCHECK nor its EXPOSE."""
    (container,) = made(*REQUIRED)["containerDefinitions"]
    text = (ROOT / "Dockerfile.base").read_text()
    check = re.search(r"^HEALTHCHECK (.*) CMD (\[.*\])$", text, re.MULTILINE)
    ports = re.search("^EXPOSE (.*)$", text, re.MULTILINE)
    assert check
    assert ports
    options = dict(re.findall(r"--([a-z-]+)=([0-9]+)", check.group(1)))
    health = container["healthCheck"]
    assert health["command"] == ["CMD", *json.loads(check.group(2))]
    output = {"interval": health["interval"], "timeout": health["timeout"], "retries": health["retries"]}
    assert {**output, "start-period": health["startPeriod"]} == {name: int(value) for name, value in options.items()}
    assert [mapping["containerPort"] for mapping in container["portMappings"]] == [
        int(p) for p in ports.group(1).split()
    ]


def test_an_instance_takes_many_tasks_and_an_interface_its_own() -> None:
    def hosts(*arguments: str) -> set[int | None]:
        (container,) = made(*REQUIRED, *arguments)["containerDefinitions"]
        return {mapping.get("hostPort") for mapping in container["portMappings"]}

    assert hosts() == {0}
    assert hosts("--network", "awsvpc") == {None}


def test_secrets_are_references() -> None:
    (container,) = made(*ALL)["containerDefinitions"]
    assert container["secrets"] == [
        {"name": "JUPYTER_TOKEN", "valueFrom": PARAMETER},
        {"name": "AWS_SECRET_ACCESS_KEY", "valueFrom": SECRET},
    ]
    assert not {entry["name"] for entry in container["environment"]} & set(contract.SECRET)


@pytest.mark.parametrize(
    "pair",
    [
        "LANG=de_DE.UTF-8", "TZ=Europe/Berlin", "OMP_NUM_THREADS=2", "NUMBA_NUM_THREADS=2", "R_MAX_VSIZE=8G", "http_proxy=http://proxy:3128",
        "HTTPS_PROXY=proxy:3128", "all_proxy=http://proxy:3128", "no_proxy=10.0.0.0/8,s3.example.org",
    ],
)  # fmt: skip
def test_what_the_pages_say_of_variables_can_be_given(pair: str) -> None:
    (container,) = made(*REQUIRED, "--variable", pair)["containerDefinitions"]
    name, _, value = pair.partition("=")
    assert {"name": name, "value": value} in container["environment"]


def test_every_variable_of_the_reference_is_known() -> None:
    """But for those that ECS, EKS, a hub and the image itself set."""
    page = (ROOT / "docs" / "reference" / "variables.md").read_text().partition("\nDocker flags:")[0]
    told = {name for name in re.findall("`([A-Za-z]+_?[A-Za-z0-9_]*)`", page) if re.search("[A-Z]{3}|_proxy", name)}
    set_by_others = {
        name for name in told if name.startswith(("JUPYTERHUB_", "AWS_CONTAINER_", "AWS_WEB_", "JUPYTER_WORKDIR"))
    }
    assert told - set_by_others - {"SRC", "UHOME"} <= {*contract.READ, *contract.SECRET}
    assert len(told) > 30


def test_a_proxy_with_a_password_comes_by_reference() -> None:
    arguments = ("--execution-role", ROLE + "execution", "--secret", f"https_proxy={PARAMETER}")
    (container,) = made(*REQUIRED, *arguments)["containerDefinitions"]
    assert container["secrets"] == [{"name": "https_proxy", "valueFrom": PARAMETER}]


@pytest.mark.parametrize(
    ("partition", "region"),
    [
        ("aws", "ap-southeast-10"), ("aws-cn", "cn-north-1"), ("aws-us-gov", "us-gov-west-1"), ("aws-iso", "us-iso-east-1"),
        ("aws-iso-b", "us-isob-east-1"), ("aws-iso-e", "eu-isoe-west-1"), ("aws-eusc", "eusc-de-east-1"),
    ],
)  # fmt: skip
def test_each_partition_has_roles_and_secrets(partition: str, region: str) -> None:
    roles, secret = (text.replace("arn:aws:", f"arn:{partition}:") for text in (ROLE, PARAMETER))
    task = made(
        "--image", "r.example.org/melda:1", "--region", region, "--task-role", roles + "task",
        "--execution-role", roles + "execution", "--secret", f"JUPYTER_TOKEN={secret}",
    )  # fmt: skip
    assert (task["taskRoleArn"], task["executionRoleArn"]) == (roles + "task", roles + "execution")


def test_a_file_on_a_volume_is_named_like_any_variable() -> None:
    (container,) = made(*REQUIRED, "--variable", "JUPYTER_TOKEN_FILE=/run/secrets/token")["containerDefinitions"]
    assert {"name": "JUPYTER_TOKEN_FILE", "value": "/run/secrets/token"} in container["environment"]


@pytest.mark.parametrize(("given", "seconds"), [((), 120), (("--variable", "STOP_SECONDS=60"), 60)])
def test_ecs_waits_as_long_as_the_container_is_told(given: tuple[str, ...], seconds: int) -> None:
    (container,) = made(*REQUIRED, *given)["containerDefinitions"]
    assert {"name": "STOP_SECONDS", "value": str(seconds)} in container["environment"]
    assert container["stopTimeout"] == seconds


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--image", "Not An Image"), "invalid --image=Not An Image"),
        (("--region", "mars"), "invalid --region=mars: expected a region"),
        (("--family", "a b"), "invalid --family=a b"),
        (("--family", "a\n"), "invalid --family=a\n"),
        (("--memory", "4g"), "invalid --memory=4g: expected MiB"),
        (("--memory", "512"), "invalid --reservation=1024: expected MiB, not more than --memory, 64 to 512"),
        (("--cpu", "0"), "invalid --cpu=0"),
        (("--network", "host"), "invalid --network=host: expected bridge or awsvpc"),
        (("--task-role", "admin"), "invalid --task-role=admin: expected the ARN"),
        (("--apparmor", "a:b"), "invalid --apparmor=a:b"),
        (("--variable", "PGEO_IPS=10.0.0.1/8"), "invalid PGEO_IPS='10.0.0.1/8'"),
        (("--variable", "JUPYTER_BASE_URL=a b"), "invalid JUPYTER_BASE_URL='a b'"),
        (("--variable", "JUPYTER_PORT=22"), "invalid JUPYTER_PORT='22'"),
        (("--variable", "IPV6=on"), "invalid IPV6='on'"),
        (("--variable", "NOTEBOOK_ARGS=--ServerApp.ip=x"), "invalid NOTEBOOK_ARGS: --ServerApp.ip"),
        (("--variable", "STOP_SECONDS=2m"), "invalid STOP_SECONDS='2m'"),
        (("--variable", "DATA_BUCKET=A"), "invalid DATA_BUCKET='A'"),
        (("--variable", "UPGRADE=yes"), "invalid UPGRADE='yes'"),
        (("--variable", "GIT_REPOSITORY=x"), "invalid GIT_REPOSITORY='x'"),
        (("--variable", "EGRESS=all"), "invalid EGRESS='all'"),
        (("--variable", "BUCKET_NAME=A"), "invalid BUCKET_NAME='A'"),
        (("--variable", "BUCKET_NAME=abc", "--variable", "PROJECT_FOLDER=../x"), "invalid PROJECT_FOLDER='../x'"),
        (("--variable", "AWS_REGION=Ohio"), "invalid AWS_REGION='Ohio'"),
        (("--variable", "SSH_AUTHORIZED_KEYS=x"), "invalid SSH_AUTHORIZED_KEYS"),
        (("--variable", "ALLOWED_ORIGINS=*"), "invalid ALLOWED_ORIGINS='*': expected origins"),
        (("--variable", "JUPYTER_TOKEN_FILE=CANARY"), "invalid JUPYTER_TOKEN_FILE: expected the path of a file"),
        (("--variable", "https_proxy=ftp://x"), "invalid https_proxy='ftp://x': expected a proxy"),
        (
            ("--variable", "HTTPS_PROXY=http://me:CANARY@proxy:3128"),
            "invalid HTTPS_PROXY=...: expected it by reference",
        ),
        (("--variable", "lang=C"), "invalid lang: expected a variable that the image reads, BUCKET_NAME"),
        (("--secret", f"no_proxy={PARAMETER}"), "invalid --secret no_proxy"),
        (("--variable", "BUCKET=abc"), "invalid BUCKET: expected a variable that the image reads, BUCKET_NAME"),
        (("--variable", "EGRESS=web", "--variable", "EGRESS=web"), "invalid --variable EGRESS: expected it once"),
        (("--secret", f"BUCKET_NAME={PARAMETER}"), "invalid --secret BUCKET_NAME"),
        (("--secret", f"JUPYTER_TOKEN={PARAMETER}"), "--execution-role is missing: ECS reads JUPYTER_TOKEN with it"),
    ],
)
def test_a_wrong_argument_is_refused_in_one_line(arguments: tuple[str, ...], says: str) -> None:
    with pytest.raises(BuildError) as refused:
        made(*REQUIRED, *arguments)
    assert str(refused.value).startswith(says)


@pytest.mark.parametrize(
    "arguments",
    [("--variable", "JUPYTER_TOKEN=CANARY"), ("--secret", "JUPYTER_TOKEN=CANARY"), ("--secret", "x CANARY" + "y" * 50)],
)
def test_a_secret_itself_is_refused_and_what_it_is_stays_hidden(arguments: tuple[str, ...]) -> None:
    with pytest.raises(BuildError) as refused:
        made(*REQUIRED, *arguments)
    assert "=CANARY" not in str(refused.value)


def test_the_port_is_the_containers() -> None:
    (container,) = made(*REQUIRED, "--variable", "JUPYTER_PORT=9999")["containerDefinitions"]
    assert [mapping["containerPort"] for mapping in container["portMappings"]] == [9999, 2310, 22]


@given(st.sampled_from(sorted(contract.READ)), st.text())
def test_whatever_a_variable_is_it_is_kept_or_refused(name: str, value: str) -> None:
    try:
        (container,) = made(*REQUIRED, "--variable", f"{name}={value}")["containerDefinitions"]
    except BuildError as refused:
        assert str(refused).startswith(("invalid ", "BUCKET", "PROJECT", "DATA", "AWS", "PGEO", "FORK_OF"))
    else:
        assert {"name": name, "value": value} in container["environment"]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "deployments.ecs", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_command_writes_json_or_one_line(tmp_path: Path) -> None:
    file = tmp_path / "task.json"
    assert run(*ALL, "--output", str(file)).returncode == 0
    assert json.loads(file.read_text()) == made(*ALL)
    assert json.loads(run(*ALL).stdout) == made(*ALL)
    refused = run(*REQUIRED, "--memory", "-1")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == "deployments.ecs: invalid --memory=-1: expected MiB, 256 to 4194304\n"
    nowhere = run(*REQUIRED, "--output", str(tmp_path / "no" / "file"))
    assert (nowhere.returncode, nowhere.stderr.count("\n")) == (2, 1)
    assert run("--help").returncode == 0


def test_the_platforms_server_registers_it_and_runs_a_task() -> None:
    """As it does it: the bucket and the project come with each task."""
    with Server() as aws:
        ecs, ec2 = aws.client("ecs"), aws.client("ec2")
        ecs.create_cluster(clusterName="notebooks")
        image = ec2.describe_images(Owners=["amazon"])["Images"][0]["ImageId"]
        machine = ec2.run_instances(ImageId=image, MinCount=1, MaxCount=1, InstanceType="t3.xlarge")["Instances"][0]
        document = json.dumps({"instanceId": machine["InstanceId"], "region": "us-east-1"})
        ecs.register_container_instance(cluster="notebooks", instanceIdentityDocument=document)
        registered = ecs.register_task_definition(**made(*ALL))["taskDefinition"]
        environment = [{"name": "BUCKET_NAME", "value": "projects"}, {"name": "PROJECT_FOLDER", "value": "users/ada/1"}]
        asked = {
            "cluster": "notebooks",
            "taskDefinition": "melda-jupyter",
            "launchType": "EC2",
            "count": 1,
            "overrides": {"containerOverrides": [{"name": task_definition.CONTAINER, "environment": environment}]},
        }
        assert problems(asked, "RunTask") == ""
        answer = ecs.run_task(**asked)
        assert answer["failures"] == []
        (task,) = ecs.describe_tasks(cluster="notebooks", tasks=[answer["tasks"][0]["taskArn"]])["tasks"]
        known = ecs.describe_task_definition(taskDefinition=task["taskDefinitionArn"])["taskDefinition"]
    assert task["launchType"] == "EC2"
    assert task["overrides"]["containerOverrides"][0]["environment"] == environment
    assert registered["revision"] == 1
    wanted = made(*ALL)["containerDefinitions"][0]
    assert {name: known["containerDefinitions"][0][name] for name in wanted} == wanted
