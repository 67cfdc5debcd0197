"""The version service: ``GET /versions``, ``/environment`` and ``/healthz`` on port 2310, as the user."""

from __future__ import annotations

import json
import logging
import os
import sys
from typing import Any, Dict, Tuple

# The interpreter is started with -I, which leaves this folder out.
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))

import flask  # noqa: I001

from melda_environment.capture import capture
from melda_runtime import environment, health
from melda_runtime.versions import Installed

Answer = Tuple[str, int, Tuple[Tuple[str, str], ...]]

# waitress takes 100 connections and keeps idle ones for two minutes: clients that leave theirs open would shut everybody
# else out, Docker's health check too.
SERVER: Dict[str, Any] = {
    "threads": 8,
    "connection_limit": 500,
    "channel_timeout": 5,
    "cleanup_interval": 1,
    "asyncore_use_poll": True,
    "ident": None,
}


def _json(content: object, status: int = 200) -> Answer:
    # json.dumps and not jsonify: the order (Python first, R first) is part of the answer
    text = json.dumps(content, ensure_ascii=False) + "\n"
    return text, status, (("Content-Type", "application/json"), ("Cache-Control", "no-store"))


def application(installed: Installed) -> flask.Flask:
    """The Flask application that tells what ``installed`` finds."""
    app = flask.Flask("version_check_webservice", static_folder=None)

    @app.get("/versions")
    def versions() -> Answer:
        return _json(installed.versions())

    @app.get("/environment")
    def environment_now() -> Answer:
        return _json(capture())

    @app.get("/healthz")
    def healthz() -> Answer:
        found = health.report(environment.load())
        return _json(found, 200 if health.is_well(found) else 503)

    return app


def server(installed: Installed, host: str, port: int) -> Any:
    """waitress's server of the application, which listens and is yet to be run."""
    import waitress  # type: ignore[import-untyped, unused-ignore]  # noqa: PLC0415 the application needs none

    # It warns of each request that has to wait for a thread, which is what threads are for.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)
    # Flask's own server is for development; the specification names Flask, not its server.
    return waitress.create_server(application(installed), host=host, port=port, **SERVER)


if __name__ == "__main__":
    server(Installed(environment.place(environment.load())), "0.0.0.0", health.PORT).run()  # nosec B104 # noqa: S104
