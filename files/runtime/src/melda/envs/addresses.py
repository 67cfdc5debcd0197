"""Addresses without what is secret in them: user info, a query, and whatever hides one.

An address is taken apart and put together again from parts that are known to be harmless. What is not understood is dropped
as a whole: readers differ in what they make of it (https://claroty.com/team82/research/exploiting-url-parsing-confusion).
"""

from __future__ import annotations

import ipaddress
import re
from typing import Collection, NamedTuple, Tuple, Union
from urllib import parse

from melda.base.addresses import AT, LONGEST_TEXT, MARK, TOKEN, hide
from melda.envs.errors import UsageError

# What a capture says of an address that was dropped, whole or in part.
USER, QUERY, ADDRESS = "user info", "query", "address"
SCHEMES = ("https", "ssh")
LONGEST = 2000
# Where clouds hand out credentials, by name.
METADATA_HOSTS = ("metadata", "metadata.google.internal", "instance-data", "localhost")
# By number, where it is one of the web's: Azure's WireServer (168.63.129.16), Oracle's (192.0.0.192).
METADATA_ADDRESSES = tuple(map(ipaddress.ip_address, ("168.63.129.16", "192.0.0.192")))
GIT_USER = "git"  # of every forge's ssh addresses: no secret, and not written down; who connects puts it there
HOST = re.compile(r"([a-z0-9_][a-z0-9_.-]*|\[[0-9a-f:.]+\])(:[0-9]{1,5})?", re.IGNORECASE)
NAT64, UNICAST = ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("2000::/3")
# [USER@]HOST:PATH, as git and scp take it.
SCP = re.compile(
    r"(?:[^\s/@:]+(?::(?!//)[^\s@]*)?@)?(?!(?:https?|ssh|git|file|ftps?):)(?P<host>[A-Za-z0-9_][A-Za-z0-9_.-]+):(?!//)(?P<path>\S+)"
)
# Elsewhere /t/ may be somebody's name: a token of conda's begins as tk-.
CONDAS = re.compile(r"anaconda\.\w+(:\d+)?" + TOKEN + r"|" + TOKEN + r"[a-z]{2}-[\w-]{8}", re.IGNORECASE)
SECRETS = (
    re.compile(r"[/\\]{2}[^/\\\s]*" + AT, re.IGNORECASE),
    re.compile(r"[^\s/:@]:[^\s@]*" + AT + r"[^\s@]", re.IGNORECASE),
    re.compile(r"[/\\]{2}\S*?" + MARK + r"\S", re.IGNORECASE),
    CONDAS,
)


class Safe(NamedTuple):
    """What may be known of an address.

    Attributes:
        url: without anything that is secret; empty: nothing of it could be kept.
        subdirectory: pip's, of the fragment.
        dropped: what was dropped.
    """

    url: str
    subdirectory: str = ""
    dropped: Tuple[str, ...] = ()


def decoded(text: str) -> str:
    """``text`` without percent encoding, however often it was encoded."""
    for _ in range(8):
        plain = parse.unquote(text)
        if plain == text:
            return text
        text = plain
    return "@?"  # nobody encodes an honest address so often


def _taken_apart(url: str) -> Tuple[str, str, str, str, str]:
    scheme, _, rest = url.partition("://")
    before, _, fragment = rest.partition("#")
    place, mark, query = before.partition("?")
    authority, slash, path = place.partition("/")
    return scheme.lower().rpartition("+")[2], authority, slash + path, query if mark else "", fragment


def safe(url: str, schemes: Collection[str] = SCHEMES) -> Safe:
    """Return what may be known of an address.

    Args:
        url: the address, also as scp writes it.
        schemes: those that are kept.
    """
    if len(url) > LONGEST:
        return Safe("", "", (ADDRESS,))
    scp = SCP.fullmatch(url)
    user = url.rpartition(":" + scp.group("path"))[0].rpartition("@")[0] if scp else ""
    if scp:
        url = "ssh://{0}{1}/{2}".format(user + "@" if user else "", scp.group("host"), scp.group("path").lstrip("/"))
    scheme, authority, path, query, fragment = _taken_apart(url)
    user, _, host = authority.rpartition("@")
    dropped = [name for name, there in ((USER, user not in ("", GIT_USER)), (QUERY, bool(query))) if there]
    # An @ further on: the password may hold a / or a #. Encoded ones: who reads it next may decode.
    further = decoded(path + "#" + fragment)
    token = CONDAS.search(decoded(url))
    password, marked = bool(token) or "@" in further + decoded(query), re.search(r"[?;]", further)
    dropped = list(dict.fromkeys([USER] * password + dropped + [QUERY] * bool(marked)))
    understood = (
        scheme in schemes and HOST.fullmatch(host) and all(33 <= ord(char) <= 126 for char in url)
        and "\\" not in further and not password and not marked
    )  # fmt: skip
    if not understood:
        return Safe("", "", tuple(dropped) or (ADDRESS,))
    inside = dict(parse.parse_qsl(fragment)).get("subdirectory", "")
    return Safe(f"{scheme}://{host.lower()}{path}", inside, tuple(dropped))


def with_git_user(url: str) -> str:
    """``url``, if it is one of ssh and names no user, with the one that forges have."""
    return url.replace("ssh://", f"ssh://{GIT_USER}@", 1) if url.startswith("ssh://") else url


def holds_secret(text: str) -> bool:
    """Return whether something in ``text`` looks like an address with user info or a query."""
    if len(text) > LONGEST_TEXT:
        return True
    plain = decoded(text)
    return plain == "@?" or any(one.search(shown) for one in SECRETS for shown in (text, plain))


def names_user(text: str) -> bool:
    """Return whether something in ``text`` looks like an address with user info."""
    return any(SECRETS[0].search(shown) for shown in (text, decoded(text)))


def check(url: str, what: str) -> str:
    """``url``, if something may be fetched from there: HTTPS or ssh, no user info, and by its spelling in the web.

    What its name leads to is seen when it is connected to, see restore/web.py.

    Args:
        url: the address.
        what: names it in the message.

    Raises:
        UsageError: it may not.
    """
    try:
        parts = parse.urlsplit(url)
        host, scheme, _ = (parts.hostname or "").rstrip(".").lower(), parts.scheme.rpartition("+")[2], parts.port
    except ValueError:
        host = scheme = ""
    shown = hide(url)[:200]
    # ${NAME} would be replaced, by pip and uv, by a variable's value.
    odd = any(ord(char) <= 32 or ord(char) > 126 or char in "${}" for char in url)
    if scheme not in SCHEMES or not host or odd:
        raise UsageError(f"{what}: invalid address {shown!r}: expected https://HOST/...")
    if not HOST.fullmatch(f"[{host}]" if ":" in host else host):
        # Encoded, say: %31%32%37.0.0.1 is 127.0.0.1 for who decodes it.
        raise UsageError(f"{what}: invalid address {shown!r}: {host!r} is no host")
    try:
        # inet_aton's spellings too (0xa9fea9fe, 2852039166): whatever looks like a number must be a plain address
        looks = host.replace(".", "").isdigit() or host.startswith("0x") or ":" in host
        address = ipaddress.ip_address(host) if looks else None
    except ValueError:
        raise UsageError(f"{what}: invalid address {shown!r}: {host!r} is no host") from None
    # A private one may be meant honestly: it costs its package when it is connected to, and not the file.
    inner = address is not None and (
        address.is_loopback or address.is_link_local or address.is_unspecified or address.is_multicast
        or str(address) == "fd00:ec2::254" or getattr(address, "ipv4_mapped", None) is not None
    )  # fmt: skip
    if inner or host in METADATA_HOSTS or host.endswith((".localhost", ".internal")):
        raise UsageError(f"{what}: invalid address {shown!r}: {host!r} is not in the web")
    if "@" in parts.netloc:
        raise UsageError(f"{what}: invalid address {shown!r}: it held a user name or password")
    return url


def is_public(address: Union[ipaddress.IPv4Address, ipaddress.IPv6Address]) -> bool:
    """Is this an address of the web, and none of this host, a private network, or a cloud's metadata?"""
    if isinstance(address, ipaddress.IPv6Address):
        # What a gateway makes of it: NAT64 (RFC 6052), 6to4. IPv4 in other clothes (mapped, Teredo) is nobody's web.
        inner = address.sixtofour
        if address in NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
        return address in UNICAST and address.is_global and address.teredo is None
    return (
        address.is_global and not address.is_multicast and not address.is_reserved and address not in METADATA_ADDRESSES
    )
