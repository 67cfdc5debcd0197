"""Requests that a browser sends for a page of somebody else's are refused, whatever they ask for, before Jupyter sees them."""

from __future__ import annotations

import importlib
import json
from typing import Any, Tuple

from melda.config import origins
from melda.web import access

LONGEST = 200  # of an unauthenticated client's header in an answer and in the log


def _has_token(token: str, request: Any) -> bool:
    """Return whether it brings the token: no page has it that was not given it. A wrong one leaves it to Jupyter's cookie."""
    return access.has(token, access.Asker("", request.headers, access.in_query(request.uri)))


def _refuse(web: Any, log: Any) -> Any:
    @web.stream_request_body  # nothing of the body is kept
    class Refuse(web.RequestHandler):  # type: ignore[misc]
        """Answer 403, with one line that says why."""

        def initialize(self, page: str) -> None:
            self.page = page[:LONGEST]

        def data_received(self, chunk: bytes) -> None:
            """Throw it away. It is read all the same: who is answered before may see a broken connection, and no answer."""

        def check_xsrf_cookie(self) -> None:
            """Answer nothing: it is refused anyway."""

        def answer(self) -> None:
            message = f"a page of {self.page!r} may not use this Jupyter; {origins.VARIABLE} names others that may"
            log.warning("%s %s refused: %s", self.request.method, self.request.path[:LONGEST], message)
            self.set_status(403)
            self.set_header("Content-Type", "application/json")
            self.set_header("X-Content-Type-Options", "nosniff")
            self.finish(json.dumps({"message": message, "reason": None}))

        get = head = post = put = patch = delete = options = answer

    return Refuse


def install(allowed: Tuple[str, ...], token: str) -> None:
    """Put the guard in front of every handler of every tornado application of this process, those of extensions included."""
    web, log = importlib.import_module("tornado.web"), importlib.import_module("tornado.log").access_log
    find, refuse = web.Application.find_handler, _refuse(web, log)

    def guarded(self: Any, request: Any, **kwargs: Any) -> Any:
        page = origins.foreign(request.path, request.headers, allowed, bool(token))
        if page is None or _has_token(token, request):
            return find(self, request, **kwargs)
        return self.get_handler_delegate(request, refuse, {"page": page})

    web.Application.find_handler = guarded


def close_answers() -> None:
    """Have browsers keep every answer of this process from pages of other origins, also those that ALLOWED_ORIGINS names.

    ``<script src>`` and ``<img src>`` of any page are requests without an origin: nobody can refuse them, but the browser can
    withhold what comes back (https://fetch.spec.whatwg.org/#cross-origin-resource-policy-header). A page that may read answers
    does so by CORS, which this does not touch. Below all handlers: errors, static files and WSGI applications have it too.
    """
    connection = importlib.import_module("tornado.http1connection").HTTP1Connection
    write = connection.write_headers

    def closed(self: Any, start_line: Any, headers: Any, *args: Any, **kwargs: Any) -> Any:
        if not self.is_client:
            headers["Cross-Origin-Resource-Policy"] = "same-origin"
        return write(self, start_line, headers, *args, **kwargs)

    connection.write_headers = closed
