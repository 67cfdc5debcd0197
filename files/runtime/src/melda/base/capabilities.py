"""What the kernel lets this container do (capabilities(7)), read from proc(5)."""

from __future__ import annotations

import os

from melda.base import procfs
from melda.base.errors import ConfigError

NET_ADMIN, SYS_CHROOT, SYS_ADMIN = 12, 18, 21  # linux/capability.h
# What Docker gives unless it is told to drop it: files become the user's, and processes of the user's are begun and ended.
NEEDED = {"CHOWN": 0, "DAC_OVERRIDE": 1, "FOWNER": 3, "KILL": 5, "SETGID": 6, "SETUID": 7}
STATUS = "/proc/self/status"


def _field(name: str, status: str) -> str:
    return next((line.split()[1] for line in procfs.text(status).splitlines() if line.startswith(name + ":")), "0")


def _effective(status: str) -> int:
    return int(_field("CapEff", status), 16)


def has(capability: int, status: str = STATUS) -> bool:
    """Has this process a capability, by its number?"""
    return bool(_effective(status) >> capability & 1)


def no_new_privileges(status: str = STATUS) -> bool:
    """Return whether a setuid program gives nobody more rights here (``--security-opt no-new-privileges``)."""
    return _field("NoNewPrivs", status) == "1"


def require_root(status: str = STATUS) -> None:
    """See that this process may do what a start does.

    Raises:
        ConfigError: it may not.
    """
    if os.geteuid() != 0:
        raise ConfigError(f"it must start as root, not as user {os.geteuid()}: it runs Jupyter as melda by itself")
    effective = _effective(status)
    lacking = [name for name, number in NEEDED.items() if not effective >> number & 1]
    if lacking:
        raise ConfigError(
            f"it must start with Docker's own capabilities, of which these are dropped: {', '.join(lacking)}"
        )
