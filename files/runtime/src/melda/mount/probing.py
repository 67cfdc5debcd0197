"""Can a bucket be mounted here, and does the mount work?"""

from __future__ import annotations

import contextlib
import os
import secrets

from melda.base import capabilities, mounts
from melda.base.errors import ConfigError

FUSE = "/dev/fuse"
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


def close_device(device: str = FUSE) -> None:
    """Leave the device to root, as whom s3fs runs. Docker gives a container its host's mode, on most hosts everybody's.

    In namespaces of its own a user may mount (user_namespaces(7)), and whoever waits for a file system of the user's cannot be
    killed: no container with it could be stopped, or removed (fs/fuse/dev.c, request_wait_answer). A device that is the host's
    own, or none of this root's, stays as it is.
    """
    folder = mounts.at(os.path.dirname(device))
    if folder is not None and folder.kind == "tmpfs" and mounts.at(device) is None:
        with contextlib.suppress(OSError):
            os.chmod(device, 0o600)


def can_mount(status: str = capabilities.STATUS, device: str = FUSE) -> bool:
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
