"""Whose packages lie on local disk: a machine's PROJECT_FOLDER may be changed, and each project is to have its own.

An index, as older images read it too, does not say whose it is: what another project had installed would be saved in this one,
and what it had not saved yet be lost.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re

from melda.base import folders, log, regular_files, textfiles
from melda.config.bucket import Bucket

MARK, OTHERS = "project.json", "other-projects"  # whose packages these are, and what is of those there were before


def _move(source: str, target: str) -> None:
    """Move all that is in a folder into another one; what is there already is set aside."""
    for name in os.listdir(source):
        if name not in (MARK, OTHERS):
            if os.path.lexists(os.path.join(target, name)):
                folders.move_aside(os.path.join(target, name))
            try:
                folders.rename(os.path.join(source, name), os.path.join(target, name))
            except PermissionError as error:  # root's: a disk's lost+found
                if name.startswith(("Python-", "R-")):
                    raise  # what is one project's must not become another's
                log.warn(f"{os.path.join(source, name)} is not the user's, and stays where it is: {error.strerror}")


def separate(bucket: Bucket, local: str) -> None:
    """As the user: put away what is of another project, and bring back what was put away of this one. Killed, it goes on.

    Args:
        bucket: with the project's folder.
        local: folder on local disk with the plugin folders.

    Raises:
        OSError: something cannot be moved.
    """
    mark, before = os.path.join(local, MARK), ""
    now = hashlib.sha256(f"{bucket.name}/{bucket.folder}".encode()).hexdigest()[:16]
    if os.path.lexists(mark) and not os.path.isfile(mark):
        folders.move_aside(mark)
    try:
        if os.path.isfile(mark) and not os.path.islink(mark):
            os.chmod(mark, 0o644)
        before = str(json.loads(regular_files.read(mark, 64, follow=False)))
    except ValueError:
        pass  # somebody else's
    except PermissionError:
        folders.move_aside(mark)  # root's
    except OSError as error:
        if error.errno not in regular_files.NO_FILE:
            raise
    if before != now:
        if re.fullmatch("[0-9a-f]{16}", before):  # else an older image had it, or nobody
            log.line(f"another project's packages are on local disk, and put away there: {OTHERS}/{before}")
            _move(local, folders.make(local, OTHERS, before))
        textfiles.replace(mark, json.dumps(now))
    own = os.path.join(local, OTHERS, now)
    if folders.check(os.path.dirname(own)) and folders.check(own):
        _move(own, local)
        with contextlib.suppress(OSError):  # somebody else has put something there
            os.rmdir(own)
