"""``make up`` and ``make down``: one container of the image, on this machine alone."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import tempfile
import time

from builder import docker as client
from builder.errors import Refused

NAME = "melda-jupyter"
VOLUME = "melda-jupyter-project"
WORKDIR = "/home/melda/project"
# Seconds a container may take until it is healthy (measured: 5).
HEALTHY = 120
# Passed on from this shell's environment to the container; the contract says what each means.
PASSED = (
    "BUCKET_NAME",
    "PROJECT_FOLDER",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_ENDPOINT_URL_S3",
    "AWS_REGION",
    "S3FS_DEBUG",
    "PGEO_IPS",
    "EGRESS",
    "JUPYTER_TOKEN",
    "SSH_AUTHORIZED_KEYS",
)
MOUNT = ("--cap-add", "SYS_ADMIN", "--device", "/dev/fuse", "--security-opt", "apparmor=unconfined")


def check_port(port: str) -> None:
    """Refuse a port that is none or not free on this machine.

    Raises:
        Refused: names it.
    """
    if not port.isdigit() or not 1 <= int(port) <= 65535:
        raise Refused(f"PORT={port} is not right: it must be a number from 1 to 65535")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", int(port)))
        except OSError as error:
            raise Refused(
                f"PORT={port} is not free ({error.strerror}): choose another one, for instance make up PORT=8889"
            ) from None


def environment() -> dict[str, str]:
    """The container's variables: those of this shell that the contract knows, and a token if there must be one.

    Raises:
        Refused: one of them has more than one line, which an environment file cannot hold.
    """
    found = {name: os.environ[name] for name in PASSED if os.environ.get(name)}
    if "JUPYTER_TOKEN" not in found and "PGEO_IPS" not in found:
        found["JUPYTER_TOKEN"] = secrets.token_hex(24)
    for name, value in found.items():
        if "\n" in value:
            raise Refused(f"{name} is not right: it must be one line")
    return found


def running(docker: str, image: str) -> bool:
    """Does the container run, healthy, and from this very image?"""
    if not client.exists(docker, "container", NAME):
        return False
    found = client.inspect(docker, "container", NAME)
    same = found["Image"] == client.inspect(docker, "image", image)["Id"]
    return bool(same and found["State"].get("Health", {}).get("Status") == "healthy")


def publishes(docker: str, port: str) -> bool:
    """Is it our own container that holds the port?"""
    if not client.exists(docker, "container", NAME):
        return False
    bound = client.inspect(docker, "container", NAME)["HostConfig"]["PortBindings"] or {}
    return any(binding["HostPort"] == port for bindings in bound.values() for binding in bindings)


def url(docker: str) -> str:
    """What to open: address and token of the container."""
    found = client.inspect(docker, "container", NAME)
    port = found["HostConfig"]["PortBindings"]["8888/tcp"][0]["HostPort"]
    variables = dict(line.split("=", 1) for line in found["Config"]["Env"])
    token = variables.get("JUPYTER_TOKEN", "")
    return f"http://127.0.0.1:{port}/tree" + (f"?token={token}" if token else "")


def start(docker: str, image: str, port: str) -> None:
    """Start the container and wait until it is healthy.

    Raises:
        Refused: it ended or did not become healthy; its last lines are shown and it is removed.
    """
    variables = environment()
    # A file, because arguments stand in the process list.
    with tempfile.NamedTemporaryFile("w", suffix=".env") as file:
        file.writelines(f"{name}={value}\n" for name, value in variables.items())
        file.flush()
        # SYS_PTRACE: without it bspm cannot write apt's progress to the user's session.
        options = ["--cap-add", "SYS_PTRACE", "--env-file", file.name, "--publish", f"127.0.0.1:{port}:8888"]
        options += MOUNT if "BUCKET_NAME" in variables else ("--volume", f"{VOLUME}:{WORKDIR}")
        options += ["--cap-add", "NET_ADMIN"] if "PGEO_IPS" in variables else []
        client.call(docker, "run", "--detach", "--name", NAME, *options, image)
    deadline = time.monotonic() + HEALTHY
    while True:
        state = client.inspect(docker, "container", NAME)["State"]
        health = state["Health"]["Status"]
        if health == "healthy":
            return
        if not state["Running"] or health == "unhealthy" or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    logs = subprocess.run(
        [docker, "logs", "--tail", "20", NAME],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    remove(docker)
    said = logs.stdout.strip().splitlines() or ["it said nothing"]
    print("\n".join(said[:-1]))
    how = f"was not healthy within {HEALTHY} s" if state["Running"] else f"ended with {state['ExitCode']}"
    raise Refused(f"the container {how}: {said[-1]}")


def up(docker: str, image: str, port: str) -> str:
    """Have the container run and return the URL to open. One that runs from the same image stays."""
    if not (running(docker, image) and publishes(docker, port)):
        remove(docker)
        check_port(port)
        start(docker, image, port)
    return url(docker)


def remove(docker: str) -> None:
    """Stop and remove the container; the volume with the project stays."""
    if client.exists(docker, "container", NAME):
        client.call(docker, "stop", NAME)
        client.call(docker, "rm", "--volumes", NAME)


def down(docker: str) -> str:
    """Remove the container and say what stays."""
    there = client.exists(docker, "container", NAME)
    remove(docker)
    gone = f"container {NAME} is gone" if there else f"there is no container {NAME}"
    kept = f"; the project stays in the volume {VOLUME} ('docker volume rm {VOLUME}' deletes it)"
    return gone + (kept if client.exists(docker, "volume", VOLUME) else "")
