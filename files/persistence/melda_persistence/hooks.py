"""What start-jupyter does, as root, so that the plugin folders lie on local disk and are kept."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
from typing import List

from melda_runtime import account, edit, environment, folders, log, paths, storage
from melda_runtime.environment import RUN, SRC, Settings
from melda_runtime.errors import Unavailable
from melda_runtime.supervisor import Service, Supervisor

from melda_persistence import installers, state, units

NAME = "plugin keeper"
LOCAL = "/var/lib/melda-jupyter/plugins"
PROJECT = RUN + "/project"  # the bucket once more, without the folders that are mounted over its own
SECONDS = 20.0  # for a few requests to S3, or removing a folder on local disk
PATIENCE = 4.0  # for the last upload: Docker gives ten seconds for everything
MS_BIND, MNT_DETACH, UMOUNT_NOFOLLOW = 4096, 2, 8  # linux/fs.h


def names(settings: Settings) -> List[str]:
    """The plugin folders of this container's Python and R, if they are in a bucket; else none."""
    if settings.bucket is None:
        return []
    return [os.path.basename(folder) for folder in paths.plugins(settings.place) if folder]


def _make(settings: Settings, found: List[str]) -> None:
    """As the user: the folders, here and in the bucket, and the flag that lets Python and R wait."""
    for name in found:
        folders.make(settings.place.workdir, name)
        local = os.path.join(LOCAL, name)
        if not os.path.exists(local + ".json"):
            units.remove(local)  # of a container that was killed while it was bringing it back
        os.makedirs(local, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(state.CUT_OFF)
    if found:
        edit.update(state.RESTORING, "")
    state.write("restoring" if found else state.LOCAL)


def _call(result: int) -> None:
    if result:
        raise OSError(os.strerror(ctypes.get_errno()))


def _folder(parent: str, name: str) -> int:
    """A descriptor of a folder whose parent is the user's, who could have put a link there: none is followed."""
    above = os.open(parent, os.O_PATH | os.O_DIRECTORY)
    try:
        return os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=above) if name else os.dup(above)
    finally:
        os.close(above)


def _bind(source: int, target: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    at = ["/proc/self/fd/{0}".format(number).encode() for number in (source, target)]
    _call(libc.mount(*at, None, ctypes.c_ulong(MS_BIND), None))


def _mount(settings: Settings, found: List[str]) -> None:
    workdir = settings.place.workdir
    os.makedirs(PROJECT, mode=0o755, exist_ok=True)
    pairs = [((workdir, ""), (RUN, os.path.basename(PROJECT)))]
    pairs += [((LOCAL, name), (workdir, name)) for name in found]
    for source, target in pairs:
        _bind(_folder(*source), _folder(*target))


def _unmount(path: str) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    _call(libc.umount2(os.fsencode(path), MNT_DETACH | UMOUNT_NOFOLLOW))


def begin(settings: Settings, supervisor: Supervisor) -> bool:
    """Put local folders in the place of the bucket's, and start the keeper, which fills them.

    Returns:
        Whether the folders are kept; else the project is a local folder, and they are what they are.

    Raises:
        Unavailable: it cannot be done; the user's packages would be lost, or take minutes to install.
    """
    user, found = settings.place.user, names(settings)
    try:
        for path in (os.path.dirname(LOCAL), RUN):
            os.makedirs(path, mode=0o755, exist_ok=True)
        for path in (LOCAL, state.FOLDER):
            os.makedirs(path, mode=0o755, exist_ok=True)
            storage.own_folder(path, user.uid, user.gid, 0o755)
        account.do_as(user, lambda: _make(settings, found), SECONDS)
        if found:
            account.do_as(account.ROOT, lambda: _mount(settings, found), SECONDS)
    except OSError as error:
        raise Unavailable("the plugin folders cannot be put on local disk: {0}".format(error)) from None
    program = ("/usr/bin/python3", "-IBS", os.path.join(SRC, "keep-plugins"))
    places = ("--local", LOCAL, "--project", settings.place.workdir, "--old", PROJECT)
    variables = environment.for_user(settings, paths.plugins(settings.place).python)
    supervisor.start(Service(NAME, (*program, *places, *found), user, variables, patience=PATIENCE))
    return bool(found)


def note(settings: Settings, room: bool = True) -> None:
    """Before anybody is stopped: remember who is installing, so that half an installation is not saved.

    Args:
        settings: of the container.
        room: was there a process left to look? Else it may have been anybody who has been ended since.
    """

    def look() -> None:
        edit.update(state.CUT_OFF, installers.running() if room else "a program, as there was no process left,")

    with contextlib.suppress(OSError):
        account.do_as(settings.place.user, look, 1.0)


def finish(settings: Settings, supervisor: Supervisor) -> str:
    """Let the keeper save what is left, and uncover the bucket, so that it can be unmounted.

    Returns:
        Empty if it ended by itself; else what came of it.
    """
    code = supervisor.stop(NAME)
    if settings.bucket is None:
        return ""
    # In a child: where s3fs hangs, this may too.
    for path in [os.path.join(settings.place.workdir, name) for name in names(settings)] + [PROJECT]:
        if storage.mount_type(path):
            try:
                account.do_as(account.ROOT, lambda at=path: _unmount(at), supervisor.left(2.0))  # type: ignore[misc]
            except OSError as error:
                log.line("unmounting {0}: {1}".format(path, error))
    # Killed by SIGTERM: the signal came before it listened to it, and it had done nothing.
    return "" if code in (0, -signal.SIGTERM) else "the {0} did not end by itself".format(NAME)
