"""start-jupyter: what happens in a container from first to last, in the order of the specification."""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import sys
import time
from typing import Optional, TextIO, Tuple

from melda.base import log, processes
from melda.base.errors import ConfigError, StopRequested
from melda.base.service import Service
from melda.base.supervisor import Supervisor
from melda.boot import home, services
from melda.config import environ, hub
from melda.config.environ import Settings
from melda.firewall import apply as firewall
from melda.jupyter import service as jupyter
from melda.mount import s3fs
from melda.plugins import set_paths
from melda.ssh import service as ssh
from melda.sync import fork_of
from melda.sync import service as sync

LOCK = "/run/start-jupyter.lock"
SYSTEMD = "/run/systemd/system"  # sd_booted(3)
JUPYTER_SECONDS = 0.05  # between two looks whether Jupyter answers already
# Seconds from the wish to stop until Jupyter, all others, the plugins' last upload and the unmount must be over. Docker
# gives ten for everything; who is quicker leaves the rest to those after it, s3fs above all.
STOP_BY = (5.0, 6.5, 7.5, 8.8)
LOST = 74  # exit code (sysexits.h, EX_IOERR): it was to stop, and something may be missing in the bucket


def only_one(path: str = LOCK) -> TextIO:
    """Hold the lock of the one start-jupyter of this container; it is free when the process ends, however.

    Raises:
        ConfigError: another one holds it.
    """
    stream = open(path, "a", encoding="ascii")  # noqa: SIM115 stays open as long as we live
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        stream.close()
        raise ConfigError("it runs already in this container; docker restart starts it again") from None
    return stream


def _start(supervisor: Supervisor, name: str, service: Optional[Service], otherwise: str) -> None:
    with log.step(name) as details:
        if service is None:
            details.append(otherwise)
        else:
            supervisor.start(service)
            details.append("started")


def _open_home(settings: Settings) -> None:
    user = settings.layout.user
    try:
        home.open_to(user)
    except OSError as error:
        raise ConfigError(f"UHOME={user.home!r} cannot be used: {error}") from None


def start_all(settings: Settings, supervisor: Supervisor) -> None:
    """All steps of a start.

    Raises:
        ConfigError: a step failed.
        StopRequested: a signal came before the end.
    """
    began = time.monotonic()
    variables = environ.for_user(settings, set_paths.plugins(settings.layout).python)
    token, random = jupyter.token_file(settings)
    # Loading Jupyter's code takes longest and needs nothing of the project: it goes on beside all the rest.
    waiting, ready = os.pipe()
    supervisor.start(jupyter.service(settings, environ.held_back(settings, variables), token, waiting))
    os.close(waiting)
    with log.step("firewall") as details:  # before the first service listens
        details.append(firewall.prepare(settings.firewall))
    with log.step("ssh") as details:
        details.append(ssh.start(settings, supervisor))
    _start(supervisor, "dbus", services.dbus(settings), "off, it is not installed")
    services.bspm(settings, supervisor)
    _open_home(settings)
    with log.step("mount") as details:
        details.append(s3fs.prepare(settings, supervisor, fork_of.fetch))
    with log.step("sync") as details:
        kept = sync.start(settings, supervisor)
        details.append("the user's packages are brought back meanwhile" if kept else "there is no bucket")
    with log.step("paths") as details:
        # Nobody installs anything yet; what is brought back is repaired when it is here.
        plugins = set_paths.prepare(settings.layout, repair=not kept)
        details.extend(folder for folder in plugins if folder)
    with log.step("ownership") as details:
        try:
            changed = home.chown_home(settings.layout.user, settings.layout.workdir)
        except OSError as error:
            raise ConfigError(f"UHOME={settings.layout.user.home!r} cannot be handed to its user: {error}") from None
        details.append(f"{changed} changed in {settings.layout.user.home}")
    # Only from here on anything runs that the user may have put in place.
    forked = fork_of.service(settings, variables)
    if forked:
        supervisor.start(forked)  # it waits for what this project has itself
    names = (jupyter.SOCKET, jupyter.LEFT_OUT)  # Jupyter does not listen yet
    _start(supervisor, "version service", services.version_service(settings, variables, token, *names), "")
    with log.step("jupyter") as details:
        os.write(ready, b"\n")
        os.close(ready)
        details.append("started")

    def announce() -> Optional[float]:
        if not jupyter.answers(prefix=hub.prefix(settings.variables)):
            return JUPYTER_SECONDS
        log.line(f"ready: {jupyter.url(settings, token, random)} ({time.monotonic() - began:.2f} s)")
        return None

    supervisor.call_later(JUPYTER_SECONDS, announce)


def shut_down(settings: Settings, supervisor: Supervisor) -> Tuple[int, bool]:
    """Stop Jupyter, then all other processes, save what was installed, and unmount when nobody can write any more.

    Returns:
        Jupyter's exit code as :mod:`subprocess` gives it, 0 if it was not running; and whether all is saved.
    """
    jupyters, all_others, plugins, unmounted = (time.monotonic() + seconds for seconds in STOP_BY)
    supervisor.hurry(jupyters)
    sync.record_interrupted(settings, supervisor.make_room())
    supervisor.ask(jupyter.NAME)
    supervisor.end_strangers()  # meanwhile: what they have written takes its time to be in the bucket
    ended = supervisor.stop(jupyter.NAME)
    supervisor.hurry(all_others)
    supervisor.stop_all(spare=(s3fs.S3FS, sync.NAME))
    supervisor.hurry(plugins)
    problems = [sync.flush(settings, supervisor)]
    supervisor.hurry(unmounted)
    problems.append(s3fs.unmount(settings, supervisor))
    lost = "; ".join(filter(None, problems))
    if lost:
        log.line(f"something may be missing in the bucket: {lost}")
    return ended, not lost


def _group(settings: Settings) -> str:
    try:
        return processes.container()
    except ConfigError:
        if settings.bucket:
            raise
        return ""  # what goes on to write in a local folder loses nothing


def run() -> int:
    """Start, look after everything, stop.

    Returns:
        The container's exit code.

    Raises:
        ConfigError: it does not start.
    """
    if os.geteuid() != 0:
        raise ConfigError(f"it must start as root, not as user {os.geteuid()}: it runs Jupyter as melda by itself")
    os.chdir("/")  # Docker starts us in the project, which is to be mounted and unmounted
    os.umask(0o022)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # s3fs has the keys in its memory, Jupyter the token
    settings = environ.settings(environ.load())
    os.environ["PATH"] = environ.ROOT_PATH  # for all that is called without an environment of its own
    if os.path.isdir(SYSTEMD):
        raise ConfigError("systemd runs here: systemctl start melda.target (docs/vm.md)")
    lock = only_one()
    supervisor = Supervisor(_group(settings))
    processes.adopt()
    try:
        start_all(settings, supervisor)
        code = supervisor.run()
    except StopRequested:
        code = 0
    except BaseException:
        shut_down(settings, supervisor)
        raise
    began = time.monotonic()
    if code == 0 and s3fs.is_hung(settings):
        s3fs.kill_mount(supervisor)  # else everything waits for it, and Docker kills us first
        code = 1
    ended, saved = shut_down(settings, supervisor)
    if code == 0 and not saved:
        code = LOST
    # Killed by SIGTERM: the signal came before Jupyter listened to it.
    elif code == 0 and ended not in (0, -signal.SIGTERM):
        code = ended if ended > 0 else 128 - ended
    log.line(f"ended with exit code {code} ({time.monotonic() - began:.2f} s)")
    lock.close()
    return code


def main() -> int:
    """Command line: no arguments."""
    try:
        if sys.argv[1:]:
            raise ConfigError(f"invalid {sys.argv[1]!r}: it takes no arguments")
        return run()
    except (ConfigError, OSError, MemoryError, RuntimeError) as error:  # the disk is full, say, or no thread can be had
        log.line(str(error) or repr(error))
        return 1
