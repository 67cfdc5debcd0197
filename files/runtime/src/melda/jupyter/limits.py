"""Jupyter's server gets limits for those who have shown neither its token nor a cookie of its login."""

from __future__ import annotations

import contextlib
import itertools
import socket
from typing import Any, Callable, Iterable

from tornado import httputil, netutil, web
from tornado.httpserver import HTTPServer

from melda.jupyter import activity
from melda.jupyter import service as jupyter
from melda.web import access, connections
from melda.web.connections import Limits

# An unauthenticated client's requests are small: a login form, files of its page. What is uploaded is trusted, and may
# take as long as it needs. idle: longer than load balancers keep their connections (60 s), who else send a request into
# one that we close.
LIMITS = Limits(connections=1000, request=20.0, idle=120.0, stalled=60.0, body=1 << 16)
HEADER = 1 << 15
COOKIE = "username-"  # a login's is called after the host
COOKIES = 4  # of a request that are looked at


def _logged_in(settings: Any, headers: httputil.HTTPHeaders) -> bool:
    cookies = httputil.parse_cookie(headers.get("Cookie", ""))
    ours = ((name, value) for name, value in cookies.items() if name.startswith(COOKIE))
    secret = settings.get("cookie_secret")
    return bool(secret) and any(
        web.decode_signed_value(secret, name, value) is not None for name, value in itertools.islice(ours, COOKIES)
    )


def trusts(token_file: str) -> connections.Trusts:
    """Who is trusted before Jupyter itself looks at a request.

    Args:
        token_file: path of Jupyter's token; empty behind a JupyterHub, which is asked by Jupyter, request by request.
    """
    token = access.read_token(token_file) if token_file else ""

    def trusted(application: Any, start_line: Any, headers: httputil.HTTPHeaders) -> bool:
        if not token:
            return True
        asker = access.Asker("", headers, access.in_query(start_line.path))
        return access.has(token, asker) or _logged_in(application.settings, headers)

    return trusted


class Server(connections.Server):
    """Jupyter's server; the health check asks it on a socket of its own, whose queue holds no unauthenticated clients."""

    def initialize(self, *args: Any, listens: Callable[[], None] = lambda: None, **kwargs: Any) -> None:
        """As tornado's.

        Args:
            args, kwargs: the others'.
            listens: called when it does.
        """
        super().initialize(*args, **kwargs)
        self._listens = listens

    def add_sockets(self, sockets: Iterable[socket.socket]) -> None:
        """As tornado's, with that socket beside them, if its folder is there."""
        added = list(sockets)
        activity.offer(self.request_callback)
        # The ValueError is tornado's, if there is something else.
        with contextlib.suppress(OSError, ValueError):
            added.append(netutil.bind_unix_socket(jupyter.SOCKET, 0o600))
        super().add_sockets(added)
        self._listens()


def limit(token_file: str, listens: Callable[[], None] = lambda: None) -> None:
    """Make tornado's server, whoever creates it in this process, one with limits.

    Args:
        token_file: as for :func:`trusts`.
        listens: called when it listens.
    """
    HTTPServer.configure(Server, limits=LIMITS, trusts=trusts(token_file), max_header_size=HEADER, listens=listens)
