"""Which origins (scheme, host and port of a page, RFC 6454) may use Jupyter: the container's own, and ALLOWED_ORIGINS.

A browser sends requests for any page that is open in it. It says which page: ``Origin`` with all WebSockets and all
requests but GET and HEAD, ``Sec-Fetch-Site`` with every request to https and to its own computer
(https://www.w3.org/TR/fetch-metadata/), ``Referer`` unless the page forbids it. A program that is no browser, as the
platform's server, sends none of them.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Mapping, Optional, Tuple

from melda.base.addresses import is_host, shown
from melda.base.errors import ConfigError
from melda.base.paths import HIGHEST_PORT

VARIABLE = "ALLOWED_ORIGINS"
_PORTS = {"http": 80, "https": 443}
_ORIGIN = re.compile(r"(https?)://([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?", re.IGNORECASE)
# A GET that changes something: notebook 6 makes a terminal. Who asks for it must be known.
_CHANGES = re.compile(r"/terminals/new(/|$)")


def normal(origin: str) -> Optional[str]:
    """``origin`` as browsers write it: lower case, no port where it is the scheme's own; None if it is no origin of a page."""
    found = _ORIGIN.fullmatch(origin)
    if not found or not is_host(found.group(2)):
        return None
    scheme, host, port = found.group(1).lower(), found.group(2).lower(), int(found.group(3) or 0)
    if host.startswith("["):
        host = f"[{ipaddress.IPv6Address(host[1:-1])}]"
    if port > HIGHEST_PORT or (found.group(3) and not port):
        return None
    return f"{scheme}://{host}" + (f":{port}" if port not in (0, _PORTS[scheme]) else "")


def parse(value: str) -> Tuple[str, ...]:
    """Return the origins of ALLOWED_ORIGINS, normalised, in its order.

    Args:
        value: comma-separated; spaces do no harm.
    """
    found = []
    for entry in value.split(",") if value.strip() else ():
        origin = normal(entry.strip())
        if not origin:
            raise ConfigError(
                f"invalid ALLOWED_ORIGINS={shown(entry.strip())!r}: expected origins such as https://notebooks.example.org,"
                " comma-separated, with neither '*' nor a path"
            )
        found.append(origin)
    return tuple(dict.fromkeys(found))


def _may(page: str, host: str, allowed: Tuple[str, ...]) -> bool:
    origin = normal(page)
    if not origin:  # "null", what a browser says of a page in a sandbox; an extension's; what is none
        return False
    return origin in allowed or origin == normal("{0}://{1}".format(origin.partition(":")[0], host))


def _page(referer: str) -> str:
    return "/".join(referer.split("/", 3)[:3])


def foreign(path: str, headers: Mapping[str, str], allowed: Tuple[str, ...], asks: bool) -> Optional[str]:
    """Return the page for which a browser sends this request, if that page may not use Jupyter; None: it may, or there is none.

    Args:
        path: of the request, without its query.
        headers: of the request; names in any case.
        allowed: origins beside the request's own host.
        asks: does Jupyter ask who somebody is, and so look after GET requests by itself?
    """
    host = headers.get("Host", "")
    for name in ("Origin", "Sec-Websocket-Origin"):
        page = headers.get(name)
        if page is not None:
            return None if _may(page, host, allowed) else page
    site, referer = headers.get("Sec-Fetch-Site"), headers.get("Referer")
    changes = bool(_CHANGES.search(path))
    if asks and not changes:
        return None
    if referer:
        page = _page(referer)
        return None if _may(page, host, allowed) and not (changes and site not in (None, "same-origin")) else page
    if changes:
        return None if site == "same-origin" else "one that is not named"
    return None if site in (None, "none", "same-origin") else f"one of {site}"
