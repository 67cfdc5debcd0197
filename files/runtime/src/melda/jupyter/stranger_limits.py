"""Jupyter's server gets limits for those who have shown neither its token nor a cookie of its login."""

from __future__ import annotations

import contextlib
import itertools
import socket
from typing import Any, Awaitable, Callable, Iterable, Union

from tornado import httputil, netutil, web
from tornado.httpserver import HTTPServer

from melda.jupyter import activity, proxy, status
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


def _logged_in(settings: Any, headers: httputil.HTTPHeaders, cookie: str = COOKIE) -> bool:
    cookies = httputil.parse_cookie(headers.get("Cookie", ""))
    ours = ((name, value) for name, value in cookies.items() if name.startswith(cookie))
    secret = settings.get("cookie_secret")
    return bool(secret) and any(
        web.decode_signed_value(secret, name, value) is not None for name, value in itertools.islice(ours, COOKIES)
    )


def _is_large(headers: httputil.HTTPHeaders) -> bool:
    length = headers.get("Content-Length", "0")
    return "Transfer-Encoding" in headers or not length.isdecimal() or int(length[:20]) > LIMITS.body


async def _ask(auth: Any, tokens: Iterable[str]) -> bool:
    for token in tokens:
        # tornado's HTTPError: the hub does not answer.
        with contextlib.suppress(web.HTTPError, OSError):
            user = await auth.user_for_token(token, sync=False)
            if user and auth.check_scopes(auth.access_scopes, user):
                return True
    return False


def _trusts_of_hub(application: Any, start_line: Any, headers: httputil.HTTPHeaders) -> Union[bool, Awaitable[bool]]:
    """Who has the cookie of a login through the hub, and whose token the hub knows; it is asked only where that matters.

    Jupyter asks it itself, and the answer is kept (jupyterhub.services.auth.HubAuth), but only when a body is here as a whole.
    """
    auth = getattr(application.settings.get("identity_provider"), "hub_auth", None)
    if auth is None:
        return False
    if _logged_in(application.settings, headers, auth.cookie_name):
        return True
    tokens = access.shown(access.Asker("", headers, access.in_query(start_line.path)))
    return _ask(auth, tokens) if tokens and _is_large(headers) else False


def trusts(token_file: str) -> connections.Trusts:
    """Who is trusted before Jupyter itself looks at a request.

    Args:
        token_file: path of Jupyter's token; empty behind a JupyterHub.
    """
    if not token_file:
        return _trusts_of_hub
    token = access.read_token(token_file)

    def trusted(application: Any, start_line: Any, headers: httputil.HTTPHeaders) -> bool:
        if not token:
            return True
        asker = access.Asker("", headers, access.in_query(start_line.path))
        return access.has(token, asker) or _logged_in(application.settings, headers)

    return trusted


class Server(connections.Server):
    """Jupyter's server; the health check asks it on a socket of its own, whose queue holds no unauthenticated clients."""

    def initialize(self, *args: Any, listens: Callable[[], None] = lambda: None, **kwargs: Any) -> None:
        """As tornado's."""
        super().initialize(*args, **kwargs)
        self._listens = listens

    def add_sockets(self, sockets: Iterable[socket.socket]) -> None:
        """As tornado's, with that socket beside them, if its folder is there."""
        added = list(sockets)
        activity.offer(self.request_callback)
        status.offer(self.request_callback)
        proxy.offer(self.request_callback)
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
