"""http_proxy and its like: what curl takes for a proxy, so that all who read them take it for one.

JupyterLab does not load at all with one that its HTTP library does not know, be it for want of ``http://`` alone
(https://www.python-httpx.org/advanced/proxies/).
"""

from __future__ import annotations

import ipaddress
import re
from typing import Dict, Mapping, Tuple

from melda.base.addresses import is_host, shown
from melda.base.errors import ConfigError
from melda.base.paths import HIGHEST_PORT

NAMES = ("http_proxy", "https_proxy", "all_proxy")
LONGEST = 2000
# Readers differ in where the host begins and ends behind one of /?#[] in a password.
_URL = re.compile(r"https?://(?:[^\s/@?#\[\]]*@)?([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?/?")

# Behind a colon httpx looks for a port, also in [::1] and in 2001:db8::/32: then JupyterLab does not load, with no proxy
# either (https://github.com/encode/httpx/blob/0.28.1/httpx/_utils.py, get_environment_proxies).
_WITHOUT = re.compile(r"([a-z]+://)?[^:\[\]]*(:[0-9]{0,5}(/[^:]*)?)?")


def _is_without(entry: str) -> bool:
    """Is it an entry of no_proxy that all take for one?"""
    if len(entry) > LONGEST or not entry.isascii() or not entry.isprintable():
        return False
    try:
        return bool(_WITHOUT.fullmatch(entry) or ipaddress.IPv6Address(entry))
    except ValueError:
        return False


def filled_in(variables: Mapping[str, str]) -> Dict[str, str]:
    """Return the variables, with ``http://`` before each proxy that has no scheme.

    Raises:
        ConfigError: one is no HTTP proxy, or no_proxy has no name or address; a password in it is not shown.
    """
    found = dict(variables)
    for name, value in variables.items():
        for entry in value.split(",") if name.lower() == "no_proxy" else ():
            if not _is_without(entry.strip()):
                raise ConfigError(
                    f"invalid no_proxy={shown(entry.strip())!r}: expected names, IPv4 addresses and networks, and IPv6 addresses"
                    " without brackets, comma-separated"
                )
        if name.lower() not in NAMES or not value.strip():
            continue
        address = value.strip() if "://" in value else "http://" + value.strip()
        url = _URL.fullmatch(address) if len(address) <= LONGEST else None
        if not url or int(url.group(2) or 0) > HIGHEST_PORT or not is_host(url.group(1)):
            raise ConfigError(
                f"invalid {name}={shown(value)!r}: expected a proxy such as http://proxy.example.org:3128, with # of a password"
                " as %23, and /?@[] and blanks alike"
            )
        found[name] = address
    return found


def places(variables: Mapping[str, str]) -> Tuple[Tuple[str, int], ...]:
    """Return host and port of each proxy, once.

    Args:
        variables: as :func:`filled_in` gives them.
    """
    found = []
    for name, value in variables.items():
        if name.lower() in NAMES and value.strip():
            url = _URL.fullmatch(value)
            if url:
                port = int(url.group(2) or 0) or (443 if value.startswith("https:") else 80)
                found.append((url.group(1).strip("[]").lower(), port))
    return tuple(dict.fromkeys(found))
