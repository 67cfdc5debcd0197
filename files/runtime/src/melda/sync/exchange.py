"""Giving a folder the entries of another one, all or none: also where it is killed in the middle."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import stat
import time
from typing import Collection, Iterator, List, Mapping, NamedTuple, Optional

from melda.base import descriptors, folders, log, regular_files, textfiles
from melda.base.log import Say
from melda.sync import programs
from melda.sync.on_disk import local_index, tree
from melda.sync.on_disk.local_index import LocalIndex
from melda.sync.on_disk.tree import Entry, Layout

MARK = "~melda-back"  # in a folder: a temporary name, so that nothing is saved meanwhile
PLAN = "plan.json"  # in it: what is being done; beside it what was taken away, by its number there
WORK = "going-back"  # beside the folders: what is on its way
BACK, SAVING = "melda-env back is at work", "the sync daemon is at work; try again"
PATIENCE = 60.0  # seconds that melda-env back waits for an upload
LAST = 5.0  # seconds that the last save waits for it: as a rule it has been ended before, as all of the user's
PAUSE = 0.1  # seconds between two looks
NEW = ".new"  # ends the number of what had come already, when all is put back
LARGEST = 64 << 20  # bytes of it


class Step(NamedTuple):
    """What is done with an entry.

    Attributes:
        entry: relative to the folder.
        was: was it there?
        new: signature of what is to come; empty: nothing.
        had, gets: mode of the folder that is there, and that is to come; -1: it is none. A rename changes it for a moment.
    """

    entry: str
    was: bool
    new: str
    had: int
    gets: int


class Busy(OSError):
    """Another process is at it."""


@contextlib.contextmanager
def alone(folder: str, error: str, seconds: float = 0.0) -> Iterator[None]:
    """Hold a folder, for one at a time; it is free when its process ends, however.

    Args:
        folder: on local disk. Who holds it must not ask for it again: that is another one, also in the same process.
        error: of the exception.
        seconds: that it is waited for.

    Raises:
        Busy: another one holds it.
        OSError: no file more can be opened.
    """
    until = time.monotonic() + seconds
    with contextlib.ExitStack() as held:
        try:
            number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            held.callback(os.close, number)
            while not _locked(number):
                if time.monotonic() >= until:
                    raise Busy(error)
                time.sleep(PAUSE)
        except Busy:
            raise
        except OSError as problem:  # it is not there, or this file system has no locks
            if problem.errno in local_index.SHORT:
                raise
        yield


def _locked(number: int) -> bool:
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def held(shape: Layout, root: str, say: Say, error: str = BACK, seconds: float = 0.0) -> Iterator[None]:
    """Hold a folder in which all is put back that a killed exchange left: nothing of it is saved, and nobody begins another one.

    Args:
        shape, root: of the folder.
        say: takes lines for the log.
        error, seconds: as for :func:`alone`.

    Raises:
        Busy: one goes on, or the folder is being saved.
        OSError: as for :func:`put_back`.
    """
    with alone(root, error, seconds):
        told = put_back(shape, root)
        if told:
            say(f"{os.path.basename(root)}: melda-env back was interrupted; {told}", log.WARNING)
        _tidy(os.path.dirname(root))
        yield


def _tidy(local: str) -> None:
    """Remove what a killed exchange had unpacked; not while one goes on."""
    work = os.path.join(local, WORK)
    if os.path.lexists(work):
        with contextlib.suppress(OSError), alone(local, BACK):
            folders.remove(work)


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
        modes = [[_mode(os.path.join(folder, entry)) for folder in (root, whole)] for entry in changed]
        steps = [Step(entry, entry in old, new.get(entry, ""), *mode) for entry, mode in zip(changed, modes)]
        plan = {"heads": saved.heads, "entries": steps}
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
    folders.remove(mark)


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


def put_back(shape: Layout, root: str) -> str:
    """Make a folder what it was before an exchange that came to no end; nothing if there was none.

    Returns:
        What was done, for people; empty: nothing. Where the folder was saved since, or the plan cannot be read, what was
        taken away is set aside.

    Raises:
        OSError: something cannot be moved, all else is; to be called again.
    """
    mark = os.path.join(root, shape.packages, MARK)
    if not os.path.isdir(mark) or os.path.islink(mark):
        return ""
    if not os.path.lexists(os.path.join(mark, PLAN)):  # nothing was moved yet, or all was done
        folders.remove(mark)
        return ""
    plan = _plan(mark, list(local_index.read(root + ".json").heads))
    if plan is None:
        name = descriptors.aside_name(MARK.lstrip("~"))
        folders.rename(mark, os.path.join(root, shape.packages, name))
        return f"the folder is another one since; what was taken away is set aside as {name}"
    problems: List[OSError] = []
    for number, step in reversed(list(enumerate(plan))):  # what lies in a folder comes first
        path, kept = os.path.join(root, step.entry), os.path.join(mark, str(number))
        came = not step.was or os.path.lexists(kept)
        _give_back(kept, step.had)
        _give_back(path, step.gets if came else step.had)
        with _noted(problems):
            if came and _is(path, step.new):
                folders.rename(path, kept + NEW)  # at once: half of one would be somebody's in the next attempt
    for number, step in enumerate(plan):
        path, kept = os.path.join(root, step.entry), os.path.join(mark, str(number))
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
    return "all is as it was before"


def _mode(path: str) -> int:
    with contextlib.suppress(OSError):
        found = os.lstat(path)
        return stat.S_IMODE(found.st_mode) if stat.S_ISDIR(found.st_mode) else -1
    return -1


def _give_back(path: str, mode: int) -> None:
    """Give a folder the mode it had before :func:`folders.rename`, if that was killed."""
    if mode >= 0 and _mode(path) == mode | 0o700 != mode:
        with contextlib.suppress(OSError):
            os.chmod(path, mode)


def _is(path: str, signature: str) -> bool:
    """Is this what lies there? What cannot be looked at is not ours; an error where that is for want of descriptors or memory."""
    try:
        return tree.signature(path) == signature
    except OSError as error:
        if error.errno in local_index.SHORT:
            raise
        return False


@contextlib.contextmanager
def _noted(problems: List[OSError]) -> Iterator[None]:
    """Keep an error for later: one entry costs nobody but itself."""
    try:
        yield
    except OSError as error:
        problems.append(error)


def _plan(mark: str, heads: List[str]) -> Optional[List[Step]]:
    """Return what was to be done; None if it is for another state.

    Raises:
        OSError: it cannot be read now.
    """
    try:
        found = json.loads(regular_files.read(os.path.join(mark, PLAN), LARGEST))
        plan = [
            Step(str(entry), bool(was), str(new), int(had), int(gets))
            for entry, was, new, had, gets in found["entries"]
        ]
        return plan if found["heads"] == heads else None
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    except OSError as error:
        if error.errno in regular_files.NO_FILE:
            return None
        raise
