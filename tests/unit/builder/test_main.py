"""builder/__main__.py: in which order a build refuses."""

from __future__ import annotations

from typing import Any

import pytest

from builder import __main__ as main
from builder.errors import BuildError


def test_a_base_that_cannot_be_had_is_said_before_a_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(*_: str) -> None:
        raise BuildError("no space")

    def no_base(*_: object) -> tuple[str, str]:
        raise BuildError("BASE=debian:sid cannot be had")

    monkeypatch.setattr(main.engine, "ready", lambda: "docker")
    monkeypatch.setattr(main.engine, "check_space", no_room)
    monkeypatch.setattr(main, "resolve_sources", no_base)
    chosen = main.settings.check(main.parser().parse_args(["image", "--base", "debian:sid"]))
    with pytest.raises(BuildError, match="cannot be had"):
        main.build_image("image", chosen)
    monkeypatch.setattr(main, "resolve_sources", lambda *_: ("debian:trixie", "base", "trixie"))
    with pytest.raises(BuildError, match="no space"):
        main.build_image("image", chosen)


def test_git_is_asked_before_the_build(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(main.engine, "ready", lambda: "docker")
    monkeypatch.setattr(main.image, "tell_revision", lambda: asked.append("git"))

    def stop(*_: object) -> tuple[str, str]:
        asked.append("sources")
        raise BuildError("stop")

    monkeypatch.setattr(main, "resolve_sources", stop)
    chosen = main.settings.check(main.parser().parse_args(["image"]))
    for work in (lambda: main.build_image("image", chosen), lambda: main.export_bundle(chosen)):
        with pytest.raises(BuildError, match="stop"):
            work()
    assert asked == ["git", "sources"] * 2


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"BUCKET_NAME": "projects"}, "invalid PROJECT_FOLDER=''"),
        ({"BUCKET_NAME": "projects", "PROJECT_FOLDER": "../secrets"}, "invalid PROJECT_FOLDER='../secrets'"),
        ({"JUPYTER_TOKEN_FILE": "/nowhere"}, "invalid JUPYTER_TOKEN_FILE=/nowhere: expected a file"),
        ({"IDLE_SECONDS": "soon"}, "invalid IDLE_SECONDS='soon'"),
        ({"GIT_REPOSITORY": "mine"}, "invalid GIT_REPOSITORY='mine'"),
    ],
)
def test_what_the_container_would_refuse_costs_no_build_and_no_container_that_runs(
    bare: pytest.MonkeyPatch, given: dict[str, str], line: str
) -> None:
    def begun(*_: Any) -> None:
        raise AssertionError("something was done")

    bare.setattr("os.path.exists", lambda _: True)
    for name, value in given.items():
        bare.setenv(name, value)
    for module, name in ((main, "build_image"), (main.engine, "find"), (main.container, "up")):
        bare.setattr(module, name, begun)
    with pytest.raises(BuildError) as refused:
        main.up(main.settings.check(main.parser().parse_args(["up"])))
    assert str(refused.value).startswith(line)


@pytest.mark.parametrize(
    ("engine", "login", "host"),
    [
        ("unix:///var/run/docker.sock", "198.51.100.9 50000 192.0.2.7 22", "ada@192.0.2.7"),
        ("unix:///var/run/docker.sock", "", ""),
        ("unix:///var/run/docker.sock", "nonsense", ""),
        # The address that was printed is of the engine's host, where nobody has a browser.
        ("ssh://root@far:2222", "", "ssh://root@far:2222"),
        ("tcp://127.0.0.1:2375", "", ""),
        ("npipe:////./pipe/docker_engine", "", ""),
        ("tcp://far:2376", "198.51.100.9 50000 192.0.2.7 22", "far"),
    ],
)
def test_who_is_elsewhere_is_told_of_a_tunnel(
    monkeypatch: pytest.MonkeyPatch, engine: str, login: str, host: str
) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "ada")
    monkeypatch.setenv("SSH_CONNECTION", login)
    monkeypatch.setattr(main.client, "call", lambda *_: engine)
    told = [line.split("   ")[1] for line in main._tunnel("docker", "8890")]
    assert told == ([f"ssh -L 8890:127.0.0.1:8890 {host}"] if host else [])
