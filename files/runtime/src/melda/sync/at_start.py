"""What the bucket held of ours just before it was mounted: root asks S3 once, and who starts after it need not ask again.

Through s3fs (before 1.92) a name that is not there costs four requests, a folder two, and its list one more and one for each
name that s3fs does not know yet. So one list of all that is ours is handed on. It is looked at once, by the sync daemon, before
anything of this container is saved; whatever is read or written goes through the mount, as ever.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from typing import Dict, List, NamedTuple, Optional, Sequence, Set, Tuple

from melda.base import regular_files, textfiles
from melda.base.errors import ConfigError
from melda.base.paths import AT_START, PROJECT_STATE, RUN
from melda.config.bucket import Bucket
from melda.mount import listing
from melda.plugins import state

PATH = AT_START  # root's
LARGEST = 1 << 22  # bytes of it
PAGES = 4  # of a list: a thousand names
FRESH = 10.0  # seconds after which the bucket is asked again: another container may save meanwhile
COMPATIBLE = "_$folder$"  # ends what other tools than s3fs make of a folder


class AtStart(NamedTuple):
    """What there was.

    Attributes:
        modified: path below the project's state -> when it was written, in seconds since 1970.
        made: names in the project of folders that this start has made, so that nothing is in them.
    """

    modified: Dict[str, float]
    made: Tuple[str, ...] = ()

    def names(self, folder: str = "") -> Optional[List[str]]:
        """Return the names in a folder of the project's state, as os.listdir does; None: that is not known.

        Args:
            folder: its path; empty: the state itself.
        """
        if folder and {folder, folder + COMPATIBLE} & self.modified.keys():
            return None  # a file or a link has its name: what that is s3fs decides
        below = folder + "/" if folder else ""
        found = {path[len(below) :].partition("/")[0] for path in self.modified if path.startswith(below)} - {""}
        return sorted(found)

    def holds(self, name: str) -> bool:
        """Is there anything of that name, in whatever form?"""
        return any(path.partition("/")[0] in (name, name + COMPATIBLE) for path in self.modified)


def note(bucket: Bucket, there: Optional[Set[str]], made: Sequence[str], path: str = PATH) -> None:
    """Ask for it, and write it down. Nobody depends on it, so nothing fails with it.

    Args:
        bucket: with its keys.
        there: names in the project, as :func:`melda.mount.s3.children` gives them; None: there are too many to know.
        made: folders that were made since.
        path: of the file.
    """
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)  # of the start before
    asked = time.monotonic()
    if there is None or {PROJECT_STATE, PROJECT_STATE + COMPATIBLE} & there:
        return
    try:
        modified: Optional[Dict[str, float]] = {}
        if PROJECT_STATE + "/" in there:
            modified = listing.every(bucket, f"{bucket.folder}/{PROJECT_STATE}/", PAGES)
        if modified is not None:
            os.makedirs(RUN, mode=0o755, exist_ok=True)
            textfiles.replace(path, json.dumps({"asked": asked, "modified": modified, "made": list(made)}))
    except (ConfigError, OSError):
        return  # who reads through the mount says so


def read(path: str = PATH) -> Optional[AtStart]:
    """Return it, once in a start, if it is new: a sync daemon that was killed may have changed what there was.

    Returns:
        None: whoever wants to know asks the mount.
    """
    try:
        with open(state.ASKED, "x", encoding="ascii"):
            pass
    except OSError:
        return None
    return look(path)


def look(path: str = PATH) -> Optional[AtStart]:
    """Return it as :func:`read` does, before anybody has saved anything; who reads it later can still."""
    try:
        found = json.loads(regular_files.read(path, LARGEST, follow=False))
        if not 0 <= time.monotonic() - found["asked"] <= FRESH:
            return None
        return AtStart({str(name): float(at) for name, at in found["modified"].items()}, tuple(found["made"]))
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None
