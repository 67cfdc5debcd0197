"""start-jupyter: PID 1 of a container, from its first moment to its exit code."""

from __future__ import annotations

import datetime
import fcntl
import importlib
import os
import resource
import signal
import sys
import time
from types import ModuleType
from typing import Callable, Dict, TextIO

from melda.base import capabilities, log, processes, release, supervisor_metrics
from melda.base.errors import EXIT_IDLE, EXIT_UNSAVED, ConfigError, StopRequested
from melda.base.supervisor import Supervisor
from melda.boot import locales, preload
from melda.config import environ
from melda.config.environ import Settings
from melda.jupyter import service as jupyter
from melda.jupyter.start_note import Starting

LOCK = "/run/start-jupyter.lock"
SYSTEMD = "/run/systemd/system"  # sd_booted(3)


def only_one(path: str = LOCK) -> TextIO:
    """Hold the lock of the one start-jupyter of this container; it is free when the process ends, however.

    Only root may read the file: who may, could lock it first.

    Raises:
        ConfigError: another one holds it.
    """
    # It stays open as long as we live.
    stream = open(path, "a", encoding="ascii", opener=lambda path, flags: os.open(path, flags, 0o600))  # noqa: SIM115
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        stream.close()
        raise ConfigError("it runs already in this container; docker restart starts it again") from None
    return stream


def announce() -> None:
    """Say first what this is: a log that somebody sends us begins with it."""
    today = datetime.datetime.now(datetime.timezone.utc).date()
    log.line(release.line(today))
    if release.warning(today):
        log.warn(release.warning(today))


def _group(settings: Settings) -> str:
    try:
        return processes.container()
    except ConfigError:
        if settings.bucket:
            raise
        return ""  # what goes on to write in a local folder loses nothing


# Half of our own code is loaded while Jupyter loads its own, so not above.
def _steps() -> ModuleType:
    return importlib.import_module("melda.boot.start")


def _stop() -> ModuleType:
    return importlib.import_module("melda.boot.stop")


def run() -> int:
    """Start, look after everything, stop."""
    capabilities.require_root()
    os.chdir("/")  # Docker starts us in the project, which is to be mounted and unmounted
    os.umask(0o022)
    log.leave_terminal()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # s3fs has the keys in its memory, Jupyter the token
    settings = environ.settings(environ.load())
    os.environ["PATH"] = environ.ROOT_PATH  # for all that is called without an environment of its own
    if os.path.isdir(SYSTEMD):
        raise ConfigError("systemd runs here: systemctl start melda.target (docs/vm.md)")
    lock = only_one()
    supervisor_metrics.keep()
    supervisor, starting = Supervisor(_group(settings)), Starting()
    processes.adopt()
    try:
        with supervisor.listening():
            settings = locales.prepare(settings)
            start = preload.Start(settings, supervisor, starting)
            preload.load_jupyter(start)
            announce()
            _steps().take(start)
        code = supervisor.run()
    except StopRequested:
        code = 0
    except BaseException:
        _stop().shut_down(settings, supervisor)
        raise
    began = time.monotonic()
    if supervisor.stop_requested:
        starting.stop(supervisor.is_running(jupyter.NAME))
    elif code == 0 and not starting.answered:
        log.error("Jupyter was not ready yet: the start has failed")  # a restart policy shall try again
        code = 1
    if code in (0, EXIT_IDLE) and _stop().kill_hung_mount(settings, supervisor):
        code = 1
    ended, saved = _stop().shut_down(settings, supervisor, unhurried=not supervisor.stop_requested)
    if code in (0, EXIT_IDLE) and not saved:
        code = EXIT_UNSAVED
    # Killed by SIGTERM: the signal came before Jupyter listened to it.
    elif code == 0 and ended not in (0, -signal.SIGTERM):
        code = ended if ended > 0 else 128 - ended
    seconds = time.monotonic() - began
    log.line(f"ended with exit code {code} ({seconds:.2f} s)", step="end", seconds=seconds)
    lock.close()
    return code


def print_version() -> int:
    """--version."""
    print(release.title())
    return 0


def check() -> int:
    """--check."""
    return int(importlib.import_module("melda.boot.check").main())


OPTIONS: Dict[str, Callable[[], int]] = {"--version": print_version, "--check": check}


def main() -> int:
    """Command line: no arguments, or one of :data:`OPTIONS`."""
    try:
        if sys.argv[1:] in [[name] for name in OPTIONS]:
            return OPTIONS[sys.argv[1]]()
        if sys.argv[1:]:
            log.error("invalid {0!r}: expected no argument, or {1}".format(sys.argv[1], " or ".join(OPTIONS)))
            return 2
        return run()
    except (ConfigError, OSError, MemoryError, RuntimeError) as error:  # the disk is full, say, or no thread can be had
        log.error(str(error) or repr(error))
        return 1
