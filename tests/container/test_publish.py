"""``make publish``: a real image in a real registry, and a manifest that agrees with the image; bake, by Debian's buildx."""

from __future__ import annotations

import json
import re
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import melda
import pytest

from builder import base, manifest, overrides
from builder import docker as client

from .fixtures import Machines
from .machines import ROOT
from .registry import Registry

Builder = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def registry(docker: str, bases: dict[str, str]) -> Iterator[Registry]:
    running = Registry(docker, bases["bookworm"])
    yield running
    running.remove()


def forgotten(docker: str, address: str) -> None:
    """Take a registry's names from the engine."""
    shown = subprocess.run(
        [docker, "image", "ls", "--format", "{{.Repository}}:{{.Tag}}", f"{address}/*/*"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    if shown:
        subprocess.run([docker, "image", "rm", *shown], check=True, capture_output=True)


# Large, and asked for nothing here: every byte that is pushed is packed before.
LARGE = [
    *(f"./usr/share/{name}" for name in ("doc", "i18n", "javascript", "locale", "man")),
    *("./usr/lib/gcc", "./usr/bin/pandoc", "./usr/bin/*-lto-dump-*", "*.a"),
    *("babel", "debugpy", "fontTools", "jedi", "jupyterlab", "matplotlib", "notebook", "numpy", "numpy.libs", "pandas"),
    *("PIL", "pillow.libs", "scipy", "scipy.libs", "sklearn"),
]


@pytest.fixture(scope="module")
def small(docker: str, image: str) -> Iterator[str]:
    """What ``make image`` built, without what is large in it: with its description, and each package's own."""
    name, config = "melda-test-publish:latest", client.inspect(docker, "image", image)["Config"]
    described = [f"ENV {key}={json.dumps(value)}" for key, _, value in (one.partition("=") for one in config["Env"])]
    described += [f"LABEL {key}={json.dumps(value)}" for key, value in config["Labels"].items()]
    left_out = [f"--exclude={one}" if "/" in one or "*" in one else f"--exclude=*/site-packages/{one}" for one in LARGE]
    pack = [docker, "run", "--rm", "--entrypoint", "tar", image, "-C", "/", "--one-file-system", *left_out, "-c", "."]
    with subprocess.Popen(pack, stdout=subprocess.PIPE) as packed:
        changes = [part for one in described for part in ("--change", one)]
        subprocess.run([docker, "import", *changes, "-", name], stdin=packed.stdout, capture_output=True, check=True)
    yield name
    subprocess.run([docker, "image", "rm", "--force", name], capture_output=True, check=False)


@pytest.fixture
def address(docker: str, registry: Registry) -> Iterator[str]:
    """The registry's; the engine has no name of it when the test is over."""
    yield registry.host
    forgotten(docker, registry.host)


@pytest.fixture
def nobody(docker: str) -> Iterator[str]:
    """An address that is taken, where nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        yield address
        forgotten(docker, address)


@pytest.fixture
def login(docker: str, registry: Registry, address: str, tmp_path: Path) -> str:
    """A folder with what ``docker login`` left."""
    command = [docker, "--config", str(tmp_path), "login", "--username", registry.user, "--password-stdin"]
    subprocess.run([*command, address], input=registry.password, text=True, capture_output=True, check=True)
    return str(tmp_path)


def test_a_registry_has_the_image_under_each_tag(
    small: str, registry: Registry, address: str, builder: Builder, machines: Machines, login: str
) -> None:
    repository = f"{address}/team/melda"
    done = builder("publish", "--image", small, "--repository", repository, DOCKER_CONFIG=login)
    assert done.returncode == 0, done.stderr
    assert registry.password not in done.stdout + done.stderr + "".join(
        path.read_text() for path in manifest.paths(small)
    )
    described = json.loads(manifest.paths(small)[1].read_text())
    assert registry.tags("team/melda") == set(described["tags"])
    assert {registry.digest("team/melda", tag) for tag in described["tags"]} == {described["digest"]}
    assert f"digest   {described['digest']}" in done.stdout
    assert all(f"pushed   {repository}:{tag}" in done.stdout for tag in described["tags"])
    # What a registry's client reads of it without pulling: labels, and for what it was built.
    config = registry.config("team/melda", described["tags"][-1])
    assert config["config"]["Labels"]["io.melda.omitted"] == "; ".join(described["omitted"])
    assert f"{config['os']}/{config['architecture']}" == described["platform"]

    # By the name that was pushed, and by each interpreter's own word.
    machine = machines(f"{repository}:{described['tags'][-1]}", command=("tail", "-f", "/dev/null"))
    release, r, python = described["tags"][-1].split("_")
    assert machine.run(". /etc/os-release; echo $VERSION_ID") == f"{release}\n"
    assert machine.run("Rscript --vanilla -e 'cat(as.character(getRversion()))'") == r.removeprefix("R-")
    output = machine.run("/opt/jupyter/bin/python -c 'import platform; print(platform.python_version())'")
    assert output == f"{python.removeprefix('python-')}\n"
    assert json.loads(machine.run("get-versions --output -")) == described["versions"]
    page = manifest.paths(small)[0].read_text()
    jupyter = machine.run("/opt/jupyter/bin/python -m pip show jupyter | sed -n 's/^Version: //p'").strip()
    assert f"| jupyter | {jupyter} |" in page.splitlines()


def test_what_cannot_be_published_is_one_line(image: str, nobody: str, builder: Builder) -> None:
    repository = f"{nobody}/team/melda"
    for arguments, words in (
        (("--image", image, "--repository", f"{repository}:1"), f"invalid REPOSITORY={repository}:1"),
        (("--image", "melda-test-missing:1", "--repository", repository), "invalid IMAGE=melda-test-missing:1"),
    ):
        done = builder("publish", *arguments)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"melda-jupyter: {words}: expected") and done.stderr.count("\n") == 1


def test_nothing_is_pushed_without_a_login(
    image: str, registry: Registry, address: str, builder: Builder, tmp_path: Path
) -> None:
    repository = f"{address}/strangers/melda"
    done = builder("publish", "--image", image, "--repository", repository, DOCKER_CONFIG=str(tmp_path))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith(f"melda-jupyter: docker push {repository}:") and "credentials" in done.stderr
    assert "strangers/melda" not in registry.repositories()


def test_a_registry_that_is_gone_is_one_line(image: str, nobody: str, builder: Builder) -> None:
    done = builder("publish", "--image", image, "--repository", f"{nobody}/team/melda")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith(f"melda-jupyter: docker push {nobody}/team/melda:")
    assert "connection refused" in done.stderr


def test_buildx_reads_the_bake_file_as_we_do(bases: dict[str, str], machines: Machines) -> None:
    """By Debian 13's docker-buildx; tests/unit/test_publishing.py compares the file with the Makefile."""
    machine = machines(bases["trixie"], ("--volume", f"{ROOT}:/src:ro"), ("tail", "-f", "/dev/null"))
    machine.run("apt-get update -qq && apt-get install -y -qq --no-install-recommends docker-buildx")

    def bake(given: str = "") -> dict[str, dict[str, object]]:
        program = "$(dpkg -L docker-buildx | grep -x '.*/cli-plugins/docker-buildx')"
        found: dict[str, dict[str, object]] = json.loads(
            machine.run(f"cd /src && {given} {program} bake --print 2>/dev/null")
        )["target"]
        return found

    makefile = (ROOT / "Makefile").read_text()
    default = dict(re.findall(r"^(IMAGE|PACKAGES) \?= (\S+)$", makefile, re.MULTILINE))
    output = bake()
    of_base = {"BASE": base.FALLBACK, "PROVISION_DATA": "strict=true ", **overrides.image_arguments({})}
    assert output["system"]["args"] == output["tools"]["args"] == of_base
    assert output["image"]["args"] == {
        "BASE_IMAGE": "base-system",
        "TOOLS": "base-tools",
        "PROVISION_DATA": f"packages={default['PACKAGES']} strict=true ",
    }
    assert output["image"]["contexts"] == {"base-system": "target:system", "base-tools": "target:tools"}
    assert output["image"]["tags"] == [default["IMAGE"]]
    assert output["image"]["platforms"] == output["system"]["platforms"] == ["linux/amd64", "linux/arm64"]
    output = bake(
        "BASE=debian:trixie PACKAGES=core IMAGE=registry.example/melda:1 DATA='uid=1002 username=jo' username=jo"
        " PLATFORMS=linux/arm64 REVISION=1"
    )
    given = {"BASE": "debian:trixie", "PROVISION_DATA": "strict=true uid=1002 username=jo", "username": "jo"}
    assert output["system"]["args"] == of_base | given
    assert output["image"]["args"]["PROVISION_DATA"] == "packages=core strict=true uid=1002 username=jo"  # type: ignore[index]
    assert output["image"]["tags"] == ["registry.example/melda:1"]
    assert output["image"]["platforms"] == output["system"]["platforms"] == ["linux/arm64"]
    labels = output["image"]["labels"]
    assert isinstance(labels, dict)
    assert labels["org.opencontainers.image.version"] == melda.__version__
    assert labels["org.opencontainers.image.revision"] == "1"
    assert labels["org.opencontainers.image.base.name"] == "debian:trixie"
