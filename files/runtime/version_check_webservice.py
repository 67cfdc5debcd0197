"""The version service: ``GET /versions`` and ``GET /healthz`` on port 2310, as the user."""

from __future__ import annotations

import json
import os
import sys
from typing import Tuple

# The interpreter is started with -I, which leaves this folder out.
sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))

import flask  # noqa: I001

from melda_runtime import environment, health
from melda_runtime.versions import Installed

Answer = Tuple[str, int, Tuple[Tuple[str, str], ...]]


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

    @app.get("/healthz")
    def healthz() -> Answer:
        found = health.report(environment.load())
        return _json(found, 200 if health.is_well(found) else 503)

    return app


if __name__ == "__main__":
    import waitress  # type: ignore[import-untyped, unused-ignore]

    found = Installed(environment.place(environment.load()))
    # Flask's own server is for development; the specification names Flask, not its server.
    waitress.serve(application(found), host="0.0.0.0", port=health.PORT, threads=8, ident=None)  # noqa: S104
