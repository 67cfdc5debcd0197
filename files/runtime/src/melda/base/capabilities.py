"""What the kernel lets this container do (capabilities(7)), read from proc(5)."""

from __future__ import annotations

from melda.base import procfs

NET_ADMIN, SYS_ADMIN = 12, 21  # linux/capability.h
STATUS = "/proc/self/status"


def _field(name: str, status: str) -> str:
    return next((line.split()[1] for line in procfs.text(status).splitlines() if line.startswith(name + ":")), "0")


def has(capability: int, status: str = STATUS) -> bool:
    """Has this process a capability, by its number?"""
    return bool(int(_field("CapEff", status), 16) >> capability & 1)


def no_new_privileges(status: str = STATUS) -> bool:
    """Return whether a setuid program gives nobody more rights here (``--security-opt no-new-privileges``)."""
    return _field("NoNewPrivs", status) == "1"
