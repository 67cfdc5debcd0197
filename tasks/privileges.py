"""No program in an image gives whoever calls it another's rights, but those listed here; and anybody may write to /tmp alone."""

from __future__ import annotations

import shlex
from typing import Generator, List

from pyinfra import host
from pyinfra.api import FactBase, StringCommand, deploy, operation

from tasks.lib import facts, machine

KEPT = (
    # Mode 4754 root:messagebus: the bus, which is not root any more, starts bspm's service with it, and nobody else may.
    "/usr/lib/dbus-1.0/dbus-daemon-launch-helper",
)
ANYBODYS = ("/tmp",)
# From here on down they are looked for; what is left out is large and holds neither.
_LEFT_OUT = (
    "/proc",
    "/sys",
    "/dev",
    "/home",
    "/root",
    "/run/melda-jupyter",
    "/opt",
    "/tmp",
    "/usr/share",
    "/usr/include",
    "/var/lib",
    "/var/cache",
)
_DEPTH = 5  # /usr/lib/TRIPLET/utempter/utempter


class Granting(FactBase[List[str]]):
    """Programs with setuid or setgid, and folders that everybody may write to, in an image or a container.

    On a machine people other than our user need them, sudo for instance: there the list is empty.
    """

    def command(self, home: str) -> str:
        # Where the user may rename, a path that was found leads elsewhere by the time it is changed.
        left_out = " -o ".join("-path " + shlex.quote(path) for path in (*_LEFT_OUT, home))
        return (
            machine.IS_ONE + " || find / -xdev -maxdepth {0} \\( {1} \\) -prune -o"
            " \\( -type f -perm /6000 -o -type d -perm -0002 \\) -printf '%y %p\\n' 2>/dev/null; true"
        ).format(_DEPTH, left_out)

    @staticmethod
    def default() -> List[str]:
        return []

    def process(self, output: List[str]) -> List[str]:
        return sorted(line[2:] for line in output if line[:3] in {"f /", "d /"})


@operation()
def taken_away(home: str) -> Generator[StringCommand, None, None]:
    """Take the rights away from all but :data:`KEPT`, and from everybody what is not in :data:`ANYBODYS`.

    Args:
        home: the user's, which is left out.
    """
    found = [path for path in facts.get(Granting, home=home) if path not in KEPT and path not in ANYBODYS]
    if found:
        yield StringCommand("chmod ug-s,o-w " + " ".join(shlex.quote(path) for path in found))


@deploy("Privileges")
def privileges() -> None:
    # After everything that installs programs.
    taken_away(name="Take setuid and setgid from programs that need neither", home=host.data.uhome)
