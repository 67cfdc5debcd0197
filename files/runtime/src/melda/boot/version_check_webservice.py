"""The version service: ``GET /versions``, ``/environment``, ``/activity``, ``/metrics`` and ``/healthz`` on port 2310."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

# The interpreter is started with -I, which leaves this folder out.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from melda.base import deferred
from melda.base.paths import JUPYTER_SOCKET, VERSIONS_PORT
from melda.config import ipv6
from melda.web import listening

if __name__ == "__main__":
    # Before all else is loaded, which Jupyter would wait for. Who connects meanwhile waits, and is not refused.
    PUBLIC = listening.public(VERSIONS_PORT, ipv6.listens(os.environ))
    deferred.wait(JUPYTER_SOCKET)

import asyncio
import functools
import importlib
import json
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Callable, Dict, Mapping, Sequence, Tuple

import flask
from tornado.httputil import HTTPServerRequest
from tornado.netutil import bind_unix_socket
from tornado.wsgi import WSGIContainer

from melda.base.errors import ConfigError
from melda.boot import health, metrics
from melda.boot.activity import Activity
from melda.config import environ as config_environ
from melda.config import firewall_policy, secret_files
from melda.versions.libraries import Installed
from melda.web import access, connections
from melda.web.connections import Limits
from melda.web.shared import Shared

Answer = Tuple[str, int, Tuple[Tuple[str, str], ...]]

LIMITS = Limits(connections=500, request=5.0, idle=5.0, stalled=5.0, body=0)
HEADER = 1 << 14
CAPTURE = "melda.envs.capture"
METRICS = "text/plain; version=0.0.4; charset=utf-8"  # of Prometheus' text format
THREADS = 8
ARRIVED = "melda.arrived"  # in a request's environment: time.monotonic()
# Each file that a request looks at costs a turn of the interpreter, which waits 5 ms for it while the loop is busy with
# others' connections.
SWITCH = 0.0005


def _json(content: object, status: int = 200) -> Answer:
    # json.dumps and not jsonify: the order (Python first, R first) is part of the answer
    text = json.dumps(content, ensure_ascii=False) + "\n"
    return text, status, (("Content-Type", "application/json"), ("Cache-Control", "no-store"))


def _report() -> Dict[str, str]:
    return health.report(config_environ.load())


def _health(found: Mapping[str, str], inside: bool) -> Answer:
    return _json(found if inside else health.outline(found), 200 if health.is_healthy(found) else 503)


def _activity(going_on: Activity) -> Answer:
    # What was seen last, a few seconds ago: how much is computed is known over a while only.
    return _json(going_on.found, 200 if going_on.found else 503)


def application(installed: Installed, variables: Mapping[str, str], going_on: Activity) -> flask.Flask:
    """Return the Flask application that tells what ``installed`` finds."""
    app = flask.Flask("version_check_webservice", static_folder=None)
    peers = firewall_policy.peers(variables.get("PGEO_IPS", ""))
    # Anybody may ask: a hundred requests a second look at the files, and at Jupyter, as often as one does.
    all_versions, reports = Shared(installed.versions), Shared(_report)

    def asked() -> float:
        return float(flask.request.environ.get(ARRIVED, time.monotonic()))

    def refusal() -> str:
        asked = flask.request
        asker = access.Asker(asked.remote_addr or "", asked.headers, asked.args.get("token", ""))
        # Each time: on a host Jupyter may start later than this service.
        return access.refusal(asker, access.read_token(variables.get(secret_files.COPY, "")), peers)

    @app.get("/versions")
    def versions() -> Answer:
        return _json(all_versions.get(asked()))

    def for_the_user(answer: Callable[[], Answer]) -> Callable[[], Answer]:
        @functools.wraps(answer)
        def view() -> Answer:
            refused = refusal()
            return _json({"error": refused}, 403) if refused else answer()

        return view

    @app.get("/environment")
    @for_the_user
    def environment_now() -> Answer:
        # Loaded by who asks for it first: half a megabyte of each container's.
        try:
            return _json(importlib.import_module(CAPTURE).capture())
        except ConfigError as error:
            return _json({"error": str(error)}, 503)

    @app.get("/activity")
    @for_the_user
    def activity() -> Answer:
        return _activity(going_on)

    archived = metrics.Archived()

    @app.get("/metrics")
    @for_the_user
    def prometheus() -> Answer:
        found = metrics.collect(reports.get(asked()), going_on.found, archived)
        return metrics.text(found).decode(), 200, (("Content-Type", METRICS), ("Cache-Control", "no-store"))

    @app.get("/healthz")
    def healthz() -> Answer:
        return _health(reports.get(asked()), inside=not refusal())

    return app


def inside(going_on: Activity) -> flask.Flask:
    """Return the application for Docker's health check, and for PID 1: they come over a socket that nobody else reaches."""
    app = flask.Flask("health", static_folder=None)
    app.add_url_rule("/activity", "activity", view_func=lambda: _activity(going_on))
    app.add_url_rule("/healthz", "healthz", view_func=lambda: _health(_report(), inside=True))
    return app


class Container(WSGIContainer):
    """tornado's, which never says who it is, and ends a connection whose request it cannot pass on.

    Args:
        application: of WSGI.
        threads: how many requests are worked on at a time; the others wait, and those whose clients go meanwhile are dropped.
    """

    def __init__(self, application: Any, threads: int) -> None:
        super().__init__(application, ThreadPoolExecutor(threads))
        self._turns = asyncio.Semaphore(threads)

    async def handle_request(self, request: HTTPServerRequest) -> None:
        """As tornado's, which leaves the connection open and an exception in the log for ``Host: name:port``."""
        request.arrived = time.monotonic()  # type: ignore[attr-defined]
        async with self._turns:
            if connections.is_gone(request.connection):
                return
            try:
                await super().handle_request(request)
            except ValueError:
                if request.connection is not None:
                    request.connection.close()  # type: ignore[attr-defined]

    def environ(self, request: HTTPServerRequest) -> Dict[str, Any]:
        """As tornado's, with the moment in which the request was here."""
        return {**super().environ(request), ARRIVED: request.arrived}  # type: ignore[attr-defined]

    def _log(self, status_code: int, request: HTTPServerRequest) -> None:
        """Nothing: a token may be in the address."""


def server(app: Any, threads: int = THREADS) -> connections.Server:
    """Return a server of a Flask application, for the event loop of whoever calls."""

    def wsgi(environ: Dict[str, Any], start_response: Any) -> Any:
        def start(status: str, headers: Any, exc_info: Any = None) -> Any:
            return start_response(status, [*headers, ("Server", "melda-jupyter")], exc_info)

        return app(environ, start)

    # Flask's own server is for development; Flask is given, its server is not (docs/decisions/0024-flask-on-tornado.md).
    return connections.Server(Container(wsgi, threads), limits=LIMITS, max_header_size=HEADER, max_buffer_size=1 << 20)


async def serve(*listening: Any, threads: int = THREADS, app: Any) -> None:
    """Serve for ever."""
    server(app, threads).add_sockets(listening)
    await asyncio.Event().wait()


def main(public: Sequence[Any]) -> None:
    """Serve on the socket of the health check, by a thread of its own, and on the port."""
    logging.getLogger("tornado.access").disabled = True
    logging.basicConfig(format="version service: %(message)s", level=logging.WARNING)
    sys.setswitchinterval(SWITCH)
    variables = config_environ.load()
    installed = Installed(config_environ.image_layout(variables))
    going_on = Activity(os.getuid(), variables, time.time())
    threading.Thread(target=going_on.watch, daemon=True).start()
    for listener in public:
        listener.setblocking(False)
    # After the port: who cannot have that must not be well.
    own = bind_unix_socket(health.SOCKET, 0o600)
    threading.Thread(target=lambda: asyncio.run(serve(own, threads=2, app=inside(going_on))), daemon=True).start()
    asyncio.run(serve(*public, app=application(installed, variables, going_on)))


if __name__ == "__main__":
    main(PUBLIC)
