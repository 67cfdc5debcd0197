"""Who may be told what is installed: who may use the notebook. The version service asks; Jupyter has its own rules."""

from __future__ import annotations

import hmac
import ipaddress
import socket
from typing import Any, List, NamedTuple, Optional, Sequence, Union
from urllib.parse import parse_qs, urlsplit

Network = Union[ipaddress.IPv4Network, ipaddress.IPv6Network]
Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]
LONGEST = 4096  # bytes of a token


class Asker(NamedTuple):
    """Who sent a request, as far as it says so.

    Attributes:
        peer: address at the other end of the connection.
        headers: of the request; get() knows them in any case.
        token: of the query; empty: there is none.
    """

    peer: str
    headers: Any
    token: str


def read_token(path: str) -> str:
    """Jupyter's token; empty: there is none, or none is known."""
    try:
        with open(path, "rb") as stream:
            return stream.read(LONGEST).decode("ascii").strip()
    except (OSError, ValueError):
        return ""


def in_query(path: str) -> str:
    """Return the token in a request's path; empty: there is none."""
    return parse_qs(path.partition("?")[2]).get("token", [""])[0] if "token=" in path else ""


def shown(asker: Asker) -> List[str]:
    """Return the tokens that somebody shows, right or wrong."""
    scheme, _, value = asker.headers.get("Authorization", "").strip().partition(" ")
    return [one for one in (asker.token, value.strip() if scheme.lower() in ("token", "bearer") else "") if one]


def has(token: str, asker: Asker) -> bool:
    """Return whether somebody shows the token. Nobody does if it is empty."""
    # Each in constant time.
    same = [hmac.compare_digest(one.encode("utf-8", "replace"), token.encode()) for one in shown(asker)]
    return bool(token) and any(same)


def _address(peer: str) -> Optional[Address]:
    try:
        found = ipaddress.ip_address(peer)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def _is_peer(peer: str, peers: Optional[Sequence[Network]]) -> bool:
    address = _address(peer)
    return address is not None and (address.is_loopback or any(address in network for network in peers or ()))


def _of_a_page(headers: Any) -> bool:
    """Did a browser send it for a page of somebody else's? What it is let in by, then, is its address, not its user.

    The host too: a page's own name may lead to any address from one moment to the next. A name without a dot cannot be
    registered by anybody.
    """
    if headers.get("Sec-Fetch-Site", "none").lower() not in ("none", "same-origin"):
        return True
    host = headers.get("Host", "")
    origin = headers.get("Origin")
    try:
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            return True
        name = urlsplit("//" + host).hostname or ""
    except ValueError:
        return True
    return "." in name and _address(name) is None and name != socket.gethostname().lower()


def refusal(asker: Asker, token: str, peers: Optional[Sequence[Network]]) -> str:
    """Why somebody may not be told; empty: they may.

    Args:
        asker: who asks.
        token: Jupyter's; empty: there is none.
        peers: PGEO_IPS; None: it is not set.
    """
    if has(token, asker):
        return ""
    wanted = "send Jupyter's token, as Authorization: token TOKEN or ?token=TOKEN"
    if not _is_peer(asker.peer, peers):
        return wanted if token else "only this container and the addresses in PGEO_IPS may ask"
    if _of_a_page(asker.headers):
        return "a page of another origin or host may not ask" + ("; " + wanted if token else "")
    return ""
