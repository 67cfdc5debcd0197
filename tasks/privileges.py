"""No program of an image is setuid or setgid, except those listed here; only /tmp is writable by all."""

from __future__ import annotations

from pyinfra import host

from tasks.facts.files import SetuidFiles, UsersFiles
from tasks.lib.fact_cache import prefetch
from tasks.operations import server
from tasks.settings import deploy

ALLOWED = (
    # Mode 4754 root:messagebus: the bus, which is not root any more, starts bspm's service with it, and nobody else may.
    "/usr/lib/dbus-1.0/dbus-daemon-launch-helper",
)
WORLD_WRITABLE = ("/tmp",)


@deploy("Privileges")
def privileges() -> None:
    home, ours = host.data.uhome, (host.data.src, host.data.python_env)
    prefetch(SetuidFiles, home=home)
    prefetch(UsersFiles, home=home, uid=host.data.uid, ours=ours)
    server.given_back(
        name="Give root what is the user's in the system's folders", home=home, uid=host.data.uid, ours=ours
    )
    # After everything that installs programs.
    server.setuid_removed(
        name="Take setuid and setgid from programs that need neither", home=home, kept=(*ALLOWED, *WORLD_WRITABLE)
    )
