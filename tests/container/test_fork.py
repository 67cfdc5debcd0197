"""FORK_OF: a project in the same bucket starts with what its parent had, without anybody doing anything."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fakes.s3 import Server, serve_all

from .machines import until
from .services import BUCKET, MOUNT, Service, bucket_variables

PARENT = "users/eve/née x"
HERE = "/home/melda/project/.melda-jupyter/fork/environment.json"
IMPORT = "su - melda -c \"python -c 'import zebra, owl; print(zebra.V, owl.V)'\""

Start = Callable[..., Service]


@pytest.fixture(scope="module")
def s3(module_s3: Server) -> Server:
    return module_s3


@pytest.fixture(scope="module")
def start(docker: str, image: str, s3: Server, with_uv: Path) -> Iterator[Start]:
    keys = s3.credentials("melda-test-fork", BUCKET)
    volumes = ("--volume", f"{with_uv}:/sources:ro", "--volume", f"{with_uv}/pip.conf:/etc/pip.conf:ro")
    made: list[Service] = []

    def run(folder: str, **more: str) -> Service:
        made.append(Service(docker, image, (*MOUNT, *volumes), **bucket_variables(s3, BUCKET, keys, folder), **more))
        return made[-1]

    yield run
    for service in made:
        service.remove()


def captured(s3: Server) -> str:
    """What the parent's daemon has written down; empty until then."""
    return s3.content(BUCKET, f"{PARENT}/.melda-jupyter/environment.json").decode()


@pytest.fixture(scope="module")
def parent(start: Start, s3: Server) -> str:
    """What a container's user installed, and never captured; the machine is so busy that the last snapshot takes a while."""
    one = start(PARENT).ready()
    until(lambda: one.health()["plugins"].startswith("saved"), "its packages are here")
    assert captured(s3) == "", "nothing was ever installed, so there is nothing to write down"
    one.run("su - melda -c 'pip install -q zebra==1.0 && pip install -q /sources/owl-3.0-py3-none-any.whl'")
    one.run("su - melda -c 'R CMD INSTALL --library=$(ls -d project/R-*) /sources/meldalocal' 2>&1")
    one.run("sed -i 's/^import sys$/import sys, time; time.sleep(2.5)/' \"$SRC/melda-env\"")
    one.stop()
    found = captured(s3)
    assert [name for name in ("zebra", "owl", "meldalocal") if name not in found] == [], one.logs()[-2000:]
    return found


def told(service: Service, what: str) -> None:
    until(lambda: service.health().get("fork") == what, f"{what}; {service.logs()[-2000:]}", 120)


DONE = f"3 packages of {PARENT} are installed"


def test_it_has_what_its_parent_had(start: Start, parent: str) -> None:
    fork = start("users/ada", FORK_OF=PARENT).ready()
    told(fork, DONE)
    assert fork.run(IMPORT) == "1.0 3.0\n"
    assert fork.run("su - melda -c \"Rscript -e 'library(meldalocal); cat(standin_version())'\"") == "0.1"
    assert fork.run(f"su - melda -c 'melda-env diff {HERE}'") == ""
    answer = fork.environment()
    now = answer.json()
    assert answer.headers["Content-Type"] == "application/json"
    was = json.loads(parent)
    for kind in ("python", "r"):
        names = [[(one["name"], one["version"]) for one in document[kind]["packages"]] for document in (now, was)]
        assert names[0] == names[1] and names[0]
    # A fork no longer follows: what its user does to it stays.
    fork.run("su - melda -c 'pip install -q zebra==2.0'")
    fork.stop()
    fork.start()
    fork.ready(2)
    told(fork, DONE)
    assert fork.run(IMPORT) == "2.0 3.0\n"


def test_killed_while_it_installs_it_goes_on(start: Start, parent: str) -> None:
    fork = start("users/bob", FORK_OF=PARENT)
    fork.says("fork: checking")
    fork.kill()
    fork.start()
    fork.ready(fork.logs().count("start-jupyter: ready: ") + 1)
    told(fork, DONE)
    assert fork.run(IMPORT) == "1.0 3.0\n"


def test_a_parent_that_nobody_opened(start: Start, s3: Server) -> None:
    s3.client().put_object(Bucket=BUCKET, Key="users/old/notebook.ipynb", Body=b"{}")
    fork = start("users/eva", FORK_OF="users/old").ready()
    told(fork, "users/old has no capture: nothing is installed")


def test_no_such_parent(start: Start) -> None:
    """tests/unit/melda/config/test_bucket.py has what can be no parent, whatever lies in the bucket."""
    code, lines = start("users/zoe", FORK_OF="users/nobody").ended()
    assert code == 1 and "invalid FORK_OF='users/nobody'" in lines[-1], lines


def test_somebody_elses_file(start: Start, s3: Server) -> None:
    """A path as a name costs that entry; nothing is installed. What is no capture: tests/unit/melda/envs/test_restore_fork.py."""
    path = '{"schema": 1, "python": {"packages": [{"name": "../x", "version": "1"}]}}'
    s3.client().put_object(Bucket=BUCKET, Key="users/evil/environment.json", Body=path.encode())
    fork = start("users/mia", FORK_OF="users/evil").ready()
    line = "0 packages of .*; 1 cannot be had: "
    until(lambda: bool(re.match(line, fork.health()["fork"])), "it is refused")
    assert fork.environment().json()["python"]["packages"] == []


# Of each process of the user's: what is in its environment.
ENVIRONMENTS = """
for one in /proc/[0-9]*; do
    [ "$(stat -c %U $one 2>/dev/null)" = melda ] && tr '\\0' '\\n' <$one/environ 2>/dev/null
done; true
"""


def test_a_start_waits_for_no_copies(start: Start, s3: Server) -> None:
    """S3 copies nothing before the start is over; some of the keys lead elsewhere."""
    client, kept = s3.client(), "users/large/environment.json"
    client.put_object(Bucket=BUCKET, Key=kept, Body=b'{"schema": 1, "python": {"packages": []}}')
    for number in range(50):
        client.put_object(Bucket=BUCKET, Key=f"{kept}.files/p{number}.whl", Body=b"x")
    for odd in ("../../../escaped", "a/../../x", "./y", "a//z"):
        client.put_object(Bucket=BUCKET, Key=f"{kept}.files/{odd}", Body=b"x")
    prefix = "users/small/.melda-jupyter/fork/"
    asked, ready = threading.Event(), threading.Event()

    def wait(method: str, path: str) -> str:
        if method == "PUT" and f"{prefix}environment.json.files/" in path:
            asked.set()
            ready.wait(60)
        return ""

    s3.judge = wait
    try:
        fork = start("users/small", FORK_OF="users/large").ready()
        assert asked.wait(60) and not ready.is_set()
    finally:
        ready.set()
        s3.judge = serve_all

    def copied() -> list[str]:
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return [item["Key"].removeprefix(prefix) for page in pages for item in page.get("Contents", [])]

    until(lambda: "environment.json" in copied(), "it is copied", 120)
    assert sum(".files/p" in key for key in copied()) == 50 and not any(".." in key for key in copied())
    fork.says("not copied, as it is no file's name")
    found = fork.run(ENVIRONMENTS)
    assert "HOME=" in found and "AWS" not in found
