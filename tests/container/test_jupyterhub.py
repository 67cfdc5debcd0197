"""deployments/jupyterhub, for real: a hub, its proxy, two users with a container each, and what one can do to the other."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator

import pytest
import requests
import websocket

from builder import docker as client
from builder import overrides
from builder.errors import BuildError
from deployments.jupyterhub import network

from .hub import Hub, User, running
from .machines import ROOT, until
from .services import Service
from .test_proxy import APP

ADA, GRACE = "ada", "grace.h@example.org"
IMAGE = "melda-test-hub:latest"
APP_PORT = 8050
COOKIES = ("jupyterhub-", "username-", "_xsrf")
# Asks from a container of its user whether something listens; what is dropped is not waited for long.
CONNECT = """
import socket
def answers(address, port):
    try:
        socket.create_connection((address, port), 3).close()
        return True
    except OSError:
        return False
print([answers(address, port) for address, port in {0}])
"""


@pytest.fixture(scope="module")
def hub_image(docker: str, image: str) -> Iterator[str]:
    """The image with JupyterHub's side in it, made as deployments/jupyterhub/README.md says.

    MELDA_TEST_HUB_IMAGE names one that is there.
    """
    if os.environ.get("MELDA_TEST_HUB_IMAGE"):
        yield os.environ["MELDA_TEST_HUB_IMAGE"]
        return
    asked = {"BASE_IMAGE": image, "PROVISION_DATA": "packages=core jupyterhub=true"}
    client.build(docker, str(ROOT / "Dockerfile"), IMAGE, asked, str(ROOT), overrides.to_build({}))
    yield IMAGE
    subprocess.run([docker, "image", "rm", "--force", IMAGE], capture_output=True, check=False)


@pytest.fixture(scope="module")
def hub(docker: str, hub_image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    with running(docker, hub_image, tmp_path_factory.mktemp("hub")) as found:
        yield found


def started(hub: Hub, name: str) -> User:
    user = User(hub.url, name)
    assert user.log_in().ok
    user.start()
    return user


@pytest.fixture(scope="module")
def ada(hub: Hub) -> User:
    return started(hub, ADA)


@pytest.fixture(scope="module")
def grace(hub: Hub) -> User:
    return started(hub, GRACE)


def test_each_user_has_a_container_and_runs_cells_in_both_kernels(hub: Hub, ada: User, grace: User) -> None:
    assert len(hub.containers()) == 2
    hosts = set()
    for user in (ada, grace):
        notebook = user.notebook(user.token())
        assert notebook.run("ir", "cat(6 * 7)").stdout == "42"
        output = notebook.run(
            "python3", "import os, socket; print(os.getuid(), os.getcwd(), socket.gethostname())"
        ).stdout
        uid, folder, name = output.split()
        assert (uid, folder) == ("1001", "/home/melda/project")
        hosts.add(name)
        assert hub.ask("exec", hub.container(user.name), "cat", "/proc/1/comm") == "start-jupyter"
    assert len(hosts) == 2


def test_a_browser_is_sent_to_its_own_notebook(ada: User) -> None:
    """The way of JupyterHub's pages: cookies, and the hub's word for who somebody is."""
    page = ada.get(f"{ada.path}/tree")
    assert page.status_code == 200
    assert page.url == f"{ada.url}{ada.path}/tree"
    assert "jupyter-config-data" in page.text
    assert page.headers["X-JupyterHub-Version"]
    assert ada.get(f"{ada.path}/").url.startswith(f"{ada.url}{ada.path}/tree"), "where the hub's own page leads to"


def test_the_container_is_well(hub: Hub, ada: User) -> None:
    """The health check knows the path under which Jupyter answers."""
    assert '"jupyter": "ok"' in hub.ask("exec", hub.container(ADA), "healthcheck")


def test_a_stranger_gets_nothing(hub: Hub, ada: User) -> None:
    assert requests.get(f"{hub.url}{ada.path}/api/contents", timeout=30).status_code == 403
    page = requests.get(f"{hub.url}{ada.path}/tree", timeout=30)
    assert page.url.startswith(f"{hub.url}/hub/login?next=")
    assert User(hub.url, ADA).log_in("wrong").status_code == 403
    assert User(hub.url, "eve").log_in().status_code == 403, "right password, and not in the list"


def test_no_user_reaches_anothers_server_through_the_proxy(ada: User, grace: User) -> None:
    token = grace.token()
    with pytest.raises(requests.HTTPError, match="403"):
        grace.notebook(token, ada).request("GET", "/api/contents")
    with pytest.raises(requests.HTTPError, match="403"):
        grace.notebook(token, ada).request("POST", "/api/kernels", {"name": "python3"})
    assert grace.get(f"{ada.path}/tree").status_code == 403
    with ada.notebook(ada.token()).start("python3") as kernel:
        url = f"{ada.url}{ada.path}/api/kernels/{kernel.id}/channels".replace("http", "ws", 1)
        with pytest.raises(websocket.WebSocketBadStatusException, match="403"):
            websocket.create_connection(url, header={"Authorization": f"token {token}"}, timeout=30)
        assert kernel.run("print(1)").stdout == "1\n", "it is there, for its owner"


def test_an_app_of_a_users_is_shown_to_that_user_alone(hub: Hub, ada: User, grace: User) -> None:
    """Page and WebSocket, with none of the hub's credentials; and no other host through it."""
    token, path = ada.token(), f"{ada.path}/proxy/{APP_PORT}"
    hub.ask("exec", "--detach", "--user", "melda", hub.container(ADA), "/opt/jupyter/bin/python", "-c", APP % APP_PORT)
    until(lambda: ada.get(f"{path}/page").ok, "the app answers")
    found = ada.get(f"{path}/page?a=1").json()
    assert found["uri"] == "/page?a=1"
    assert not [name for name in found["headers"].get("Cookie", "").split("; ") if name.startswith(COOKIES)]
    asked = requests.get(f"{ada.url}{path}/page", headers={"Authorization": f"token {token}"}, timeout=30).json()
    assert token not in str(asked)
    url = ada.url.replace("http", "ws", 1) + f"{path}/ws"
    opened = websocket.create_connection(url, header={"Authorization": f"token {token}"}, timeout=30)
    opened.send("a")
    assert opened.recv() == "echo a"
    opened.close()
    with pytest.raises(websocket.WebSocketBadStatusException, match="403"):
        websocket.create_connection(url, header={"Authorization": f"token {grace.token()}"}, timeout=30)
    assert grace.get(f"{path}/page").status_code == 403
    for other in (f"{hub.address(GRACE)}:8888", "localhost:2310", "2310", "8888"):
        assert ada.get(f"{ada.path}/proxy/{other}/").status_code == 403, other


def test_no_user_reaches_anothers_container_on_the_network(hub: Hub, ada: User, grace: User) -> None:
    address, mine, gateway = hub.address(ADA), hub.address(GRACE), hub.address_of_hub()
    asked = [
        (mine, 8888), (mine, 2310), (gateway, hub.hub_port),
        (address, 8888), (address, 2310), (gateway, hub.api_port),
    ]  # fmt: skip
    output = grace.notebook(grace.token()).run("python3", CONNECT.format(asked)).stdout
    # Its own, and the hub's API; not the other's Jupyter and versions, not the API that steers the proxy.
    assert output == "[True, True, True, False, False, False]\n"
    assert requests.get(f"http://{address}:2310/versions", timeout=30).ok, "it listens, for this machine"


def test_what_a_container_knows_opens_nothing_of_anothers(hub: Hub, ada: User, grace: User) -> None:
    """Its own token to the hub is in the environment of a user's kernels, as JupyterHub means it to be."""
    code = "import os; print(os.environ['JUPYTERHUB_API_TOKEN'], os.environ['JUPYTERHUB_API_URL'])"
    token, api = grace.notebook(grace.token()).run("python3", code).stdout.split()
    headers = {"Authorization": f"token {token}"}
    assert requests.get(f"{api}/users/{ADA}", headers=headers, timeout=30).status_code == 404
    assert requests.get(f"{api}/users", headers=headers, timeout=30).status_code == 403
    assert requests.post(f"{api}/users/{ADA}/tokens", headers=headers, timeout=30).status_code in (403, 404)
    assert requests.get(f"{hub.url}{ada.path}/api/contents", headers=headers, timeout=30).status_code == 403


def test_a_project_is_its_users_and_outlives_the_container(hub: Hub, ada: User, grace: User) -> None:
    ada.notebook(ada.token()).run("python3", "open('hers.txt', 'w').write('secret')")
    listing = "import os; print(sorted(name for name in os.listdir('.') if not name.startswith('.')))"
    assert "hers.txt" in ada.notebook(ada.token()).run("python3", listing).stdout
    assert "hers.txt" not in grace.notebook(grace.token()).run("python3", listing).stdout
    before = hub.container(ADA)
    ada.stop()
    until(lambda: before not in hub.containers(), "the container is removed")
    ada.start()
    assert ada.notebook(ada.token()).run("python3", "print(open('hers.txt').read())").stdout == "secret\n"


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"JUPYTERHUB_API_TOKEN": ""}, "invalid JUPYTERHUB_API_TOKEN: expected one, as"),
        ({"JUPYTERHUB_SERVICE_URL": "http://0.0.0.0:80/"}, "invalid JUPYTERHUB_SERVICE_URL='http://0.0.0.0:80/'"),
        ({}, "invalid JUPYTERHUB_API_TOKEN for this image: expected one that was built with jupyterhub=true"),
    ],
)
def test_what_is_wrong_ends_the_container_with_one_line(
    serve: Callable[..., Service], changed: dict[str, str], says: str
) -> None:
    given = {
        "JUPYTERHUB_API_TOKEN": "CANARY",
        "JUPYTERHUB_API_URL": "http://192.0.2.1:8081/hub/api",
        "JUPYTERHUB_SERVICE_PREFIX": "/user/ada/",
        "JUPYTERHUB_SERVICE_URL": "http://0.0.0.0:8888/user/ada/",
    }
    service = serve(JUPYTER_TOKEN="", **{**given, **changed})
    code, lines = service.ended()
    assert code == 1
    assert lines[-1].startswith(says)
    assert "CANARY" not in service.logs()


def test_a_network_on_which_they_reach_each_other_is_refused(docker: str) -> None:
    with pytest.raises(
        BuildError, match="invalid MELDA_HUB_NETWORK=bridge: expected a network whose containers do not"
    ):
        network.ensure(docker, "bridge")
