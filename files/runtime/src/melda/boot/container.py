"""start-jupyter: PID 1 of a container, from its first moment to its exit code."""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import sys
import time
from typing import TextIO, Tuple

from melda.base import log, processes
from melda.base.errors import EXIT_UNSAVED, ConfigError, StopRequested
from melda.base.supervisor import Supervisor
from melda.boot import locales
from melda.boot.start import start_all
from melda.config import environ
from melda.config.environ import Settings
from melda.jupyter import service as jupyter
from melda.jupyter.starting import Starting
from melda.mount import s3fs
from melda.sync import service as sync

LOCK = "/run/start-jupyter.lock"
SYSTEMD = "/run/systemd/system"  # sd_booted(3)
# Seconds from the wish to stop until Jupyter, all others, the plugins' last upload and the unmount must be over. Docker
# gives ten for everything. Unused time passes to the later steps, s3fs above all.
STOP_BY = (5.0, 6.5, 7.5, 8.8)


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


def shut_down(settings: Settings, supervisor: Supervisor) -> Tuple[int, bool]:
    """Stop Jupyter, then all other processes, save what was installed, and unmount when nobody can write any more.

    Returns:
        Jupyter's exit code as :mod:`subprocess` gives it, 0 if it was not running; and whether all is saved.
    """
    jupyters, all_others, plugins, unmounted = (time.monotonic() + seconds for seconds in STOP_BY)
    supervisor.set_deadline(jupyters)
    sync.record_interrupted(settings, supervisor.make_room())
    supervisor.send_sigterm(jupyter.NAME)
    supervisor.end_unsupervised()  # meanwhile: what they have written takes its time to be in the bucket
    ended = supervisor.stop(jupyter.NAME)
    supervisor.set_deadline(all_others)
    supervisor.stop_all(spare=(s3fs.S3FS, sync.NAME))
    supervisor.set_deadline(plugins)
    problems = [sync.flush(settings, supervisor)]
    supervisor.set_deadline(unmounted)
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
    supervisor, starting = Supervisor(_group(settings)), Starting()
    processes.adopt()
    try:
        settings = locales.prepare(settings)
        start_all(settings, supervisor, starting)
        code = supervisor.run()
    except StopRequested:
        code = 0
    except BaseException:
        shut_down(settings, supervisor)
        raise
    began = time.monotonic()
    if supervisor.stop_requested:
        starting.stop(supervisor.is_running(jupyter.NAME))
    elif code == 0 and not starting.answered:
        log.line("Jupyter was not ready yet: the start has failed")  # a restart policy shall try again
        code = 1
    if code == 0 and s3fs.is_hung(settings):
        s3fs.kill_mount(supervisor)  # else everything waits for it, and Docker kills us first
        code = 1
    ended, saved = shut_down(settings, supervisor)
    if code == 0 and not saved:
        code = EXIT_UNSAVED
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
