"""builder/container.py: the options of ``docker run`` that go with a variable."""

from __future__ import annotations

import socket

import pytest

from builder import container
from builder.errors import BuildError
from deployments.ecs import task_definition

from .test_container import PORT, WORKDIR


def test_docker_and_the_container_know_how_long_a_stop_may_take(bare: pytest.MonkeyPatch) -> None:
    for given, seconds in (("", "120"), ("30", "30")):
        bare.setenv("STOP_SECONDS", given)
        variables = container.environment()
        options = container.options(variables, PORT, WORKDIR)
        assert (variables["STOP_SECONDS"], options[options.index("--stop-timeout") + 1]) == (seconds, seconds)


def test_make_up_gives_what_the_deployments_give(bare: pytest.MonkeyPatch) -> None:
    """Of memory as much is shared, a stop takes as long, and start-jupyter is PID 1."""
    options = container.options(container.environment(), PORT, WORKDIR)
    assert options[options.index("--shm-size") + 1] == f"{task_definition.SHARED_MEMORY // 1024}g"
    assert options[options.index("--stop-timeout") + 1] == str(task_definition.STOP)
    assert "--init" not in options


def test_data_to_read_need_the_mount_and_the_project_its_volume(bare: pytest.MonkeyPatch) -> None:
    bare.setattr("os.path.exists", lambda path: path != "/dev/fuse")
    bare.setenv("DATA_BUCKET", "d")
    with pytest.raises(BuildError, match="^DATA_BUCKET=d cannot be mounted"):
        container.environment()
    options = container.options({"DATA_BUCKET": "d"}, PORT, WORKDIR)
    assert "/dev/fuse" in options and f"{container.VOLUME}:{WORKDIR}" in options


def test_a_port_that_only_the_engine_may_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is in the group docker and not root was told that PORT=80 is not free."""

    class Socket(socket.socket):
        def bind(self, address: object) -> None:
            raise PermissionError(13, "Permission denied", address)

    monkeypatch.setattr(socket, "socket", Socket)
    container.check_port("80")


@pytest.mark.parametrize(
    ("engine", "login", "host"),
    [
        ("unix:///var/run/docker.sock", "198.51.100.9 50000 192.0.2.7 22", "ada@192.0.2.7"),
        ("unix:///var/run/docker.sock", "", ""),
        ("unix:///var/run/docker.sock", "nonsense", ""),
        # The address that was printed is of the engine's host, where nobody has a browser.
        ("ssh://root@far:2222", "", "ssh://root@far:2222"),
        ("tcp://far:2376", "198.51.100.9 50000 192.0.2.7 22", "far"),
    ],
)
def test_who_is_elsewhere_is_told_of_a_tunnel(
    monkeypatch: pytest.MonkeyPatch, engine: str, login: str, host: str
) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "ada")
    monkeypatch.setenv("SSH_CONNECTION", login)
    monkeypatch.setattr(container.client, "call", lambda *_: engine)
    told = [line.split("   ")[1] for line in container.tunnel("docker", "8890")]
    assert told == ([f"ssh -L 8890:127.0.0.1:8890 {host}"] if host else [])
