"""Connections to addresses that anybody may have written: to the web alone, whatever a name leads to.

A name is resolved once, all its addresses must be in the web, and one of these is connected to: no other answer of the name
server's comes in between. The same at every redirection. Behind a proxy of the site's the proxy resolves; then names are checked
by their spelling, and the proxy says where one may go.
"""

from __future__ import annotations

import contextlib
import functools
import http.client
import ipaddress
import os
import socket
import ssl
import threading
import urllib.request
from typing import Any, Iterator, List, Mapping, Tuple

from melda.envs import addresses
from melda.envs.errors import UsageError

SECONDS = 60.0  # without a byte
DEADLINE = 1800.0  # for all of a file, and all redirections on the way
REDIRECTIONS = 5
PORT = 443


def adopt(env: Mapping[str, str]) -> None:
    """Go through the proxies, and trust the authorities, that installers are told.

    Args:
        env: their variables.
    """
    for name, value in env.items():
        if name.lower().endswith("_proxy") or name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
            os.environ.setdefault(name, value)


def resolved(host: str, port: int = PORT) -> List[Tuple[int, Tuple[Any, ...]]]:
    """Family and socket address of all that a name leads to.

    Raises:
        UsageError: one of them is not in the web.
        OSError: it leads nowhere.
    """
    try:
        found: List[Tuple[int, Tuple[Any, ...]]] = [
            (one[0], one[4]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        ]
    except UnicodeError:
        found = []
    if not found:
        raise OSError(f"{host} leads nowhere")
    for _, where in found:
        address = ipaddress.ip_address(str(where[0]).partition("%")[0])
        if not addresses.is_public(address):
            raise UsageError(f"{host} leads to {address}, which is not in the web")
    return found


def connected(host: str, port: int, seconds: float) -> socket.socket:
    """Return a socket that is connected to a name, at one of the addresses that were looked at.

    Raises:
        UsageError: one of its addresses is not in the web.
        OSError: none of them answers.
    """
    failed: OSError = OSError(f"{host} leads nowhere")
    for family, where in resolved(host, port):
        one = socket.socket(family, socket.SOCK_STREAM)
        try:
            one.settimeout(seconds)
            one.connect(where)
            return one
        except OSError as error:
            one.close()
            failed = error
    raise failed


class Watch:
    """Ends connections when their time is over: one that sends a byte a minute is never silent.

    Args:
        seconds: from now on.
    """

    def __init__(self, seconds: float) -> None:
        self._sockets: List[socket.socket] = []
        self.over = False
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True
        self._timer.start()

    def add(self, one: socket.socket) -> None:
        """Watch this one too."""
        self._sockets.append(one)
        if self.over:
            self._end()

    def _end(self) -> None:
        self.over = True
        for one in self._sockets:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(one, socket.SHUT_RDWR)  # and not TLS's own, which waits for the other side

    def stop(self) -> None:
        """All is done."""
        self._timer.cancel()


@contextlib.contextmanager
def watch(seconds: float) -> Iterator[Watch]:
    """Watch over what is connected within."""
    found = Watch(seconds)
    try:
        yield found
    finally:
        found.stop()


class Connection(http.client.HTTPSConnection):
    """HTTPS to an address of the web.

    Args:
        host: as urllib gives it.
        watching: ends it in time.
        context: of TLS.
    """

    def __init__(self, host: str, *, watching: Watch, context: ssl.SSLContext, **more: Any) -> None:
        super().__init__(host, context=context, **more)
        self._watching, self._tls = watching, context

    def connect(self) -> None:
        """Connect; to a proxy as anybody does."""
        if getattr(self, "_tunnel_host", None):
            super().connect()
            self._watching.add(self.sock)
            return
        plain = connected(self.host, self.port or PORT, self.timeout or SECONDS)
        try:
            self.sock = self._tls.wrap_socket(plain, server_hostname=self.host, do_handshake_on_connect=False)
        except BaseException:
            plain.close()
            raise
        self._watching.add(self.sock)
        self.sock.do_handshake()


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, watching: Watch) -> None:
        super().__init__()
        self._open = functools.partial(Connection, watching=watching, context=ssl.create_default_context())

    def https_open(self, req: Any) -> Any:
        return self.do_open(self._open, req)


class Redirections(urllib.request.HTTPRedirectHandler):
    """Follows nobody to where it may not go itself."""

    max_redirections = REDIRECTIONS
    max_repeats = 2

    def redirect_request(self, req: Any, fp: Any, code: Any, msg: Any, headers: Any, newurl: str) -> Any:
        """Return the next request.

        Raises:
            UsageError: it leads to where nothing may be fetched from.
        """
        addresses.check(newurl, "redirected")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def opener(watching: Watch) -> urllib.request.OpenerDirector:
    """Return what opens https addresses, and nothing else.

    Args:
        watching: ends connections in time.
    """
    found = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(), _Https(watching), Redirections(), urllib.request.UnknownHandler(),
        urllib.request.HTTPDefaultErrorHandler(), urllib.request.HTTPErrorProcessor(),
    ):  # fmt: skip
        found.add_handler(handler)
    return found
