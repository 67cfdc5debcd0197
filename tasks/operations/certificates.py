"""Certificate authorities. pyinfra has no operation for them."""

from __future__ import annotations

from typing import Dict, Generator

from pyinfra import host
from pyinfra.api import StringCommand, operation
from pyinfra.facts.files import FindFiles

from tasks.facts.certificates import LackingAuthorities
from tasks.facts.files import MISSING, NO_FOLDER, PathStats
from tasks.lib import managed_files
from tasks.lib.managed_files import ManagedFile
from tasks.lib.progress import say
from tasks.lib.staging import SYSTEM_BUNDLE, Command

FOLDER = "/usr/local/share/ca-certificates"
# There from before the certificates change until the update after it: a run that ends between them shows no other trace.
PENDING = FOLDER + "/.melda-jupyter.pending"
BEGIN = f"touch {PENDING}"
UPDATE = f"update-ca-certificates --fresh >/dev/null && rm -f {PENDING}"


@operation()
def trusted(wanted: Dict[str, bytes], ours: str) -> Generator[Command, None, None]:
    """Let the system trust exactly these beside the public authorities, whose bundle is made again if it lacks some.

    Of two of pyinfra's operations, files.put and server.shell, the second never runs where a run was killed between them.

    Args:
        wanted: path -> certificate.
        ours: the pattern of all paths that an earlier run may have put there.
    """
    folder, _, pattern = ours.rpartition("/")
    present = host.get_fact(PathStats, paths=[*wanted, PENDING, SYSTEM_BUNDLE])
    # As they are once there is a folder for the mark, which comes first.
    made = {path: found for path, found in present.items() if found not in (MISSING, NO_FOLDER)}
    put = list(managed_files.diff([ManagedFile(path, content) for path, content in wanted.items()], made))
    # The folder may be a link, where find goes with a slash at its end.
    gone = sorted(set(host.get_fact(FindFiles, path=folder + "/", fname=pattern)) - wanted.keys())
    if put or gone or PENDING in present:
        yield from managed_files.make_way([ManagedFile(PENDING, b"")], present)
    if put or gone:
        yield StringCommand(BEGIN)
    yield from put
    if gone:
        yield StringCommand("rm -f " + " ".join(gone))
    lacking = host.get_fact(LackingAuthorities, bundle=SYSTEM_BUNDLE)
    if lacking:
        say(f"{SYSTEM_BUNDLE} lacked certificates of the system's, and is made again")
        yield from managed_files.make_way([ManagedFile(SYSTEM_BUNDLE, b"")], present)
    if put or gone or lacking or PENDING in present:
        yield StringCommand(UPDATE)
