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
