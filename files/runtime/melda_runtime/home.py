"""Whose the home is."""

from __future__ import annotations

import os
import stat
from typing import Iterator

from melda_runtime.account import Account


def _below(folder: str, device: int, left_out: str) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            found = entry.stat(follow_symlinks=False)
            if entry.path == left_out or found.st_dev != device:
                continue
            yield entry
            if stat.S_ISDIR(found.st_mode):
                yield from _below(entry.path, device, left_out)


def own(user: Account, workdir: str) -> int:
    """Make everything in the user's home belong to the user, except the project.

    The project is left out whatever it is: in S3 each change of owner is a request, the mount makes every
    file the user's anyway, and the time a start takes must not depend on how many files a project holds.
    Other file systems mounted in the home are left out too, and files that have a second name elsewhere
    (changing one would change the other).

    Returns:
        How many owners were changed.
    """
    changed = 0
    home = os.lstat(user.home)
    if (home.st_uid, home.st_gid) != (user.uid, user.gid):
        os.chown(user.home, user.uid, user.gid, follow_symlinks=False)
        changed += 1
    for entry in _below(user.home, home.st_dev, workdir):
        found = entry.stat(follow_symlinks=False)
        alone = stat.S_ISDIR(found.st_mode) or found.st_nlink == 1
        if (found.st_uid, found.st_gid) != (user.uid, user.gid) and alone:
            os.chown(entry.path, user.uid, user.gid, follow_symlinks=False)
            changed += 1
    return changed
