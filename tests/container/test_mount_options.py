"""What s3fs's options spare, and what they must not hide: others may change what is in the bucket meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.fakes.s3 import Server

from .machines import until
from .services import BUCKET, MOUNT, Service, bucket_variables, running

PREFIX = "users/ada/"


@pytest.fixture(scope="module")
def s3(module_s3: Server) -> Server:
    return module_s3


@pytest.fixture(scope="module")
def service(docker: str, image: str, s3: Server) -> Iterator[Service]:
    """A container with a project in a bucket, in which another tool has put a folder."""
    project = bucket_variables(s3, BUCKET, s3.credentials("melda-test-user", BUCKET))
    put(s3, "uploaded/data.csv", b"1,2")
    with running(docker, image, *MOUNT, **project) as found:
        yield found


def put(s3: Server, name: str, content: bytes) -> None:
    """Do what another tool does: an object, and no folder."""
    s3.client().put_object(Bucket=BUCKET, Key=PREFIX + name, Body=content)


def run(service: Service, code: str) -> str:
    """Output of a program of the user's in the project."""
    return service.run(f'cd ~/project && python3 -c "{code}"', user="melda").strip()


def failed(service: Service, code: str) -> str:
    """Output of a program of the user's that may fail."""
    return service.run(f'cd ~/project && python3 -c "{code}" 2>&1', user="melda", check=False)


def requests_of(service: Service, s3: Server, name: str, code: str) -> list[str]:
    """What a program asks of S3 for objects whose key begins with a name."""
    before = len(s3.requests)
    run(service, code)
    return [method for method, path, _ in s3.requests[before:] if PREFIX + name in path]


def test_what_is_spared_and_what_is_seen_at_once(service: Service, s3: Server) -> None:
    assert run(service, "import os; print(os.listdir('uploaded'))") == "['data.csv']", "a folder without an object"
    # Made: three HEAD and a LIST for what is not there, once; then the upload.
    assert len(requests_of(service, s3, "made", "open('made', 'w').write('x')")) <= 5
    read = "print(open('uploaded/data.csv').read())"
    assert run(service, read) == "1,2"
    assert "GET" not in requests_of(service, s3, "uploaded/data.csv", read), "it is in memory"
    # A time has whole seconds in S3.
    before = time.time()
    until(lambda: time.time() - before > 1, "another second")
    put(s3, "uploaded/data.csv", b"3,4")
    assert run(service, read) == "3,4"
    put(s3, "uploaded/data.csv", b"5,6,7")
    until(lambda: run(service, read) == "5,6,7", "all of what has grown", 5)
    s3.client().delete_object(Bucket=BUCKET, Key=PREFIX + "uploaded/data.csv")
    # A second later: until then s3fs 1.90 opens it, as an empty file.
    until(lambda: "FileNotFoundError" in failed(service, read), "a file that is removed is not there", 5)
    # A refused upload: whoever reads does not get what is nowhere but in memory.
    run(service, "open('refused', 'w').write('old'); open('refused').read()")
    s3.judge = lambda method, path: "403 Access Denied" if method == "PUT" and path.endswith("/refused") else ""
    failing = "f = open('refused', 'r+'); f.write('new'); f.close()"
    assert "PermissionError" in failed(service, failing), "the program is told"
    assert run(service, "print(open('refused').read())") == "old"
    s3.judge = lambda *_: ""


def test_terminals_say_once_what_is_slow(service: Service) -> None:
    def terminal(*lines: str) -> str:
        typed = "".join(line + "\\n" for line in lines)
        return service.run(f"cd ~/project && printf '{typed}' | bash -li 2>&1", user="melda", check=False)

    assert "[git:" not in terminal("mkdir work", "cd work", "git status")
    shown = terminal("git init --quiet work", "cd work", "git status", "git status")
    assert shown.count("[git: /home/melda/project/work is in the bucket") == 1, shown
    assert "[git:" not in terminal("cd work", "git status"), "once in a container"
    shown = terminal("export VIRTUAL_ENV=$PWD/venv", "true", "true")
    assert shown.count("[venv: /home/melda/project/venv is in the bucket") == 1, shown
    assert "[git:" not in terminal("cd", "git init --quiet here", "cd here", "git status"), "that is on local disk"


def test_a_repository_begins_with_few_files(service: Service, s3: Server) -> None:
    """git's samples of hooks were 13 files, each some requests; what its users expect to be there is."""

    def begun(name: str, *options: str) -> int:
        before = len(s3.requests)
        service.run(f"cd ~/project && git init --quiet {' '.join(options)} {name}", user="melda")
        return len(s3.requests) - before

    few, many = begun("few"), begun("many", "--template=/usr/share/git-core/templates")
    assert few < 0.8 * many
    script = (
        "cd ~/project/few && ls -A .git/hooks .git/info && echo ignored >>.git/info/exclude && touch ignored seen"
        " && printf '#!/bin/sh\necho asked\n' >.git/hooks/pre-commit && chmod +x .git/hooks/pre-commit && git add --all"
        " && git -c user.name=Ada -c user.email=ada@example.org commit --message one 2>&1 && git ls-files"
    )
    shown = service.run(script, user="melda").splitlines()
    assert shown[:4] == [".git/hooks:", "", ".git/info:", "exclude"]
    assert "asked" in shown and shown[-1] == "seen"


@pytest.mark.full
@pytest.mark.parametrize("name", ["appears", "folder/appears"])
def test_what_was_looked_for_all_the_time_appears_within_a_minute(service: Service, s3: Server, name: str) -> None:
    """s3fs by itself lets whoever asks again and again wait for ever."""
    assert run(service, f"import os; print(os.path.exists('{name}'))") == "False"
    put(s3, name, b"here")
    code = f"import os, time\nwhile not os.path.exists('{name}'): time.sleep(0.5)\nprint(open('{name}').read())"
    assert service.run(f'cd ~/project && timeout 75 python3 -c "{code}"', user="melda").strip() == "here"
