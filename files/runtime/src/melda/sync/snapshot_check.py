"""Is the snapshot in the bucket one of what is installed? Then none is written at the start, which takes memory and requests."""

from __future__ import annotations

import hashlib
import os
from typing import Collection, Optional

from melda.base import interpreters
from melda.config.environ import ImageLayout
from melda.plugins import image_record
from melda.plugins.state import CAPTURE
from melda.sync.at_start import AtStart
from melda.sync.in_bucket.store import MANIFEST

# What changes with what is installed beside the project: dpkg's list, and R's libraries.
PLACES = ("/var/lib/dpkg/status", "/usr/lib/R/library", "/usr/lib/R/site-library", "/usr/local/lib/R/site-library")
APT = "apt.json"


def stamp(place: ImageLayout) -> str:
    """Return what is another one if something was installed in the image since: an image made from ours has our record."""
    version = interpreters.python(place.python_env)
    found = []
    for path in (*PLACES, interpreters.site_packages(place.python_env, version)):
        try:
            found.append(int(os.stat(path).st_mtime))  # layers keep whole seconds
        except OSError:
            found.append(0)
    return hashlib.sha256(repr(found).encode()).hexdigest()[:16]


def is_current(known: Optional[AtStart], folders: Collection[str], unchanged: bool, anything: bool) -> bool:
    """Is there nothing to write down?

    Args:
        known: what the bucket held; None: that is not known.
        folders: names of the plugin folders.
        unchanged: is the image the one on which the project ran last?
        anything: are there packages of the user's in the folders?
    """
    if known is None:
        return False
    if not known.holds(CAPTURE):
        return not anything and not known.holds(APT)
    written = known.modified.get(CAPTURE, 0.0)
    # Of the same second one cannot tell which was first; but the record, whose image is this one, is written in a start, which
    # takes longer, or just before the first snapshot.
    older = all(at < written for path, at in known.modified.items() if _counts(path, folders))
    return unchanged and older and known.modified.get(image_record.NAME, 0.0) <= written


def _counts(path: str, folders: Collection[str]) -> bool:
    folder, name = os.path.split(path)
    return path == APT or (folder in folders and name.endswith(MANIFEST))
