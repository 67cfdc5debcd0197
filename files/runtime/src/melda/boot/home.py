"""Whose the home is."""

from __future__ import annotations

import os
import stat
from typing import List

from melda.base import descriptors, log, walk
from melda.base.errors import TemporaryFailure
from melda.base.users import Account

PROTECTED = "/proc/sys/fs/protected_hardlinks"


def _links_are_protected() -> bool:
    """May users link only to files that they may write anyway (proc(5))?"""
    try:
        with open(PROTECTED, encoding="ascii") as stream:
            return stream.read().strip() != "0"
    except OSError:
        return False


def open_to(user: Account) -> None:
    """Make the home itself (not what is in it) one that the user may use: all else is done in it as the user."""
    top = descriptors.folder(user.home)
    try:
        found = os.fstat(top)
        mode = stat.S_IMODE(found.st_mode)
        if found.st_uid != user.uid:
            descriptors.change_owner(top, user.uid, user.gid)
        if mode & 0o700 != 0o700:
            os.fchmod(top, mode | 0o700)
            log.line(f"{user.home} had mode {mode:03o}, and has {mode | 0o700:03o} now")
    finally:
        os.close(top)


def chown_home(user: Account, workdir: str) -> int:
    """Make everything in the user's home belong to the user, except the project.

    The project is skipped whatever it is: in S3 each change of owner is a request, the mount makes every
    file the user's anyway, and the time a start takes must not depend on how many files a project holds.
    What is mounted in the home is skipped too, and devices, and files that have a second name elsewhere (changing one
    would change the other). Setuid and setgid bits go with a file's owner (chown(2)).

    Returns:
        How many owners were changed. What cannot be changed costs itself alone; the log says so.
    """
    # Where anybody may link to any file, one with a single name may be root's all the same: /etc/shadow of yesterday, which
    # passwd(1) has replaced since the user linked to it.
    files = _links_are_protected()

    def strange(found: os.stat_result) -> bool:
        if (found.st_uid, found.st_gid) == (user.uid, user.gid):
            return False
        if stat.S_ISDIR(found.st_mode):
            return True
        return files and found.st_nlink == 1 and (stat.S_ISREG(found.st_mode) or stat.S_ISLNK(found.st_mode))

    changed, refused = 0, []

    def change(number: int) -> int:
        try:
            descriptors.change_owner(number, user.uid, user.gid)
        except OSError as error:
            refused.append(str(error.strerror))
            return 0
        return 1

    top = descriptors.folder(user.home)
    try:
        if strange(os.fstat(top)):
            changed += change(top)
        for number, found in walk.Walk(top, strange, _project(workdir, descriptors.mount_of(top))):
            if strange(found):
                changed += change(number)
        if refused:
            log.warn(f"{len(refused)} owners in {user.home} cannot be changed: {refused[0]}")
        return changed
    finally:
        os.close(top)


def _project(workdir: str, mount: int) -> List[descriptors.Identity]:
    """Return the project's folder; nothing if it is a mount, which is skipped as such, or not there."""
    try:
        project = descriptors.folder(workdir, os.O_PATH)
    except OSError:
        return []
    try:
        return [descriptors.identity(project)] if descriptors.mount_of(project) == mount else []
    finally:
        os.close(project)


def enter(user: Account) -> None:
    """Let the user enter the home."""
    try:
        open_to(user)
    except OSError as error:
        raise TemporaryFailure(f"UHOME={user.home!r} cannot be used: {error}") from None


def hand_over(user: Account, workdir: str) -> int:
    """Make everything in the home belong to the user; arguments and result as for :func:`chown_home`."""
    try:
        return chown_home(user, workdir)
    except OSError as error:
        raise TemporaryFailure(f"UHOME={user.home!r} cannot be handed to its user: {error}") from None
