"""What start-jupyter does, as root, so that the plugin folders lie on local disk and are saved."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from typing import List

from melda.base import descriptors, folders, log, mounts, textfiles, users
from melda.base.errors import EXIT_UNSAVED, ConfigError, TemporaryFailure
from melda.base.paths import LOCAL_PLUGINS, PROJECT_STATE, RUN
from melda.base.service import Service
from melda.base.supervisor import Supervisor
from melda.config import environ
from melda.config.environ import SRC, Settings
from melda.mount import iam_role, s3, s3fs
from melda.plugins import set_paths, state
from melda.sync import at_start, other_projects, remounting
from melda.sync.on_disk import installers

NAME = "plugin sync"
LOCAL = LOCAL_PLUGINS
PROJECT = s3fs.MOUNTED  # the bucket without the folders that are mounted over its own
SECONDS = 20.0  # for a few requests to S3, or removing a folder on local disk
RESERVE = 0.5  # seconds for what the sync daemon says last, and until what it has begun is killed
PATIENCE = 3600.0  # for the last upload; the deadlines of a container's stop come before


def names(settings: Settings) -> List[str]:
    """Return the plugin folders of this container's Python and R, if they are in a bucket; else none."""
    if settings.bucket is None:
        return []
    return [os.path.basename(folder) for folder in set_paths.plugins(settings.layout) if folder]


def _of_state(found: List[str]) -> List[str]:
    """Return the folders in which the bucket has what is saved, below the project."""
    return [PROJECT_STATE, *(f"{PROJECT_STATE}/{name}" for name in found)] if found else []


def _filled(found: List[str]) -> List[str]:
    """Return those of them that the sync daemon will look into: to ask for an empty one costs two requests."""
    known = at_start.look()
    return _of_state([name for name in found if known is None or known.names(name) != []] if found else [])


def _make(settings: Settings, found: List[str]) -> None:
    """As the user: the folders, here and in the bucket, and the flag that lets Python and R wait."""
    if settings.bucket is not None:
        other_projects.separate(settings.bucket, LOCAL)
    for name in (*_filled(found), *found):
        path = os.path.join(settings.layout.workdir, name)
        try:
            if name in found:
                folders.make(path)
            else:
                folders.check(path)  # who saves makes it
        except FileNotFoundError:  # it is there, under a name that no key has: s3fs forgets it
            os.unlink(path)
            raise
    for name in found:
        local = os.path.join(LOCAL, name)
        known = local + ".json"
        if os.path.lexists(known) and not os.path.isfile(known):
            folders.move_aside(known)
        folders.make(local)  # what is in it may be nowhere else; restoring looks at it
    if found:
        state.restoring()
    state.write("restoring" if found else state.LOCAL)


def _make_objects(settings: Settings, found: List[str]) -> None:
    """As root, who has the keys: the folders' own objects in the bucket, anew.

    One that says that it is a file, a pipe or a link is that for s3fs, under a name that no key has: it can neither be renamed
    nor removed. What is in the folder stays.
    """
    bucket = settings.bucket
    if bucket is None:
        return
    bucket, _ = s3.located(iam_role.with_role(bucket, settings))
    for name in (*_of_state(found), *found):
        s3.make_folder(bucket, f"{bucket.folder}/{name}/")


def _make_in_any_case(settings: Settings, found: List[str]) -> None:
    user = settings.layout.user
    try:
        users.run_as(user, lambda: _make(settings, found), SECONDS)
    except TimeoutError:
        raise
    except OSError as error:
        if not found:
            raise
        log.warn(f"the objects of our folders in the bucket are made anew: {error}")
        _make_objects(settings, found)
        users.run_as(user, lambda: _make(settings, found), SECONDS)


def _mount(settings: Settings, found: List[str]) -> None:
    """In a process of its own, whose end closes the descriptors. The folders' parents are the user's: no link is followed."""
    for name in found:
        source, target = (os.path.join(parent, name) for parent in (LOCAL, settings.layout.workdir))
        mounts.bind(descriptors.folder(source, os.O_PATH), descriptors.folder(target, os.O_PATH))


def _mount_again(settings: Settings, found: List[str]) -> None:
    """As root: the folders, made in the bucket if they are not there, and what is to be mounted over them.

    Nothing is set aside: of what S3 refused s3fs says for a minute that it is a file.
    """

    def make() -> None:
        for name in found:
            with contextlib.suppress(FileExistsError):
                os.mkdir(os.path.join(settings.layout.workdir, name))

    users.run_as(settings.layout.user, make, SECONDS)
    _mount(settings, found)


def _stay_mounted(settings: Settings, supervisor: Supervisor, found: List[str]) -> None:
    paths = [os.path.join(settings.layout.workdir, name) for name in found]
    watch = remounting.Watch(paths, lambda lost: _mount_again(settings, [os.path.basename(path) for path in lost]))
    supervisor.call_later(remounting.PAUSE, watch.poll_once)


def start(settings: Settings, supervisor: Supervisor) -> bool:
    """Put local folders in the place of the bucket's, and start the sync daemon, which fills them.

    Returns:
        Whether the folders are synced; else the project is a local folder, and they are what they are.

    Raises:
        TemporaryFailure: it cannot be done; the user's packages would be lost, or take minutes to install.
    """
    user, found = settings.layout.user, names(settings)
    try:
        for path in (os.path.dirname(LOCAL), RUN):
            os.makedirs(path, mode=0o755, exist_ok=True)
        for path in (LOCAL, state.FOLDER):
            os.makedirs(path, mode=0o755, exist_ok=True)
            s3fs.ensure_owned_dir(path, user.uid, user.gid, 0o755)
        descriptors.clear_names(state.FOLDER, state.NAMES)
        _make_in_any_case(settings, found)
        if found:
            users.run_as(users.ROOT, lambda: _mount(settings, found), SECONDS)
            _stay_mounted(settings, supervisor, found)
    except OSError as error:
        raise TemporaryFailure(f"the plugin folders cannot be put on local disk: {error}") from None
    program = ("/usr/bin/python3", "-IBS", os.path.join(SRC, "plugin-sync"))
    places = ("--local", LOCAL, "--project", settings.layout.workdir, "--old", PROJECT)
    # It begins before the home is the user's, and what it calls then and later is the image's.
    variables = environ.of_the_image(settings, environ.for_user(settings, set_paths.plugins(settings.layout).python))
    supervisor.start(Service(NAME, (*program, *places, *found), user, variables, stop_timeout=PATIENCE))
    return bool(found)


def record_interrupted(settings: Settings, room: bool = True) -> None:
    """Before anybody is stopped: remember who is installing, so that half an installation is not saved.

    Args:
        settings: of the container.
        room: was there a process left to look? Else it may have been anybody who has been ended since.
    """

    def look() -> None:
        who = installers.running() or state.NOBODY if room else "a program, as there was no process left,"
        with contextlib.suppress(FileNotFoundError):  # the start did not come so far: nobody has installed anything
            textfiles.replace(state.INTERRUPTED, who)

    try:
        users.run_as(settings.layout.user, look, 1.0)
    except OSError as error:  # the sync daemon takes it that somebody was
        log.warn(f"who is installing cannot be seen: {error}")


def tell_deadline(settings: Settings, supervisor: Supervisor) -> None:
    """Tell the sync daemon when it is killed, unless it has ended: what comes last has the time that is left."""
    until = time.monotonic() + supervisor.remaining(PATIENCE) - RESERVE
    try:
        users.run_as(settings.layout.user, lambda: textfiles.replace(state.DEADLINE, f"{until:.2f}"), 0.5)
    except OSError as error:  # it goes by less time
        log.warn(f"the plugin sync does not know how long it has: {error}")


def flush(settings: Settings, supervisor: Supervisor) -> str:
    """Let the sync daemon save what is left, and uncover the bucket, so that it can be unmounted.

    Returns:
        Empty if it ended by itself; else what came of it.
    """
    if settings.bucket is not None and supervisor.service(NAME) is not None:
        tell_deadline(settings, supervisor)
    problem = _last_save(supervisor)
    if settings.bucket is None:
        return ""
    # In a child: where s3fs hangs, this may too.
    for path in (os.path.join(settings.layout.workdir, name) for name in names(settings)):
        mount = mounts.at(path)
        if mount:
            try:
                users.run_as(users.ROOT, lambda at=mount: mounts.detach(at), supervisor.remaining(2.0))  # type: ignore[misc]
            except OSError as error:
                log.warn(f"unmounting {path}: {error}")
    return problem


def _last_save(supervisor: Supervisor) -> str:
    service, alive = supervisor.service(NAME), supervisor.is_running(NAME)
    if service is None:
        return ""
    code = supervisor.stop(NAME)
    # It was to be started again; or the signal came before it listened to it. Somebody must look what is not saved.
    if not alive or code == -signal.SIGTERM:
        try:
            supervisor.start(service._replace(argv=(*service.argv, state.LAST), oneshot=True))
        except ConfigError as error:
            return str(error)
        code = supervisor.stop(NAME, ask=lambda: None)  # it ends by itself
    if code == EXIT_UNSAVED:
        return f"what was installed last; the {NAME}'s lines above say what"
    return "" if code == 0 else f"the {NAME} did not end by itself"
