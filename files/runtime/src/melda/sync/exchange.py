"""Giving a folder the entries of another one, all or none: also where it is killed in the middle."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from typing import Collection, Iterator, List, Mapping, Tuple

from melda.base import folders, regular_files, textfiles
from melda.sync import distributions, local_index, programs, tree
from melda.sync.local_index import LocalIndex
from melda.sync.tree import Entry, Layout

MARK = "~melda-back"  # in a folder: a temporary name, so that nothing is saved meanwhile
PLAN = "plan.json"  # in it: what is being done; beside it what was taken away, by its number there
NEW = ".new"  # ends the number of what had come already, when all is put back
LARGEST = 64 << 20  # bytes of it


class Busy(OSError):
    """Another process is at it."""


@contextlib.contextmanager
def alone(folder: str, error: str) -> Iterator[None]:
    """Hold a folder, for one process at a time; it is free when that ends, however.

    Args:
        folder: on local disk.
        error: of the exception.

    Raises:
        Busy: another one holds it.
    """
    with contextlib.ExitStack() as held:
        try:
            number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            held.callback(os.close, number)
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(error) from None
        except OSError:  # it is not there, or this file system has no locks
            pass
        yield


def exchange(shape: Layout, whole: str, root: str, same: Mapping[str, str], entries: Collection[str]) -> List[str]:
    """Give ``root`` the entries of ``whole``, and no others, by renaming.

    Args:
        shape: of both folders.
        whole: is used up.
        root: the folder.
        same: entry -> signature with which it need not be changed.
        entries: of the generation; each must be in ``whole``.

    Returns:
        Entries that were changed.

    Raises:
        OSError: something would be lost, or cannot be moved; all is as it was.
    """
    new, (found, left) = tree.signatures(shape, whole), tree.survey(shape, root)
    saved = local_index.read(root + ".json")
    old = {entry: one.signature for entry, one in found.items()}
    changed = sorted(
        entry for entry in new.keys() | old.keys() if not (entry in same and old.get(entry) == same[entry])
    )
    # An older image has a folder as an entry that is opened now.
    expected = {entry for entry in entries if not shape.is_opened(entry) and entry not in shape.made}
    if not all(os.path.lexists(os.path.join(whole, entry)) for entry in expected):
        raise OSError("what was unpacked is not whole any more; try again")
    lost = _unsaved({entry: found[entry] for entry in changed if entry in found}, saved)
    lost += [one for one in left if any(_meet(one, entry) for entry in new)]
    if lost:
        names = programs.names({os.path.basename(entry) for entry in lost})
        raise OSError(f"not in the bucket, and would be lost: {names}; move it elsewhere, or wait a minute")
    # All of it is whole, should the container be killed before it is saved.
    local_index.write(local_index.NOTHING._replace(signatures=new), root + local_index.CAME)
    mark = os.path.join(root, shape.packages, MARK)
    folders.make(mark)
    try:
        plan = {"heads": saved.heads, "entries": [(entry, entry in old, new.get(entry, "")) for entry in changed]}
        textfiles.replace(os.path.join(mark, PLAN), json.dumps(plan))
        for number, entry in enumerate(changed):
            if entry in old:
                folders.rename(os.path.join(root, entry), os.path.join(mark, str(number)))
        for number, entry in enumerate(changed):
            path = os.path.join(root, entry)
            if entry in new:
                if shape.is_opened(entry) and os.path.lexists(path):  # a folder was here, of which nothing is left
                    folders.rename(path, os.path.join(mark, str(number)))
                os.makedirs(os.path.dirname(path), exist_ok=True)
                folders.rename(os.path.join(whole, entry), path)
    except BaseException:
        put_back(shape, root)
        raise
    _forget(mark)
    return changed


def _forget(mark: str) -> None:
    """Remove the mark of what is done: first the plan, at once, as nothing can be put back of a half of it."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(os.path.join(mark, PLAN))
    distributions.remove(mark)


def _meet(one: str, other: str) -> bool:
    """Are both the same entry, or does one lie where the other is to be a folder?"""
    return (one + "/").startswith(other + "/") or other.startswith(one + "/")


def _unsaved(found: Mapping[str, Entry], saved: LocalIndex) -> List[str]:
    """Return what the bucket has not got as it is here: changed a moment ago, left out, or not to be read."""
    return [
        entry
        for entry, one in found.items()
        if (one.signature != saved.signatures.get(entry) or one.closed) and os.path.basename(entry) != "__pycache__"
    ]


def put_back(shape: Layout, root: str) -> bool:
    """Make a folder what it was before an exchange that came to no end; nothing if there was none.

    Returns:
        Whether anything was put back. Nothing is, once the folder was saved as it is.

    Raises:
        OSError: something cannot be moved, all else is; to be called again.
    """
    mark = os.path.join(root, shape.packages, MARK)
    if not os.path.isdir(mark) or os.path.islink(mark):
        return False
    plan = _plan(mark, list(local_index.read(root + ".json").heads))
    problems: List[OSError] = []
    for number, (entry, was, new) in reversed(list(enumerate(plan))):  # what lies in a folder comes first
        path, kept = os.path.join(root, entry), os.path.join(mark, str(number))
        if (not was or os.path.lexists(kept)) and _is(path, new):
            with _noted(problems):
                folders.rename(path, kept + NEW)  # at once: half of one would be somebody's in the next attempt
    for number, (entry, _, _) in enumerate(plan):
        path, kept = os.path.join(root, entry), os.path.join(mark, str(number))
        # What stands in the way is somebody's since; the bucket has ours.
        with _noted(problems), contextlib.suppress(FileExistsError, NotADirectoryError):
            if os.path.lexists(kept):
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with contextlib.suppress(OSError):
                    os.rmdir(path)  # in which something was to come
                if not os.path.lexists(path):
                    folders.rename(kept, path)
    if problems:
        raise problems[0]
    _forget(mark)
    return bool(plan)


def _is(path: str, signature: str) -> bool:
    """Is this what lies there? What cannot be looked at is not ours."""
    with contextlib.suppress(OSError):
        return tree.signature(path) == signature
    return False


@contextlib.contextmanager
def _noted(problems: List[OSError]) -> Iterator[None]:
    """Keep an error for later: one entry costs nobody but itself."""
    try:
        yield
    except OSError as error:
        problems.append(error)


def _plan(mark: str, heads: List[str]) -> List[Tuple[str, bool, str]]:
    """Return entries, whether they were there, and the signature of what was to come; none if it is for another state."""
    try:
        found = json.loads(regular_files.read(os.path.join(mark, PLAN), LARGEST))
        plan = [(str(entry), bool(was), str(new)) for entry, was, new in found["entries"]]
        return plan if found["heads"] == heads else []
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return []
