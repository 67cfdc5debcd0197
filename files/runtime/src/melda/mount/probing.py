"""Can a bucket be mounted here, and does the mount work?"""

from __future__ import annotations

import contextlib
import os
import secrets

CAP_SYS_ADMIN = 21  # linux/capability.h
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


def can_mount(status: str = "/proc/self/status", device: str = "/dev/fuse") -> bool:
    """Has this container what mounting needs?"""
    with open(status, encoding="ascii", errors="replace") as stream:
        capabilities = next(int(line.split()[1], 16) for line in stream if line.startswith("CapEff:"))
    try:
        os.close(os.open(device, os.O_RDWR))
    except OSError:
        return False
    return bool(capabilities >> CAP_SYS_ADMIN & 1)
