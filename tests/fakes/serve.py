"""A directory over HTTP, reachable from containers on a Docker bridge network."""

from __future__ import annotations

import json
import subprocess
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from tests.fakes.background import Background


def gateway(network: str = "bridge", docker: str = "/usr/bin/docker") -> str:
    """IPv4 address of this machine on a Docker network: what containers there reach it by.

    Args:
        network: name of a network of the bridge driver.
        docker: the client to ask.

    Raises:
        LookupError: the network is not there or has no IPv4 gateway.
    """
    command = [docker, "network", "inspect", network]
    asked = subprocess.run(command, check=False, capture_output=True, encoding="utf-8")
    if asked.returncode:
        raise LookupError(f"docker network {network!r}: {asked.stderr.strip()}")
    for pool in json.loads(asked.stdout)[0]["IPAM"]["Config"] or []:
        subnet = ip_network(pool["Subnet"])
        if subnet.version == 4:
            # The engine may name none for its default bridge: it is the first address then.
            return str(pool.get("Gateway") or subnet[1])
    raise LookupError(f"docker network {network!r} has no IPv4 subnet")


class _Handler(SimpleHTTPRequestHandler):
    server: _Listener

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        self.server.log.append((self.command, self.path, int(code)))

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on stderr: the log is for the test to read."""


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    log: list[tuple[str, str, int]]


class Server(Background):
    """Serves a directory from a thread while the ``with`` block runs.

    Args:
        directory: what to serve; files that come later are served too.
        address: address to listen on, for instance :func:`gateway`'s.

    ``requests`` lists what was asked so far: (method, path, status).
    """

    def __init__(self, directory: Path, address: str = "127.0.0.1") -> None:
        listener = _Listener((address, 0), partial(_Handler, directory=str(directory)))
        super().__init__(listener)
        self.requests: list[tuple[str, str, int]] = []
        listener.log = self.requests
        host, port = listener.server_address[:2]
        self.url = f"http://{host!s}:{port}"
