"""Where start-jupyter is not PID 1, and where it has fewer rights: what still writes at the stop is ended and saved."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Iterator

import pytest

from tests.fakes.s3 import Server

from .fixtures import Machines
from .machines import Machine, until
from .services import BUCKET, MOUNT, Service, bucket_variables

Serve = Callable[..., Service]
MB = 1 << 20
HELD = 40 * MB  # four parts of an upload


@pytest.fixture
def project(s3: Server) -> dict[str, str]:
    """Variables of a container whose project is in a bucket."""
    return bucket_variables(s3, s3.bucket(BUCKET), s3.credentials("melda-test-user", BUCKET))


def size(s3: Server, key: str) -> int:
    """Of an object of the project; -1 if there is none."""
    found = s3.client().list_objects_v2(Bucket=BUCKET, Prefix=f"users/ada/{key}").get("Contents", [])
    return next((int(item["Size"]) for item in found if item["Key"] == f"users/ada/{key}"), -1)


def story(service: Service) -> str:
    """The end of its log, with the times."""
    command = [service.docker, "logs", "--timestamps", "--tail", "20", service.name]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True).stdout


# Deaf to SIGTERM; nothing of it is in the bucket before it is closed.
WRITER = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
name, size = sys.argv[1], int(sys.argv[2])
file = open("/home/melda/project/" + name, "wb", buffering=0)
file.write(bytes(size))
open("/tmp/written-" + name, "w").close()
time.sleep(600)
"""
NESTED = ("unshare", "--user", "--map-root-user", "--mount")  # which keeps a mount of its own of the project


def write(service: Service, name: str, size: int, *before: str) -> None:
    """Start a program outside Jupyter that writes a file and keeps the file open."""
    argv = [*before, "/usr/bin/python3", "-c", WRITER, name, str(size)]
    subprocess.run([service.docker, "exec", "--detach", "--user", "melda", service.name, *argv], check=True)
    until(lambda: f"written-{name}\n" in service.run("ls /tmp"), "it has written")


@pytest.fixture(scope="module")
def other(docker: str, image: str) -> Iterator[Machine]:
    """Another container, with a process that looks like ours, and its processes' numbers seen from the machine."""
    machine = Machine(docker, image, command=("sh", "-c", "sleep 1000 & exec tail -f /dev/null"))
    yield machine
    machine.remove()


@pytest.mark.parametrize("how", ["pid 1", "init", "pid of another", "pid of the host"])
def test_what_writes_at_the_stop_is_whole_in_the_bucket(
    serve: Serve, s3: Server, project: dict[str, str], other: Machine, how: str
) -> None:
    """Also what keeps a mount of its own, and if it takes longer than the two seconds that s3fs had; Docker gives ten."""
    options = {"pid 1": (), "init": ("--init",), "pid of another": ("--pid", f"container:{other.name}"),
               "pid of the host": ("--pid", "host")}[how]  # fmt: skip
    service = serve(*MOUNT, *options, **project).ready()
    size_of = {"held": HELD}
    write(service, "held", HELD)
    if "pid of" not in how and "not permitted" not in service.run("unshare -Ur true 2>&1", "melda", check=False):
        size_of["nested"] = MB
        write(service, "nested", MB, *NESTED)
    uploading = threading.Event()

    def slowly(method: str, path: str) -> str:
        if method == "PUT" and path.endswith("/held"):
            uploading.set()
            threading.Event().wait(4)
        return ""

    s3.judge = slowly
    service.stop()
    assert uploading.is_set()
    assert service.inspect("{{.State.ExitCode}}") == "0", story(service)
    assert {name: size(s3, name) for name in size_of} == size_of, story(service)
    assert other.inspect("{{.State.Running}}") == "true"
    assert "sleep 1000" in other.run("ps -e -o args"), "nobody else's process was ended"


def test_a_stop_that_loses_something_says_so(serve: Serve, s3: Server, project: dict[str, str]) -> None:
    """S3 takes nothing any more: s3fs cannot write what is left before Docker's patience ends."""
    service = serve(*MOUNT, **project, STOP_SECONDS="10").ready()
    write(service, "held", HELD)
    s3.hang()
    service.stop()
    assert service.inspect("{{.State.ExitCode}}") == "74", story(service)
    assert sum("something may be missing in the bucket: " in line for line in service.lines()) == 1
    s3.answer()
    assert size(s3, "held") <= 0


@pytest.mark.parametrize(
    "options",
    [
        ("--read-only",),
        ("--cap-drop", "ALL"),
        ("--cap-drop", "ALL", "--cap-add", "SETUID", "--cap-add", "SETGID"),
        ("--pids-limit", "4"),
        ("--user", "1001"),
    ],
)
def test_too_few_rights_are_one_line(serve: Serve, options: tuple[str, ...]) -> None:
    service = serve(*options)
    until(lambda: not service.running or "ready: " in service.logs(), "it starts, or not")
    assert "Traceback" not in service.logs(), service.logs()
    if not service.running:
        assert service.inspect("{{.State.ExitCode}}") == "1"
        assert service.lines(), service.logs()


def test_in_a_user_namespace_that_has_one_user_it_is_one_line(machines: Machines, image: str) -> None:
    machine = machines(image, MOUNT, ("tail", "-f", "/dev/null"))
    output = machine.run("unshare --user --map-root-user start-jupyter; echo code=$?", check=False)
    assert "Traceback" not in output and output.endswith("code=1\n"), output
