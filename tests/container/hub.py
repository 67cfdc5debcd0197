"""A JupyterHub as deployments/jupyterhub has it, on this machine; and its users, as their browsers meet it."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import requests

from deployments.jupyterhub import network

from .machines import ROOT, until
from .notebook import Notebook

OURS = ROOT / "deployments" / "jupyterhub"
BIN = Path(sys.executable).parent
ENVIRONMENT = ROOT / ".venv-jupyterhub"
PASSWORD = secrets.token_hex(16)


def free_ports(count: int) -> list[int]:
    """TCP ports of this machine that nobody uses."""
    with ExitStack() as open_ones:
        probes = [open_ones.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [int(probe.getsockname()[1]) for probe in probes]


def installed() -> Path:
    """The hub's own environment, from its lock; made once for each version of that."""
    stamp = ENVIRONMENT / "locked.txt"
    lock = ROOT / "requirements" / "jupyterhub.txt"
    if not stamp.exists() or stamp.read_bytes() != lock.read_bytes():
        shutil.rmtree(ENVIRONMENT, ignore_errors=True)
        subprocess.run(["sh", "builder/venv", sys.executable, ENVIRONMENT, lock], cwd=ROOT, check=True)
        shutil.copy(lock, stamp)
    return ENVIRONMENT / "bin"


def installed_proxy(folder: Path) -> Path:
    """configurable-http-proxy from its lock, in ``folder``."""
    for name in ("package.json", "package-lock.json"):
        shutil.copy(OURS / name, folder)
    command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
    subprocess.run(command, cwd=folder, env=environment(), check=True, capture_output=True)
    return folder / "node_modules" / ".bin" / "configurable-http-proxy"


def environment(**values: str) -> dict[str, str]:
    """This process's, with node and npm of the tests before the machine's."""
    return {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", **values}


class User:
    """Somebody with a browser: a session with its cookies.

    Args:
        url: the proxy's.
        name: to log in with.
    """

    def __init__(self, url: str, name: str) -> None:
        self.url = url
        self.name = name
        self.session = requests.Session()
        # No proxy of this machine stands between.
        self.session.trust_env = False

    @property
    def path(self) -> str:
        """Path of the user's server."""
        return f"/user/{quote(self.name, safe='@')}"

    def get(self, path: str, **options: Any) -> requests.Response:
        """``GET``, redirects followed."""
        return self.session.get(self.url + path, timeout=60, **options)

    def _xsrf(self) -> str:
        return next(
            cookie.value or "" for cookie in self.session.cookies if (cookie.name, cookie.path) == ("_xsrf", "/hub/")
        )

    def log_in(self, password: str = PASSWORD) -> requests.Response:
        """Fill the hub's form in."""
        self.get("/hub/login")
        form = {"username": self.name, "password": password, "_xsrf": self._xsrf()}
        return self.session.post(f"{self.url}/hub/login", params={"next": "/hub/home"}, data=form, timeout=60)

    def call(self, method: str, path: str, body: object = None) -> requests.Response:
        """A request to the hub's API, as its pages send it."""
        headers = {"X-XSRFToken": self._xsrf(), "Referer": f"{self.url}/hub/home"}
        return self.session.request(method, f"{self.url}/hub/api{path}", json=body, headers=headers, timeout=60)

    def start(self) -> None:
        """Start the user's server and wait until the hub says it is ready."""
        asked = self.call("POST", f"/users/{self.name}/server")
        assert asked.status_code in (201, 202), asked.text

        def ready() -> bool:
            server = self.call("GET", f"/users/{self.name}").json()["servers"].get("", {})
            assert server.get("ready") or server.get("pending"), f"it did not start: {server}"
            return bool(server["ready"])

        until(ready, f"the server of {self.name} is ready", 120)

    def stop(self) -> None:
        """Stop the user's server and wait until it is gone."""
        assert self.call("DELETE", f"/users/{self.name}/server").status_code in (202, 204)
        until(lambda: not self.call("GET", f"/users/{self.name}").json()["servers"], "the server is gone")

    def token(self) -> str:
        """A token of the user's own, for scripts."""
        return str(self.call("POST", f"/users/{self.name}/tokens", {"note": "test"}).json()["token"])

    def notebook(self, token: str, of: User | None = None) -> Notebook:
        """A client of the user's server, or of another's, through the hub's proxy."""
        return Notebook(self.url + (of or self).path, token)


class Hub:
    """A running hub and its proxy.

    Args:
        docker: path of the docker client.
        image: of the users' containers.
        folder: where the hub keeps its files.
    """

    def __init__(self, docker: str, image: str, folder: Path) -> None:
        self.docker = docker
        self.name = f"melda-test-{secrets.token_hex(4)}"
        self.port, self.hub_port, self.api_port = free_ports(3)
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / "hub.log"
        hub, proxy = installed(), installed_proxy(folder)
        values = {
            "OURS": str(OURS / "jupyterhub_config.py"), "PASSWORD": PASSWORD, "NAME": self.name,
            "PORT": str(self.port), "HUB_PORT": str(self.hub_port), "API_PORT": str(self.api_port), "PROXY": str(proxy),
            "MELDA_HUB_IMAGE": image, "MELDA_HUB_NETWORK": self.name,
        }  # fmt: skip
        config = Path(__file__).parent / "jupyterhub" / "jupyterhub_config.py"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [hub / "jupyterhub", "--config", config],
                cwd=folder, env=environment(**values), stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def ready(self) -> Hub:
        """Wait until the proxy passes the hub's answers on."""

        def answers() -> bool:
            assert self.process.poll() is None, self.log.read_text()[-3000:]
            try:
                return requests.get(f"{self.url}/hub/api/", timeout=5).ok
            except requests.ConnectionError:
                return False

        until(answers, "the hub answers", 60)
        return self

    def ask(self, *arguments: str) -> str:
        """Output of a docker command."""
        return subprocess.run([self.docker, *arguments], check=True, capture_output=True, text=True).stdout.strip()

    def container(self, user: str) -> str:
        """Name of the one container whose notebook belongs to ``user``."""
        for name in self.containers():
            if f"JUPYTERHUB_USER={user}" in self.ask("inspect", "--format", "{{json .Config.Env}}", name):
                return name
        raise LookupError(user)

    def containers(self) -> list[str]:
        """Names of the users' containers."""
        return self.ask("ps", "--all", "--filter", f"name={self.name}", "--format", "{{.Names}}").split()

    def address(self, user: str) -> str:
        """Address of a user's container."""
        template = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        return self.ask("inspect", "--format", template, self.container(user))

    def address_of_hub(self) -> str:
        """This machine's address on the containers' network."""
        return network.gateway(json.loads(self.ask("network", "inspect", self.name))[0])

    def end(self) -> None:
        """Stop hub and proxy, and remove all they made."""
        self.process.terminate()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        # The hub ends the program that runs node, and node goes on, in a session of its own.
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            with suppress(OSError):
                if {b"--port", str(self.port).encode()} <= set(path.read_bytes().split(b"\0")):
                    os.kill(int(path.parent.name), signal.SIGKILL)
        for kind, list_ in (
            ("container", ["ps", "--all"]),
            ("volume", ["volume", "ls"]),
            ("network", ["network", "ls"]),
        ):
            format_ = "{{.Names}}" if kind == "container" else "{{.Name}}"
            for name in self.ask(*list_, "--filter", f"name={self.name}", "--format", format_).split():
                force = ["--force"] if kind != "network" else []
                subprocess.run([self.docker, kind, "rm", *force, name], check=False, capture_output=True)


@contextmanager
def running(docker: str, image: str, folder: Path) -> Iterator[Hub]:
    """A hub that answers, while the ``with`` block runs."""
    hub = Hub(docker, image, folder)
    try:
        yield hub.ready()
    finally:
        hub.end()
