"""Can a bucket be mounted here, and does the mount work?"""

from __future__ import annotations

import contextlib
import os
import secrets

from melda.base import capabilities
from melda.base.errors import ConfigError

REQUIRED_FLAGS = "start the container with --cap-add SYS_ADMIN --device /dev/fuse --security-opt apparmor=unconfined"


def probe(folder: str) -> None:
    """Write, read and remove a file.

    Raises:
        OSError: what it read is not what it wrote, or something failed.
    """
    path = os.path.join(folder, ".melda-jupyter-probe-" + secrets.token_hex(8))
    content = secrets.token_bytes(16)
    try:
        with open(path, "wb") as writing:
            writing.write(content)
        with open(path, "rb") as reading:
            if reading.read() != content:
                raise OSError("what was read is not what was written")
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def can_mount(status: str = capabilities.STATUS, device: str = "/dev/fuse") -> bool:
    """Has this container what mounting needs?"""
    try:
        os.close(os.open(device, os.O_RDWR))
    except OSError:
        return False
    return capabilities.has(capabilities.SYS_ADMIN, status)


def require(asked: str) -> None:
    """Refuse to mount what was ``asked`` for where that cannot be.

    Raises:
        ConfigError: it cannot.
    """
    if not can_mount():
        raise ConfigError(f"{asked} cannot be mounted: this container may not mount; {REQUIRED_FLAGS}")
