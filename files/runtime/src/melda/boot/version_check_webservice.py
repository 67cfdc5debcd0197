"""The version service: ``GET /versions``, ``/environment``, ``/activity``, ``/metrics`` and ``/healthz`` on port 2310."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Dict, Mapping, Tuple

# The interpreter is started with -I, which leaves this folder out.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import flask  # noqa: I001
from tornado.httputil import HTTPServerRequest
from tornado.netutil import bind_sockets, bind_unix_socket
from tornado.wsgi import WSGIContainer

from melda.base.paths import VERSIONS_PORT
from melda.envs.capture import capture
from melda.config import firewall_policy
from melda.boot import health, metrics
from melda.boot.activity import Activity
from melda.config import environ as config_environ, secret_files
from melda.web import access
from melda.versions.libraries import Installed
from melda.web import connections
from melda.web.connections import Limits

Answer = Tuple[str, int, Tuple[Tuple[str, str], ...]]

LIMITS = Limits(connections=500, request=5.0, idle=5.0, stalled=5.0, body=0)
HEADER = 1 << 14
METRICS = "text/plain; version=0.0.4; charset=utf-8"  # of Prometheus' text format
THREADS = 8
# Each file that a request looks at costs a turn of the interpreter, which waits 5 ms for it while the loop is busy with
# others' connections.
SWITCH = 0.0005


def _json(content: object, status: int = 200) -> Answer:
    # json.dumps and not jsonify: the order (Python first, R first) is part of the answer
    text = json.dumps(content, ensure_ascii=False) + "\n"
    return text, status, (("Content-Type", "application/json"), ("Cache-Control", "no-store"))


def _health(inside: bool) -> Answer:
    found = health.report(config_environ.load())
    return _json(found if inside else health.outline(found), 200 if health.is_healthy(found) else 503)


def _activity(going_on: Activity) -> Answer:
    # What was seen last, a few seconds ago: how much is computed is known over a while only.
    return _json(going_on.found, 200 if going_on.found else 503)


def application(installed: Installed, variables: Mapping[str, str], going_on: Activity) -> flask.Flask:
    """Return the Flask application that tells what ``installed`` finds.

    Args:
        installed: what is installed.
        variables: of the service.
        going_on: what is done in the container.
    """
    app = flask.Flask("version_check_webservice", static_folder=None)
    peers = firewall_policy.peers(variables.get("PGEO_IPS", ""))

    def refusal() -> str:
        asked = flask.request
        asker = access.Asker(asked.remote_addr or "", asked.headers, asked.args.get("token", ""))
        # Each time: on a host Jupyter may start later than this service.
        return access.refusal(asker, access.read_token(variables.get(secret_files.COPY, "")), peers)

    @app.get("/versions")
    def versions() -> Answer:
        return _json(installed.versions())

    @app.get("/environment")
    def environment_now() -> Answer:
        refused = refusal()
        return _json({"error": refused}, 403) if refused else _json(capture())

    @app.get("/activity")
    def activity() -> Answer:
        refused = refusal()
        return _json({"error": refused}, 403) if refused else _activity(going_on)

    archived = metrics.Archived()

    @app.get("/metrics")
    def prometheus() -> Answer:
        refused = refusal()
        if refused:
            return _json({"error": refused}, 403)
        found = metrics.collect(health.report(config_environ.load()), going_on.found, archived)
        return metrics.text(found).decode(), 200, (("Content-Type", METRICS), ("Cache-Control", "no-store"))

    @app.get("/healthz")
    def healthz() -> Answer:
        return _health(inside=not refusal())

    return app


def inside(going_on: Activity) -> flask.Flask:
    """Return the application for Docker's health check, and for PID 1: they come over a socket that nobody else reaches."""
    app = flask.Flask("health", static_folder=None)
    app.add_url_rule("/activity", "activity", view_func=lambda: _activity(going_on))
    app.add_url_rule("/healthz", "healthz", view_func=lambda: _health(inside=True))
    return app


class Container(WSGIContainer):
    """tornado's, which never says who it is, and ends a connection whose request it cannot pass on."""

    async def handle_request(self, request: HTTPServerRequest) -> None:
        """As tornado's, which leaves the connection open and an exception in the log for ``Host: name:port``."""
        try:
            await super().handle_request(request)
        except ValueError:
            if request.connection is not None:
                request.connection.close()  # type: ignore[attr-defined]

    def _log(self, status_code: int, request: HTTPServerRequest) -> None:
        """Nothing: a token may be in the address."""


def server(app: Any, threads: int = THREADS) -> connections.Server:
    """Return a server of a Flask application, for the event loop of whoever calls."""

    def wsgi(environ: Dict[str, Any], start_response: Any) -> Any:
        def start(status: str, headers: Any, exc_info: Any = None) -> Any:
            return start_response(status, [*headers, ("Server", "melda-jupyter")], exc_info)

        return app(environ, start)

    # Flask's own server is for development; Flask is given, its server is not (docs/decisions/0024-flask-on-tornado.md).
    container = Container(wsgi, ThreadPoolExecutor(threads))
    return connections.Server(container, limits=LIMITS, max_header_size=HEADER, max_buffer_size=1 << 20)


async def serve(*listening: Any, threads: int = THREADS, app: Any) -> None:
    """Serve for ever.

    Args:
        listening: sockets.
        threads: how many requests are worked on at a time.
        app: Flask's.
    """
    server(app, threads).add_sockets(listening)
    await asyncio.Event().wait()


def main() -> None:
    """Serve on the socket of the health check, by a thread of its own, and on the port."""
    logging.getLogger("tornado.access").disabled = True
    logging.basicConfig(format="version service: %(message)s", level=logging.WARNING)
    sys.setswitchinterval(SWITCH)
    variables = config_environ.load()
    installed = Installed(config_environ.image_layout(variables))
    going_on = Activity(os.getuid(), variables, time.time())
    threading.Thread(target=going_on.watch, daemon=True).start()
    public = bind_sockets(VERSIONS_PORT, "0.0.0.0")  # nosec B104 # noqa: S104
    # After the port: who cannot have that must not be well.
    own = bind_unix_socket(health.SOCKET, 0o600)
    threading.Thread(target=lambda: asyncio.run(serve(own, threads=2, app=inside(going_on))), daemon=True).start()
    asyncio.run(serve(*public, app=application(installed, variables, going_on)))


if __name__ == "__main__":
    main()
