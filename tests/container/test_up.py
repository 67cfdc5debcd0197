"""``make up``, ``make image`` and ``make down``, and what they refuse: one line, exit code 2, no image under the final name."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator

import pytest

from builder import container
from builder.errors import BuildError

from .fixtures import Machines
from .machines import ROOT, provision, until
from .notebook import Notebook

Builder = Callable[..., subprocess.CompletedProcess[str]]
NAMED = "melda-test-named:latest"
PORT = "18888"


def refused(done: subprocess.CompletedProcess[str], line: str) -> None:
    """It ended with 2, its last line is this one, and nothing has the final name."""
    assert done.returncode == 2, done.stdout + done.stderr
    (output,) = done.stderr.strip().splitlines()[-1:]
    assert output.startswith(f"melda-jupyter: {line}"), done.stdout[-2000:] + done.stderr
    assert "Traceback" not in done.stderr
    shown = subprocess.run(["docker", "image", "inspect", NAMED], capture_output=True, check=False)
    assert shown.returncode, f"{NAMED} was named"


@pytest.fixture
def broken(docker: str, bases: dict[str, str], machines: Machines) -> Iterator[Callable[[str], str]]:
    """``broken(command)``: the bookworm base after a shell command, as an image of the tests."""
    made = []

    def make(command: str) -> str:
        machine = machines(bases["bookworm"], command=("tail", "-f", "/dev/null"))
        machine.run(command)
        name = f"melda-test-broken:{len(made)}"
        subprocess.run([docker, "commit", machine.name, name], check=True, stdout=subprocess.DEVNULL)
        made.append(name)
        return name

    yield make
    for name in made:
        subprocess.run([docker, "image", "rm", "--force", name], capture_output=True, check=False)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("--packages", "everything"), "invalid PACKAGES=everything: expected none, core or datascience"),
        (("--image", "No Name"), "invalid IMAGE=No Name"),
        (("--base", "debian:sid"), "invalid BASE=debian:sid: expected auto, "),
    ],
)
def test_bad_settings(builder: Builder, arguments: tuple[str, ...], line: str) -> None:
    refused(builder("image", "--image", NAMED, *arguments), line)


def test_make_hands_the_variables_on(docker: str) -> None:
    done = subprocess.run(
        ["make", "image", "PACKAGES=everything", f"IMAGE={NAMED}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "melda-jupyter: invalid PACKAGES=everything" in done.stderr


def test_strict_refuses_the_base_that_is_not_the_specifications(builder: Builder, docker: str) -> None:
    if (
        subprocess.run(
            [docker, "image", "inspect", "rocker/r-ubuntu:20.04"], capture_output=True, check=False
        ).returncode
        == 0
    ):
        pytest.skip("rocker/r-ubuntu:20.04 is here")
    done = builder("preflight", "--strict")
    if done.returncode == 0:
        pytest.skip("everything can be reached from here")
    refused(done, "STRICT=1 and ")


def test_a_release_without_a_row(builder: Builder, broken: Callable[[str], str]) -> None:
    base = broken("sed -i s/VERSION_CODENAME=bookworm/VERSION_CODENAME=sid/ /etc/os-release")
    refused(
        builder("image", "--image", NAMED, "--base", base),
        f"invalid BASE={base}: expected a release of tasks/releases.py",
    )


def test_a_mirror_that_cannot_be_reached(builder: Builder, broken: Callable[[str], str]) -> None:
    base = broken("echo 'deb http://127.0.0.1:9/debian bookworm main' > /etc/apt/sources.list")
    refused(
        builder("image", "--image", NAMED, "--base", base),
        "apt is needed and cannot be reached: http://127.0.0.1:9/debian/",
    )


def test_by_hand_the_same_mirror_is_one_line_too(docker: str, broken: Callable[[str], str], machines: Machines) -> None:
    machine = machines(
        broken(
            "echo 'deb http://127.0.0.1:9/debian bookworm main' > /etc/apt/sources.list; rm -f /var/lib/apt/lists/*Release"
        ),
        command=("tail", "-f", "/dev/null"),
    )
    done = provision(docker, f"@docker/{machine.name}", packages="none")
    assert done.code != 0
    (line,) = (line for line in done.output.splitlines() if "a source of /etc/apt cannot be used" in line)
    assert "127.0.0.1:9" in line
    assert "Traceback" not in done.output


def test_a_build_that_fails_names_nothing(builder: Builder, broken: Callable[[str], str]) -> None:
    # The first thing that the build installs.
    apt = 'case "$*" in *install*) echo "E: canary of apt" >&2; exit 100;; esac; exec /usr/bin/apt-get.real "$@"'
    base = broken(
        f"cd /usr/bin && mv apt-get apt-get.real && printf '%s\\n' '#!/bin/sh' '{apt}' >apt-get && chmod 755 apt-get"
    )
    done = builder("image", "--image", NAMED, "--base", base, "--packages", "none")
    assert "E: canary of apt" in done.stdout + done.stderr
    refused(done, "building Dockerfile.base failed")


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch, docker: str) -> Iterator[None]:
    """The container and the volume of the tests in place of the user's."""
    monkeypatch.setattr(container, "NAME", "melda-test-up")
    monkeypatch.setattr(container, "VOLUME", "melda-test-up-project")
    for name in container.PASSED:
        monkeypatch.delenv(name, raising=False)
    yield
    subprocess.run([docker, "rm", "--force", "melda-test-up"], capture_output=True, check=False)
    subprocess.run([docker, "volume", "rm", "--force", "melda-test-up-project"], capture_output=True, check=False)


def test_up_again_and_down(docker: str, image: str, names: None) -> None:
    url = container.up(docker, image, PORT)
    address, token = url.split("/tree?token=")
    assert address == f"http://127.0.0.1:{PORT}"
    notebook = Notebook(address, token)
    notebook.run("python3", "open('kept.txt', 'w').write('kept')")
    assert token not in subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout

    assert container.up(docker, image, PORT) == url, "it runs already"
    assert "project stays in the volume" in container.down(docker)
    assert container.down(docker).startswith("there is no container")

    again = Notebook(*container.up(docker, image, PORT).split("/tree?token="))
    assert again.run("python3", "print(open('kept.txt').read())").stdout == "kept\n"


def test_a_container_that_cannot_start_says_why_and_is_gone(
    docker: str, image: str, names: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BUCKET_NAME", "nobodys-bucket")
    monkeypatch.setenv("PROJECT_FOLDER", "../secrets")
    with pytest.raises(BuildError, match=r"^the container ended with 1: .*PROJECT_FOLDER='../secrets'"):
        container.up(docker, image, PORT)
    until(lambda: "there is no container" in container.down(docker), "it is gone")
