"""``make up`` and ``make down``: one container of the image, on the build host alone."""

from __future__ import annotations

import os
import re
import secrets
import socket
import subprocess
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote

from melda.base.errors import ConfigError
from melda.base.paths import HIGHEST_PORT
from melda.config import base_url, container_limits, environ, firewall_policy, jupyter_port, stop_seconds

from builder import docker as client
from builder import screen
from builder.errors import BuildError

NAME = "melda-jupyter"
VOLUME = "melda-jupyter-project"
# Seconds a container may take until it is healthy (measured: 5).
HEALTHY = 120
# Variables of the container that may be seen by whoever may see it, and others; docs/reference/variables.md says what each means.
OPEN = (
    "BUCKET_NAME",
    "PROJECT_FOLDER",
    "DATA_BUCKET",
    "DATA_FOLDER",
    "FORK_OF",
    "AWS_ENDPOINT_URL_S3",
    "AWS_REGION",
    "S3FS_DEBUG",
    "S3FS_PATIENCE",
    "PGEO_IPS",
    "EGRESS",
    "ALLOWED_ORIGINS",
    "JUPYTER_BASE_URL",
    "JUPYTER_PORT",
    "NOTEBOOK_ARGS",
    "IPV6",
    "UPGRADE",
    "IDLE_SECONDS",
    "STOP_SECONDS",
    "LOG_FORMAT",
    "GIT_REPOSITORY",
    "SSH_AUTHORIZED_KEYS",
    "AWS_PROFILE",
    "AWS_CREDENTIAL_EXPIRATION",
    "TZ",
    *container_limits.VARIABLES,
)
SECRET = ("JUPYTER_TOKEN", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
# Files with secrets: the variable that names one, and where the container finds it.
FILES = {
    "JUPYTER_TOKEN_FILE": "/run/secrets/jupyter-token",  # nosec B105 - a path
    "AWS_SHARED_CREDENTIALS_FILE": "/run/secrets/aws-credentials",
}
# Passed on from this shell's environment.
PASSED = (*OPEN, *SECRET, *FILES)
BUCKETS = ("BUCKET_NAME", "DATA_BUCKET")
# Docker's own 64 MB end a program that shares more with a bus error, and a notebook's kernel without a word.
SHARED = "1g"
STOP = 120  # seconds for a stop; nearly all take one or two
# Either gives Jupyter its token.
TOKENS = {"JUPYTER_TOKEN", "JUPYTER_TOKEN_FILE"}
MOUNT = ("--cap-add", "SYS_ADMIN", "--device", "/dev/fuse", "--security-opt", "apparmor=unconfined")


def check_port(port: str) -> None:
    """Refuse a port that is not free on the build host.

    Raises:
        BuildError: names it.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", int(port)))
        except PermissionError:
            pass  # one below 1024 is for the engine to open, which is root
        except OSError as error:
            other = int(port) + (1 if int(port) < HIGHEST_PORT else -1)
            raise BuildError(
                f"PORT={port} is not free ({error.strerror}): choose another, for instance PORT={other}"
            ) from None


def environment() -> dict[str, str]:
    """Return the container's variables: those of this shell that docs/reference/variables.md lists.

    Raises:
        BuildError: a bucket is named, and the build host has no /dev/fuse to mount it with; PGEO_IPS, JUPYTER_PORT or
            JUPYTER_TOKEN is invalid.
    """
    found = {name: os.environ[name] for name in PASSED if os.environ.get(name)}
    try:
        # What the container asks for, and so what is printed, is for the container's own validators to say.
        if firewall_policy.peers(found.get("PGEO_IPS", "")) is None:
            found.pop("PGEO_IPS", None)
        jupyter_port.from_env(found)
        environ.token(found.get("JUPYTER_TOKEN", ""))
    except ConfigError as refused:
        raise BuildError(str(refused)) from None
    buckets = [name for name in BUCKETS if name in found]
    if buckets and not os.path.exists("/dev/fuse"):
        raise BuildError(
            f"{buckets[0]}={found[buckets[0]]} cannot be mounted: the build host has no /dev/fuse (modprobe fuse)"
        )
    if not buckets:
        # Many have the file for other programs; a container that mounts nothing has no use for it.
        found.pop("AWS_SHARED_CREDENTIALS_FILE", None)
    if "AWS_SHARED_CREDENTIALS_FILE" not in found:
        found.pop("AWS_PROFILE", None)
    found.setdefault(stop_seconds.VARIABLE, str(STOP))
    return found


def files(variables: dict[str, str]) -> dict[str, str]:
    """Where the files of :data:`FILES` are here; the container gets them read-only, and only their names as variables.

    Raises:
        BuildError: one is no file.
    """
    found = {name: os.path.realpath(variables[name]) for name in FILES if name in variables}
    for name, path in found.items():
        if not os.path.isfile(path):
            # Without a folder it may be the secret itself.
            shown = f"={variables[name]}" if variables[name].startswith(("/", "./", "../")) else ""
            raise BuildError(f"invalid {name}{shown}: expected a file")
        if not path.isprintable() or set(path) & set(',"'):
            raise BuildError(
                f"invalid {name}={variables[name]}: expected a path without commas and quotes, for docker run"
            )
    return found


def options(variables: dict[str, str], port: str, workdir: str) -> list[str]:
    """Options of ``docker run``. Of the variables only the names: arguments stand in the process list.

    Args:
        variables: of the container.
        port: of the build host; nobody else can connect to it.
        workdir: where the image has the project.
    """
    found = ["--publish", f"127.0.0.1:{port}:{jupyter_port.from_env(variables)}", "--shm-size", SHARED]
    found += MOUNT if {*BUCKETS} & variables.keys() else ()
    found += ["--volume", f"{VOLUME}:{workdir}"] if "BUCKET_NAME" not in variables else []
    found += ["--stop-timeout", variables[stop_seconds.VARIABLE]] if stop_seconds.VARIABLE in variables else []
    found += ["--cap-add", "NET_ADMIN"] if {"PGEO_IPS", "EGRESS"} & variables.keys() else []
    for name, path in files(variables).items():
        found += ["--mount", f"type=bind,source={path},target={FILES[name]},readonly"]
    return found + [part for name in variables for part in ("--env", name)]


def variables_of(found: dict[str, Any]) -> dict[str, str]:
    """Return the variables that a container was given, or that an image has, of those that docs/reference/variables.md lists."""
    pairs = (line.partition("=") for line in found["Config"]["Env"] or ())
    return {name: value for name, _, value in pairs if name in PASSED}


def _needs_a_token(variables: dict[str, str]) -> bool:
    return not (TOKENS | {"PGEO_IPS"}) & variables.keys()


def _inside(variables: dict[str, str]) -> dict[str, str]:
    return {name: FILES.get(name, value) for name, value in variables.items()}


def serves(docker: str, image: str, port: str, variables: dict[str, str]) -> bool:
    """Return whether the container runs, healthy, and just as it would be started now."""
    if not publishes(docker, port):
        return False
    found, made_of = client.inspect(docker, "container", NAME), client.inspect(docker, "image", image)
    given, wanted = variables_of(found), {**variables_of(made_of), **_inside(variables)}
    if _needs_a_token(variables):
        given.pop("JUPYTER_TOKEN", None)
    sources = {mount["Destination"]: mount.get("Source") for mount in found.get("Mounts", [])}
    same = all(sources.get(FILES[name]) == path for name, path in files(variables).items())
    same = same and found["Image"] == made_of["Id"] and given == wanted
    return bool(same and found["State"].get("Health", {}).get("Status") == "healthy")


def publishes(docker: str, port: str) -> bool:
    """Is it our own container that holds the port?"""
    found = client.inspect(docker, "container", NAME) if client.exists(docker, "container", NAME) else None
    if not found or not found["State"]["Running"]:
        return False
    bound = found["HostConfig"]["PortBindings"] or {}
    return any(binding["HostPort"] == port for bindings in bound.values() for binding in bindings)


def url(docker: str) -> str:
    """Return what to open: address and token of the container. A token in a file stays there: whoever wrote it knows it."""
    found = client.inspect(docker, "container", NAME)
    given = variables_of(found)
    port = found["HostConfig"]["PortBindings"][f"{jupyter_port.from_env(given)}/tcp"][0]["HostPort"]
    token, path = given.get("JUPYTER_TOKEN", ""), base_url.parse(given.get(base_url.VARIABLE, ""))
    return f"http://127.0.0.1:{port}{path}tree" + (f"?token={quote(token, safe='')}" if token else "")


def start(docker: str, image: str, port: str, variables: dict[str, str]) -> None:
    """Start the container and wait until it is healthy.

    Raises:
        BuildError: it ended or did not become healthy; its last lines are shown and it is removed.
    """
    if _needs_a_token(variables):
        variables = {**variables, "JUPYTER_TOKEN": secrets.token_hex(24)}
    workdir = client.inspect(docker, "image", image)["Config"]["WorkingDir"]
    asked = options(variables, port, workdir)
    # By its number from here on: another `make up` at this moment gives the name to its own, which is not ours to remove.
    made = client.call(docker, "create", "--name", NAME, *asked, image, environment=_inside(variables))
    try:
        client.call(docker, "start", made)
        wait(docker, made)
    except BaseException:
        # Also when it was created and could not be started, or when somebody pressed Ctrl-C.
        remove(docker, made)
        raise


def wait(docker: str, container: str) -> None:
    """Wait until a container is healthy.

    Raises:
        BuildError: the container ended, or was not healthy in time; its last lines are shown.
    """
    deadline = time.monotonic() + HEALTHY
    while True:
        state = client.inspect(docker, "container", container)["State"]
        if state["Health"]["Status"] == "healthy":
            return
        if not state["Running"] or state["Health"]["Status"] == "unhealthy" or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    logs = subprocess.run(
        [docker, "logs", "--tail", "20", container], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        errors="replace", check=False,
    )  # fmt: skip
    output = logs.stdout.strip().splitlines() or ["it wrote no line"]
    if not state["Running"]:
        screen.say("\n".join(output[:-1]))
        raise BuildError(f"the container ended with {state['ExitCode']}: {output[-1]}")
    screen.say("\n".join(output))
    checks = state["Health"]["Log"] or [{"Output": "no check has ended yet"}]
    raise BuildError(f"the container was not healthy within {HEALTHY} s: {checks[-1]['Output'].strip()}")


def up(docker: str, image: str, port: str) -> str:
    """Have a container of ``image`` run, and return the URL to open. One that serves already stays."""
    variables = environment()
    files(variables)  # before anything that runs is touched
    if not serves(docker, image, port, variables):
        remove(docker, NAME)
        check_port(port)
        start(docker, image, port, variables)
    return url(docker)


def keep_projects(docker: str, container: str) -> None:
    """Refuse to remove a container that somebody started by hand, with the project in it.

    Raises:
        BuildError: nothing is mounted where the project is, or a volume without a name, which goes with the container.
    """
    found = client.inspect(docker, "container", container)
    kept = [mount for mount in found["Mounts"] if not re.fullmatch("[0-9a-f]{64}", mount.get("Name", ""))]
    outside = [one for one in kept if Path(found["Config"]["WorkingDir"]).is_relative_to(one["Destination"])]
    if not outside and not variables_of(found).get("BUCKET_NAME"):
        raise BuildError(
            f"the container {NAME} was not started by `make up`, and has in it what would be lost:"
            f" 'docker rename {NAME} OTHER' keeps it, 'docker rm --force {NAME}' deletes it"
        )


def remove(docker: str, container: str) -> None:
    """Stop and remove a container; the volume with the project stays."""
    if client.exists(docker, "container", container):
        keep_projects(docker, container)
        client.call(docker, "stop", container)
        client.call(docker, "rm", "--force", "--volumes", container)


def down(docker: str) -> str:
    """Remove the container and say what stays. ``docker`` is empty where there is no engine, hence no container."""
    if not docker:
        return f"there is no container {NAME}"
    there = NAME in client.call(docker, "ps", "--all", "--format", "{{.Names}}").splitlines()
    given = variables_of(client.inspect(docker, "container", NAME)) if there else {}
    remove(docker, NAME)
    gone = f"container {NAME} is gone" if there else f"there is no container {NAME}"
    if given.get("BUCKET_NAME"):
        return f"{gone}; the project stays in s3://{given['BUCKET_NAME']}/{given.get('PROJECT_FOLDER', '').strip('/')}"
    kept = f"; the project stays in the volume {VOLUME} ('docker volume rm {VOLUME}' deletes it)"
    return gone + (kept if client.exists(docker, "volume", VOLUME) else "")
