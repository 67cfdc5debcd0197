"""Jupyter's token, where it is and where it is not."""

from __future__ import annotations

import socket
import stat
import threading
from pathlib import Path

import pytest
from melda.config.environ import Settings
from melda.config.firewall_policy import from_env
from melda.jupyter import service as jupyter


@pytest.mark.parametrize(
    "written", ["x" * 5000, "short", "a\nstart-jupyter: ready: forged" + "b" * 30, "\xe9" * 43, ""]
)
def test_what_the_user_wrote_into_its_file_is_no_token(settings: Settings, tmp_path: Path, written: str) -> None:
    path, _ = jupyter.token_file(settings, str(tmp_path))
    Path(path).chmod(0o600)
    Path(path).write_text(written)
    assert jupyter.url(settings, path, True).endswith("?token=")
    jupyter.token_file(settings, str(tmp_path))
    assert len(Path(path).read_text()) == 43


def test_a_random_token_stays_and_is_shown(settings: Settings, tmp_path: Path) -> None:
    path, random = jupyter.token_file(settings, str(tmp_path / "run"))
    token = Path(path).read_text()
    assert random
    assert len(token) >= 32
    assert jupyter.url(settings, path, random).endswith("/tree?token=" + token)
    below = settings._replace(variables={"JUPYTER_BASE_URL": "n/ada"})
    assert jupyter.url(below, path, random).endswith(":8888/n/ada/tree?token=" + token)
    found = Path(path).stat()
    assert (found.st_uid, stat.S_IMODE(found.st_mode)) == (settings.layout.user.uid, 0o400)
    assert jupyter.token_file(settings, str(tmp_path / "run")) == (path, True)
    again = Path(path).stat()
    assert (again.st_ino, again.st_mtime_ns) == (found.st_ino, found.st_mtime_ns)


def test_another_container_gets_another_token(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = jupyter.token_file(settings, str(tmp_path))
    monkeypatch.setattr(socket, "gethostname", lambda: "another")
    second, _ = jupyter.token_file(settings, str(tmp_path))
    assert Path(first).read_text() != Path(second).read_text()


def test_a_given_token_is_not_shown(settings: Settings, tmp_path: Path) -> None:
    path, random = jupyter.token_file(settings._replace(token="CANARY"), str(tmp_path))  # noqa: S106
    assert (Path(path).read_text(), random) == ("CANARY", False)
    assert "CANARY" not in jupyter.url(settings, path, random)


def test_no_token_where_the_firewall_says_who_may_connect(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, random = jupyter.token_file(
        settings._replace(firewall=from_env({"PGEO_IPS": "10.0.0.1"}, None)), str(tmp_path)
    )
    assert (Path(path).read_text(), random) == ("", False)
    assert capsys.readouterr().err == f"start-jupyter: {jupyter.UNAUTHENTICATED}\n", "and what that means is said"
    jupyter.token_file(settings, str(tmp_path))
    assert capsys.readouterr().err == ""


def test_neither_arguments_nor_environment_hold_the_token(settings: Settings, tmp_path: Path) -> None:
    given = settings._replace(token="CANARY")  # noqa: S106
    path, _ = jupyter.token_file(given, str(tmp_path))
    service = jupyter.service(given, {"HOME": "/h"}, path, 7)
    assert "CANARY" not in " ".join([*service.argv, *service.environment.values()])
    assert service.environment == {"HOME": "/h", "MELDA_TOKEN_FILE": path}
    assert service.critical
    assert (service.account, service.stdin, service.argv[-1]) == (settings.layout.user, 7, settings.layout.workdir)


@pytest.mark.parametrize(("status", "well"), [(200, True), (500, False)])
def test_answers(status: int, well: bool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = {"JUPYTER_PORT": str(server.getsockname()[1])}
        reply = f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode()

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                assert connection.recv(1000).startswith(b"GET /api HTTP/1.0")
                connection.sendall(reply)

        thread = threading.Thread(target=serve)
        thread.start()
        assert jupyter.answers(port, 5.0) is well
        thread.join()
    assert not jupyter.answers(port, 0.5)  # nobody listens any more


def test_a_hosts_address_is_one_that_others_can_open(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, random = jupyter.token_file(settings, str(tmp_path))
    assert jupyter.url(settings, path, random, "192.0.2.7").startswith("http://192.0.2.7:8888/tree?token=")
    assert jupyter.url(settings, path, random).startswith("http://127.0.0.1:8888/tree?token=")
    other = settings._replace(variables={"JUPYTER_PORT": "9999"})
    assert jupyter.url(other, path, random).startswith("http://127.0.0.1:9999/tree?token=")
    found = jupyter.own_address()
    assert found.count(".") == 3

    class SixAlone(socket.socket):
        def connect(self, address: object) -> None:
            if self.family == socket.AF_INET:
                raise OSError(101, "Network is unreachable")

        def getsockname(self) -> tuple[str, int]:
            return "fd00::7", 1

    monkeypatch.setattr(socket, "socket", SixAlone)
    assert jupyter.own_address() == "[fd00::7]"

    class Unreachable(socket.socket):
        def connect(self, address: object) -> None:
            raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(socket, "socket", Unreachable)
    assert jupyter.own_address() == "127.0.0.1"
