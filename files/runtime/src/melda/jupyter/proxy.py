"""What the user serves in the container is shown below ``/proxy/PORT/``, by jupyter-server-proxy: by itself it goes further.

Here it reaches no other host and none of the container's own services, and does not hand Jupyter's credentials on.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
from importlib.util import find_spec
from typing import Any, Dict, Optional
from urllib import parse

from tornado import routing, web

from melda.base.paths import HIGHEST_PORT, SSH_PORT, VERSIONS_PORT
from melda.config import jupyter_port

EXTENSION = "jupyter_server_proxy"
MODULE = EXTENSION + ".handlers"
PATHS = "(?:proxy|server-proxy)/.*"
CLOSED = (SSH_PORT, VERSIONS_PORT)  # and Jupyter's
# Names of Jupyter's cookies, and of a JupyterHub's, begin so.
COOKIES = ("username-", "jupyterhub-", "_xsrf")


def refusal(handler: Any, remote: type) -> str:
    """Return why a request for another server is refused; nothing if it is not."""
    if isinstance(handler, remote):
        return "only servers in this container are shown: /proxy/PORT/, without a host"
    port = str(handler.path_args[0]) if handler.path_args else ""
    if not port.isdecimal():  # a server with a name
        return ""
    significant = port.lstrip("0")
    # getaddrinfo(3) of glibc takes a number modulo 65536, so 67846 is 2310.
    if not significant or len(significant) > len(str(HIGHEST_PORT)) or int(significant) > HIGHEST_PORT:
        return f"a port is a number, 1 to {HIGHEST_PORT}"
    closed = (*CLOSED, jupyter_port.from_env(os.environ))
    return f"port {significant} is the container's own" if int(significant) in closed else ""


def strip(headers: Any) -> Any:
    """Take Jupyter's credentials out of the headers of a request, and leave the server's own."""
    if headers.get("Authorization", "").lower().startswith(("token ", "bearer ")):
        del headers["Authorization"]
    if "Cookie" in headers:
        pairs = headers["Cookie"].split(";")
        kept = [pair.strip() for pair in pairs if not pair.strip().startswith(COOKIES)]
        del headers["Cookie"]
        if kept:
            headers["Cookie"] = "; ".join(kept)
    # The page with the link may have been opened with the token in its address.
    page, mark, query = headers.get("Referer", "").partition("?")
    if mark:
        headers["Referer"] = f"{page}?{without_token(query)}".rstrip("?")
    return headers


def without_token(query: str) -> str:
    """Take the token out of a query, however its name is written, and leave all else as it is."""
    return "&".join(part for part in query.split("&") if parse.unquote_plus(part.partition("=")[0]) != "token")


def restrict() -> None:
    """Let jupyter-server-proxy be so, whatever its configuration says."""
    module: Any = importlib.import_module(MODULE)
    proxy = module.ProxyHandler
    prepare, headers = proxy.prepare, proxy.proxy_request_headers

    async def prepared(self: Any, *args: Any, **given: Any) -> None:
        await prepare(self, *args, **given)
        why = refusal(self, module.RemoteProxyHandler)
        if why:
            raise web.HTTPError(403, why)
        # It checks that of WebSockets alone, and no XSRF cookie, which is an app's own matter.
        if not self.check_origin():
            raise web.HTTPError(403, "a page of another origin may not use what is served here")
        self.request.query = without_token(self.request.query)

    proxy.prepare = prepared
    proxy.proxy_request_headers = lambda self: strip(headers(self))


class _First(routing.PathMatches, routing.Router):
    """The first request for what the user serves loads jupyter-server-proxy, which is a quarter of what Jupyter loads."""

    def __init__(self, application: Any) -> None:
        super().__init__(re.escape(application.settings["base_url"]) + PATHS)
        self._application = application

    def match(self, request: Any) -> Optional[Dict[str, Any]]:
        return None if MODULE in sys.modules else super().match(request)

    def find_handler(self, request: Any, **_: Any) -> Any:
        extension = importlib.import_module(EXTENSION)
        restrict()
        extension._load_jupyter_server_extension(self._application.settings["serverapp"])
        return self._application.find_handler(request)


def offer(application: Any) -> None:
    """Let a Jupyter show what the user serves; an image may do without it."""
    if MODULE in sys.modules:  # a configuration had it loaded, or an older Jupyter
        restrict()
    elif "serverapp" in getattr(application, "settings", {}) and find_spec(EXTENSION):
        first = _First(application)
        # Jupyter's own looks for the methods of a handler; who this leads to is judged by Jupyter as any other.
        web.Application.add_handlers(application, ".*", [routing.Rule(first, first)])
