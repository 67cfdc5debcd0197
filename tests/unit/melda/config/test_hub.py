"""A container that a JupyterHub started: what it must be told, and what Jupyter is told then."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from melda.base.errors import ConfigError
from melda.config import base_url, environ, hub, jupyter_port
from melda.config.environ import Settings
from melda.config.hub import Hub
from melda.jupyter import service as jupyter

GIVEN = {
    "JUPYTERHUB_API_TOKEN": "CANARY",
    "JPY_API_TOKEN": "CANARY",
    "JUPYTERHUB_API_URL": "http://172.18.0.1:8081/hub/api",
    "JUPYTERHUB_SERVICE_PREFIX": "/user/ada%40x/",
    "JUPYTERHUB_SERVICE_URL": "http://0.0.0.0:8888/user/ada%40x/",
}


def test_what_a_hub_says() -> None:
    assert hub.from_env(GIVEN, 8888) == Hub("/user/ada%40x/", 8081)
    assert base_url.from_env(GIVEN) == "/user/ada%40x/"


def test_no_hub() -> None:
    assert hub.from_env({"PATH": "/bin"}, 8888) is None
    assert hub.from_env({"JUPYTERHUB_API_TOKEN": "", "JUPYTERHUB_SERVICE_PREFIX": ""}, 8888) is None
    assert base_url.from_env({"JUPYTERHUB_SERVICE_PREFIX": ""}) == "/"


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"JUPYTERHUB_API_TOKEN": ""}, "invalid JUPYTERHUB_API_TOKEN: expected one, as"),
        ({"JUPYTERHUB_SERVICE_PREFIX": ""}, "invalid JUPYTERHUB_SERVICE_PREFIX='': expected a path"),
        ({"JUPYTERHUB_SERVICE_PREFIX": "/user/ada"}, "invalid JUPYTERHUB_SERVICE_PREFIX='/user/ada'"),
        ({"JUPYTERHUB_SERVICE_PREFIX": "/a b/"}, "invalid JUPYTERHUB_SERVICE_PREFIX='/a b/'"),
        ({"JUPYTERHUB_SERVICE_PREFIX": "/a/\r\nX: y/"}, "invalid JUPYTERHUB_SERVICE_PREFIX='/a/"),
        ({"JUPYTERHUB_API_URL": "hub:8081"}, "invalid JUPYTERHUB_API_URL='hub:8081': expected a URL"),
        ({"JUPYTERHUB_API_URL": "http://[x:1/"}, "invalid JUPYTERHUB_API_URL="),
        ({"JUPYTERHUB_API_URL": "http://hub:99999/"}, "invalid JUPYTERHUB_API_URL="),
        ({"JUPYTERHUB_API_URL": ""}, "invalid JUPYTERHUB_API_URL=''"),
        ({"JUPYTERHUB_SERVICE_URL": "http://0.0.0.0:9999/"}, "invalid JUPYTERHUB_SERVICE_URL='http://0.0.0.0:9999/'"),
        ({"JUPYTERHUB_SERVICE_URL": "https://0.0.0.0:8888/"}, "invalid JUPYTERHUB_SERVICE_URL='https://0.0.0.0:8888/'"),
        (
            {"JUPYTERHUB_SERVICE_URL": "http://127.0.0.1:8888/"},
            "invalid JUPYTERHUB_SERVICE_URL='http://127.0.0.1:8888/'",
        ),
        ({"JUPYTERHUB_SERVICE_URL": ""}, "invalid JUPYTERHUB_SERVICE_URL=''"),
        ({"JUPYTER_TOKEN": "CANARY"}, "invalid JUPYTER_TOKEN behind a JupyterHub"),
    ],
)
def test_what_is_not_right_is_refused(changed: dict[str, str], says: str) -> None:
    with pytest.raises(ConfigError) as refused:
        hub.from_env({**GIVEN, **changed}, 8888)
    assert str(refused.value).startswith(says)
    assert "CANARY" not in str(refused.value)
    assert "\n" not in str(refused.value)


@given(st.text())
def test_a_prefix_goes_into_a_request_as_it_is_or_not_at_all(value: str) -> None:
    try:
        found = hub.from_env({**GIVEN, "JUPYTERHUB_SERVICE_PREFIX": value}, 8888)
    except ConfigError:
        return
    assert found
    assert found.prefix == value
    assert value.isascii()
    assert not set(value) & set(" \r\n\t?#")


@given(st.text())
def test_whatever_an_address_is_it_is_read_or_refused(value: str) -> None:
    try:
        found = hub.from_env({**GIVEN, "JUPYTERHUB_API_URL": value}, 8888)
    except ConfigError:
        return
    assert found
    assert 0 < found.port < 65536


@pytest.mark.parametrize(
    ("port", "egress", "right"),
    [(8081, "open", True), (8081, "web", False), (443, "web", True), (443, "none", False), (8081, "none", False)],
)
def test_a_firewall_that_shuts_the_hub_out_is_refused(port: int, egress: str, right: bool) -> None:
    if right:
        hub.check_reachable(Hub("/", port), egress)
        return
    with pytest.raises(
        ConfigError, match=f"invalid EGRESS='{egress}' behind this JupyterHub: expected 'open', as port {port}"
    ):
        hub.check_reachable(Hub("/", port), egress)


def test_an_image_without_jupyterhub_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError,
        match="^invalid JUPYTERHUB_API_TOKEN for this image: expected one that was built with jupyterhub=true",
    ):
        hub.check_installed(str(tmp_path))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "jupyterhub-singleuser").touch()
    hub.check_installed(str(tmp_path))


@pytest.fixture
def behind(settings: Settings) -> Settings:
    """A container of a hub."""
    return settings._replace(variables={**settings.variables, **GIVEN}, hub=Hub("/user/ada/", 8081))


def test_only_jupyter_gets_the_hubs_token(behind: Settings) -> None:
    variables = environ.for_user(behind, "/p")
    assert "CANARY" not in variables.values()
    assert variables[base_url.VARIABLE] == GIVEN["JUPYTERHUB_SERVICE_PREFIX"], "links of the user's lead there"
    assert "CANARY" not in environ.for_root(behind).values()
    service = jupyter.service(behind, variables, "", 7)
    told = {name: value for name, value in service.environment.items() if name not in variables}
    assert told == {"JUPYTERHUB_API_TOKEN": "CANARY", "JUPYTERHUB_SINGLEUSER_EXTENSION": "1"}
    assert "CANARY" not in " ".join(service.argv)


def test_there_is_no_token_of_jupyters_own(behind: Settings, tmp_path: Path) -> None:
    assert jupyter.token_file(behind, str(tmp_path / "run")) == ("", False)
    assert not (tmp_path / "run").exists()
    assert jupyter.url(behind, "", False) == "/user/ada/ of its JupyterHub"


def test_it_is_asked_under_its_path() -> None:
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = {jupyter_port.VARIABLE: str(server.getsockname()[1])}

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                asked.append(connection.recv(1000).split(b"\r\n")[0])
                connection.sendall(b"HTTP/1.1 200 X\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=serve)
        thread.start()
        assert jupyter.answers({**GIVEN, **port}, 5.0)
        thread.join()
    assert asked == [b"GET /user/ada%40x/api HTTP/1.0"]
