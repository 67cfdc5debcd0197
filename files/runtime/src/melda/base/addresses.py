"""Addresses: what is a host, and how they may be shown, in the log, on a port or in the bucket: without user info and query."""

from __future__ import annotations

import ipaddress
import re

LONGEST_TEXT = 4000  # looked at; the patterns below take the square of it
LONGEST_VALUE = 200
AT = r"(?:@|%(?:25)*40)"
MARK = r"(?:[?;]|%(?:25)*3[fb])"
SLASH = r"(?:[/\\]|%(?:25)*2f)"
# conda's, which stands in the path: split_anaconda_token in https://github.com/conda/conda/blob/main/conda/common/url.py
TOKEN = SLASH + "t" + SLASH
HIDDEN = (
    (re.compile(r"([/\\]{2})\S*" + AT, re.IGNORECASE), r"\1...@"),  # a password may hold a /
    (re.compile(r"(?<![\w.+/-])[\w.+-]+:(?!//)\S*" + AT, re.IGNORECASE), "...@"),
    (re.compile(r"([/\\]{2}\S*?)" + MARK + r"\S+", re.IGNORECASE), r"\1?..."),
    (
        re.compile(r"(" + SLASH + r"{2}\S*?" + TOKEN + r"|" + TOKEN + r"(?=[a-z]{2}-))[^\s/\\%'\"]+", re.IGNORECASE),
        r"\1...",
    ),
)

# In one value, which may hold blanks: what begins an address, what ends its user info, what begins its query.
BEGINS, SCHEME = re.compile(r"[:%]|[/\\]{2}"), re.compile(r"[a-z][a-z0-9.+-]*:[/\\]{2}", re.IGNORECASE)
ENDS, QUERIES = re.compile(AT, re.IGNORECASE), re.compile(MARK, re.IGNORECASE)


def is_host(text: str) -> bool:
    """Return False for what is written as an IP address, in brackets or as four numbers, and is none.

    Programs differ in when they see that: some ask a name server, and JupyterLab does not load.
    """
    try:
        if text.startswith("["):
            return bool(ipaddress.IPv6Address(text[1:-1]))
        # Compared, as Python before 3.8.12 reads 01 as 1.
        return not re.fullmatch(r"[0-9]+(\.[0-9]+){3}", text) or str(ipaddress.IPv4Address(text)) == text
    except ValueError:
        return False


def hide(text: str) -> str:
    """``text`` for a reader or a log, without user info and queries of the addresses in it."""
    if len(text) > LONGEST_TEXT:
        text = text[:LONGEST_TEXT].rpartition(" ")[0]  # the last word may have been a half
    for pattern, instead in HIDDEN:
        text = pattern.sub(instead, text)
    return text


def _of_one(value: str) -> str:
    """``value`` without its user info and its query. In a sentence a blank would end them; here it may stand in a password."""
    begin, scheme = BEGINS.search(value), SCHEME.match(value)
    if begin:
        for end in [found.end() for found in ENDS.finditer(value, begin.end() - 1)][-1:]:
            value = (scheme.group() if scheme else "") + "...@" + value[end:]
    begin = BEGINS.search(value)
    for mark in QUERIES.finditer(value):
        if mark.group() == "?" or (begin and begin.start() < mark.start()):
            return value[: mark.start()] + "?..."
    return value


def shown(value: str) -> str:
    """``value`` of a variable for a message: as :func:`hide` has it, for it may be another variable's, and short."""
    found = hide(_of_one(value)) or (value and "...")  # one word that is too long to look for a secret in it
    return found if len(found) <= LONGEST_VALUE else found[:LONGEST_VALUE] + "..."
