"""A project outlives its image: ten Python and ten R packages on real images of other releases, and back."""

# ruff: noqa: F811 pytest finds the fixtures that are imported here by their names
from __future__ import annotations

import json
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fakes.s3 import Server

from .forks import Fork
from .machines import until
from .releases import (  # noqa: F401
    APT,
    INSTALL,
    NOT_TO_BE_HAD,
    RELEASES,
    contrib,
    cran,
    packages,
    release,
    ten,
)
from .services import BUCKET, MOUNT, bucket_variables

pytestmark = [pytest.mark.full, pytest.mark.timeout(1800)]
DIRECTIONS = [(old, new) for old in RELEASES for new in RELEASES if old != new]
PYTHON = {"zebra": "1.0", "yak": "2.0", "lynx": "1.0", "owl": "3.0", "mine": "0.1"}  # what a kernel imports afterwards
OTHERS = ("wrapt", "msgpack")
R = (*APT, "meldapure", "meldanative", "meldaold", "meldalocal")
LEFT = len(PYTHON) + len(OTHERS) + len(R)


@pytest.fixture(scope="module", params=DIRECTIONS, ids="-".join)
def direction(request: pytest.FixtureRequest) -> tuple[str, str]:
    """From one release to another, newer or older; ``-k bullseye-trixie-local`` takes one of them."""
    old, new = request.param
    return old, new


@pytest.fixture(scope="module")
def old(direction: tuple[str, str]) -> str:
    return direction[0]


@pytest.fixture(scope="module")
def new(direction: tuple[str, str]) -> str:
    return direction[1]


class Life:
    """A project, in a bucket or a volume, and its containers of one release or another."""

    def __init__(self, docker: str, release: Callable[[str], str], ten: Path, bucket: dict[str, str] | None) -> None:
        self.docker, self.release, self.variables = docker, release, bucket or {}
        self.volume = "" if bucket else f"melda-test-{uuid.uuid4().hex[:12]}"
        self.options = ["--volume", f"{ten}:/wheels:ro", "--volume", f"{ten}/pip.conf:/etc/pip.conf:ro"]
        self.options += [
            "--cap-add",
            "SYS_PTRACE",
            *(MOUNT if bucket else ["--volume", f"{self.volume}:/home/melda/project"]),
        ]
        self.made: list[Fork] = []

    def start(self, codename: str) -> Fork:
        self.made.append(Fork(self.docker, self.release(codename), tuple(self.options), **self.variables))
        return self.made[-1]

    def end(self) -> None:
        for one in self.made:
            one.remove()
        if self.volume:
            subprocess.run([self.docker, "volume", "rm", "--force", self.volume], check=False, capture_output=True)


@pytest.fixture(params=["bucket", "local"])
def life(
    docker: str, release: Callable[[str], str], ten: Path, module_s3: Server, request: pytest.FixtureRequest
) -> Iterator[Life]:
    folder = f"users/{uuid.uuid4().hex[:12]}"
    bucket = None
    if request.param == "bucket":
        bucket = bucket_variables(module_s3, BUCKET, module_s3.credentials(folder.replace("/", "-"), BUCKET), folder)
    found = Life(docker, release, ten, bucket)
    yield found
    found.end()


def has(one: Fork, python: dict[str, str], r: tuple[str, ...] = R) -> None:
    """All of it is imported, and loaded, by kernels."""
    names = [*python, *OTHERS]
    code = f"import {', '.join(names)}; print(*({', '.join(name + '.V' for name in python)},))"
    outputs = one.notebook.run("python3", code)
    assert outputs.stdout.split() == list(python.values()), outputs.error
    loaded = "for (x in c({0})) if (!requireNamespace(x, quietly = TRUE)) cat(x, '')".format(
        ", ".join(f"'{name}'" for name in r)
    )
    assert one.notebook.run("ir", loaded).stdout == ""


def installed(one: Fork) -> Fork:
    """Install all, on the old release."""
    one.ready().shell(INSTALL)
    until(lambda: "meldahub" in one.shell("melda-env capture --no-files - || true"), "it is installed", 10)
    until(lambda: not one.health()["plugins"].startswith(("saving", "restoring")), "it is saved", 60)
    if one.health()["plugins"] != "kept in the project's folder":
        captured = (
            "grep -l meldahub project/.melda-jupyter/environment.json && grep -l bitops project/.melda-jupyter/apt.json"
        )
        until(
            lambda: len(one.shell(captured, check=False).split()) == 2, f"it is written down; {one.logs()[-2000:]}", 60
        )
    return one


def carried(one: Fork, life: Life, old: str, new: str) -> None:
    # In a volume the old folders themselves say what there was; what apt brought comes by apt.json.
    count = LEFT - (len(APT) if life.volume else 0)
    moves = ", ".join(
        f"{name} {before} to {after}" for name, before, after in zip(("Python", "R"), RELEASES[old], RELEASES[new])
    )
    text = f"{count} packages are carried over from {moves}; {len(NOT_TO_BE_HAD)} cannot be had: {', '.join(NOT_TO_BE_HAD)}"
    until(lambda: "cannot be had" in one.health().get("upgrade", "") or not one.running, text, 900)
    assert one.health()["upgrade"] == text, one.logs()[-6000:]


def test_there_and_back(life: Life, old: str, new: str, record_property: Callable[[str, object], None]) -> None:
    one = installed(life.start(old))
    before = json.loads(one.shell("melda-env capture --no-files -"))
    has(one, {**PYTHON, "yak": "1.0"})
    one.stop()
    life.release(new)  # made first, if it is not there yet
    began = time.monotonic()
    two = life.start(new).ready()
    ready = time.monotonic() - began
    carried(two, life, old, new)
    print(f"\n{old} -> {new}, {life.volume and 'local' or 'bucket'}: ready after {ready:.1f} s, "
          f"all is carried over after {time.monotonic() - began:.1f} s")  # fmt: skip
    assert "the project ran on another image before" in two.health()["image"]
    has(two, PYTHON)
    assert "could not be carried over from Python" in two.notebook.run("python3", "import gone").error
    assert "could not be carried over from R" in two.notebook.run("ir", "library(meldahub)").error
    # Back, at once, while the new one still runs; the old one brings one more.
    back = life.start(old).ready()
    has(back, {**PYTHON, "yak": "1.0"}, tuple(name for name in R if name not in APT))
    until(lambda: back.notebook.run("ir", "library(bitops)").error == "", "apt's packages come again", 120)
    now = json.loads(back.shell("melda-env capture --no-files -"))
    for kind in ("python", "r"):
        versions = [
            {each["name"]: each["version"] for each in document[kind]["packages"]} for document in (before, now)
        ]
        assert versions[0] == versions[1]
    back.shell("pip install -q kudu==1.0")
    two.shell("pip uninstall -q -y zebra")  # removed there: it stays removed
    for each in (back, two):
        until(lambda each=each: not each.health()["plugins"].startswith("saving"), "it is saved", 60)
        each.stop()
    three = life.start(new).ready()
    three.says(
        f"Python-{RELEASES[old][0]} got 1 packages since it was carried over to Python-{RELEASES[new][0]}: kudu", 120
    )
    until(lambda: "1 packages are carried over" in three.health().get("upgrade", ""), three.logs()[-3000:], 120)
    assert three.notebook.run("python3", "import kudu, owl; print(kudu.V)").stdout == "1.0\n"
    assert three.notebook.run("python3", "import zebra").error


def test_killed_at_every_step(life: Life, old: str, new: str) -> None:
    """At each line of its log: what installs and what saves are killed and go on, then the container is, and its disk is lost."""
    if (old, new) != ("bookworm", "trixie"):
        pytest.skip("one direction is enough")
    installed(life.start(old)).stop()
    kills = 0
    while True:
        one = life.start(new)
        # In a bucket nothing stays of what was not saved: the way is as long each time.
        least = 1 + kills * (1 if life.volume else 3)
        until(lambda one=one, least=least: steps(one) >= least or done(one), "it goes on", 600)  # type: ignore[misc]
        if done(one):
            break
        before = steps(one)
        one.run("pkill --signal KILL --full 'src/[^ ]*/[u]pgrade-packages|src/[^ ]*/[p]lugin-sync'", check=False)
        until(lambda one=one, before=before: steps(one) > before, f"it goes on; {one.logs()[-3000:]}", 60)  # type: ignore[misc]
        one.kill()
        kills += 1
    print(f"\n{old} -> {new}, {life.volume and 'local' or 'bucket'}: killed {kills} times")
    assert kills >= 4
    carried(one, life, old, new)
    has(one, PYTHON)


def steps(one: Fork) -> int:
    """How many lines its log has of it."""
    return one.logs().count("start-jupyter: upgrade: ")


def done(one: Fork) -> bool:
    return "packages are carried over from" in one.logs()
