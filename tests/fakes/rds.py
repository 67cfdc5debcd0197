"""R's serialization format, as much as an installed package's Meta/package.rds needs.

Written here so that a binary R package can be made on a machine without R. The format is in "R Internals",
section 1.8 (Serialization Formats): https://cran.r-project.org/doc/manuals/r-release/R-ints.html
"""

from __future__ import annotations

import gzip
import struct
from collections.abc import Mapping
from typing import TypeAlias

Value: TypeAlias = "str | list[str] | Mapping[str, Value]"

# SEXP types and flags of R Internals 1.1 and 1.8.
_STRSXP, _VECSXP, _CHARSXP, _LISTSXP, _SYMSXP, _NILVALUE = 16, 19, 9, 2, 1, 254
_HAS_ATTRIBUTES, _HAS_TAG = 1 << 9, 1 << 10
# Encoding of a CHARSXP, in its "gp" bits.
_UTF8, _ASCII = 1 << 3 << 12, 1 << 6 << 12


def _integer(number: int) -> bytes:
    return struct.pack(">i", number)


def _character(text: str) -> bytes:
    raw = text.encode()
    return _integer(_CHARSXP | (_ASCII if text.isascii() else _UTF8)) + _integer(len(raw)) + raw


def _strings(texts: list[str], flags: int = 0) -> bytes:
    return _integer(_STRSXP | flags) + _integer(len(texts)) + b"".join(map(_character, texts))


def _names(names: list[str]) -> bytes:
    symbol = _integer(_SYMSXP) + _character("names")
    return _integer(_LISTSXP | _HAS_TAG) + symbol + _strings(names) + _integer(_NILVALUE)


def _value(value: Value) -> bytes:
    if isinstance(value, str):
        return _strings([value])
    if isinstance(value, list):
        return _strings(value)
    texts = [item for item in value.values() if isinstance(item, str)]
    if value and len(texts) == len(value):
        return _strings(texts, _HAS_ATTRIBUTES) + _names(list(value))
    flags = _HAS_ATTRIBUTES if value else 0
    body = _integer(_VECSXP | flags) + _integer(len(value)) + b"".join(map(_value, value.values()))
    return body + _names(list(value)) if value else body


def dump(value: Value) -> bytes:
    """An RDS file (gzip, XDR, version 2).

    Args:
        value: a string or list of strings becomes a character vector; a mapping whose values are all strings
            a named character vector; any other mapping a named list.
    """
    # R versions as 65536 * major + 256 * minor + patch: written by 3.5.0, readable from 2.3.0.
    head = b"X\n" + _integer(2) + _integer(0x030500) + _integer(0x020300)
    return gzip.compress(head + _value(value), mtime=0)
