"""What each curated Python package does, once: run in an image by its own Python, as ``python -m does NAME...``."""

# ruff: noqa: S101 the tests are here

from __future__ import annotations

PNG = b"\x89PNG"


def starts(path: str, head: bytes) -> bool:
    """Begins a file so?"""
    with open(path, "rb") as stream:
        return stream.read(len(head)) == head
