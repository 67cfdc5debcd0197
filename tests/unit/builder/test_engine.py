"""builder/engine.py with docker clients that are small scripts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from builder import engine
from builder.errors import BuildError

Fake = Callable[[str, str], Path]


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    """``fake(folder, script)`` puts a docker client on PATH, after the ones before it; no other is there."""
    folders: list[str] = []
    monkeypatch.setattr(engine, "FOLDERS", ())

    def make(folder: str, script: str) -> Path:
        (tmp_path / folder).mkdir()
        client = tmp_path / folder / "docker"
        client.write_text("#!/bin/sh\n" + script)
        client.chmod(0o755)
        folders.append(str(client.parent))
        monkeypatch.setenv("PATH", ":".join(folders))
        return client

    return make


OLD = """case "$1" in
--version) echo "Docker version 20.10.24, build x";; buildx) exit 1;; context) echo default;; version) {0};; esac
"""
NEW = 'case "$1" in --version) echo "Docker version 28.2.2, build x";; buildx) {1};; version) {0};; esac\n'


def test_a_newer_client_without_buildx_is_passed_over(fake: Fake) -> None:
    fake("first", NEW.format("echo 20", "exit 1"))
    second = fake("second", OLD.format("echo 20"))
    assert engine.ready() == str(second)


PODMAN = 'case "$1" in --version) echo "podman version 4.3.1";; *) exit 0;; esac\n'


def test_podman_under_dockers_name_is_refused_by_name(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    client = fake("first", PODMAN)
    monkeypatch.setattr(engine.host, "install", lambda *_: pytest.fail("nothing is installed beside it"))
    with pytest.raises(
        BuildError, match=f"^{client} is podman, which is not supported: remove podman-docker and install"
    ):
        engine.ready()


def test_podman_under_its_own_name_is_said_where_no_docker_is(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    podman = fake("first", PODMAN)
    podman.rename(podman.with_name("podman"))
    asked: list[str] = []
    monkeypatch.setattr(engine.host, "install", lambda what, *_: asked.append(what))
    with pytest.raises(BuildError):
        engine.ready()
    assert asked == ["a Docker engine whose client has BuildKit (podman, which is here, is not supported)"]


def test_podman_before_docker_is_passed_over(fake: Fake) -> None:
    fake("first", PODMAN)
    second = fake("second", OLD.format("echo 20"))
    assert engine.ready() == str(second)


def test_a_newer_client_with_buildx_is_taken(fake: Fake) -> None:
    first = fake("first", NEW.format("echo 28", "echo v0.1"))
    fake("second", OLD.format("echo 20"))
    assert engine.ready() == str(first)


def test_no_rights_is_one_line(fake: Fake) -> None:
    fake("only", OLD.format("echo 'permission denied while trying to connect' >&2; exit 1"))
    with pytest.raises(
        BuildError, match=r"^no rights to the Docker engine: run as root or join the group docker \(permission"
    ):
        engine.ready()


def test_a_remote_engine_that_does_not_answer_is_named(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "tcp://192.0.2.1:2375")
    fake("only", OLD.format("echo 'Cannot connect' >&2; exit 1"))
    with pytest.raises(BuildError, match=r"^DOCKER_HOST='tcp://192.0.2.1:2375' does not answer: Cannot connect$"):
        engine.ready()


def test_a_client_that_ends_at_a_wrong_variable_is_not_missing(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    """docker 20.10 and newer say not even their version then; an engine was installed, and buildx said to be missing."""
    monkeypatch.setattr(engine.host, "install", lambda *_: pytest.fail("there is a client"))
    wrong = 'unable to resolve docker endpoint: context "gone" does not exist'
    fake("only", f"[ \"$DOCKER_CONTEXT\" = default ] || {{ echo '{wrong}' >&2; exit 1; }}\n" + OLD.format("echo 20"))
    monkeypatch.setenv("DOCKER_CONTEXT", "gone")
    with pytest.raises(BuildError, match=f"^DOCKER_CONTEXT='gone' does not answer: {wrong}$"):
        engine.ready()


@pytest.mark.parametrize(
    ("shown", "problem"), [("echo far", "Cannot connect"), ("exit 1", 'context "lost" is not found')]
)
def test_a_context_that_does_not_answer_starts_no_engine_here(
    shown: str, problem: str, fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As root another engine was started, or installed, and `make down` said that there is no container."""
    stopped(monkeypatch, tmp_path)
    monkeypatch.setattr(engine.host, "install", lambda *_: pytest.fail("there is a client"))
    monkeypatch.setattr(engine, "_start", lambda: pytest.fail("there is an engine"))
    elsewhere = f"case \"$1\" in context) {shown};; *) echo '{problem}' >&2; exit 1;; esac; exit"
    client = fake("only", f'[ "$DOCKER_CONTEXT" = default ] || {{ {elsewhere}; }}\n' + OLD.format("echo 20"))
    assert engine.find() == str(client)
    with pytest.raises(BuildError, match=rf"^the Docker context in use does not answer \(.*\): {problem}$"):
        engine.ready()


def test_no_engine_and_no_root_says_what_to_install(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    fake("only", "exit 127\n")
    monkeypatch.setattr(
        engine.host.shutil, "which", lambda name, path=None: "/usr/bin/apt-get" if name == "apt-get" else None
    )
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(
        BuildError,
        match=r"^a Docker engine whose client has BuildKit is missing: run 'apt-get install docker.io' as root",
    ):
        engine.ready()


@pytest.mark.parametrize(
    ("packages", "free", "refused"), [("none", 5, False), ("core", 4.9, True), ("datascience", 11, True)]
)
def test_space(
    packages: str, free: float, refused: bool, tmp_path: Path, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = fake("only", f"echo {tmp_path}\n")
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=free * 1e9))
    if refused:
        with pytest.raises(
            BuildError, match=rf"^no space: PACKAGES={packages} needs \d+ GB in .*, {free:.1f} GB are free$"
        ):
            engine.check_space(str(client), packages)
    else:
        engine.check_space(str(client), packages)


def test_a_client_that_still_cannot_build_after_the_installation(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    installed: list[list[str]] = []
    fake("only", NEW.format("echo 28", "exit 1"))
    monkeypatch.setattr(engine.host, "install", lambda _, packages, optional: installed.append([*packages, *optional]))
    with pytest.raises(BuildError, match="^docker.io is installed, and its client cannot build"):
        engine.ready()
    assert installed == [["docker.io", "docker-cli", "docker-buildx"]]


STARTED = OLD.format("[ -e $0.up ] || { echo 'Cannot connect' >&2; exit 1; }")


def stopped(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Root, and no systemd."""
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    monkeypatch.setattr(engine, "LOG", str(tmp_path / "log"))
    monkeypatch.setattr(engine, "SYSTEMD", tmp_path / "none")


def test_an_engine_that_does_not_run_is_started(fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped(monkeypatch, tmp_path)
    client = fake("only", STARTED)
    dockerd = client.parent / "dockerd"
    dockerd.write_text(f"#!/bin/sh\n: > {client}.up\n")
    dockerd.chmod(0o755)
    assert engine.ready() == str(client)


def test_an_engine_that_cannot_start_is_one_line_at_once(
    fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped(monkeypatch, tmp_path)
    client = fake("only", STARTED)
    dockerd = client.parent / "dockerd"
    dockerd.write_text("#!/bin/sh\necho 'no cgroup mount' >&2\nexit 1\n")
    dockerd.chmod(0o755)
    with pytest.raises(BuildError, match=rf"^the Docker engine did not start \(no cgroup mount\): see {tmp_path}/log$"):
        engine.ready()
