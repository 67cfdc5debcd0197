"""melda-unit NAME: the steps of one systemd unit, with a container's own supervisor, settings and services.

systemd takes the place of PID 1: it knows the order, starts again what died, and passes on the wish to stop. Everything
else (what may be seen by whom, the mount's proof, the watch, the last upload) is the container's code.
"""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import sys
from typing import Callable, Dict, NamedTuple, Tuple

from melda.base import capabilities, log
from melda.base.errors import ConfigError, StopRequested, TemporaryFailure
from melda.base.paths import RUN, STATE
from melda.base.supervisor import Supervisor
from melda.boot import home, project, services
from melda.config import environ, stop_seconds
from melda.config.environ import Settings
from melda.firewall import host as firewall
from melda.jupyter import service as jupyter
from melda.jupyter.start_note import Starting
from melda.mount import s3fs
from melda.plugins import set_paths
from melda.sync import fork_of, upgrade_service
from melda.sync import service as sync

STOP_SECONDS = (
    60.0  # for the last upload, and for s3fs to write what is left; Docker gives a container ten for everything
)
ANSWER_SECONDS = 120.0  # until Jupyter must answer; an emulated host is slow
# systemd's own, for this process alone; a kernel must not take itself for a unit.
OF_SYSTEMD = ("NOTIFY_SOCKET", "INVOCATION_ID", "JOURNAL_STREAM", "SYSTEMD_EXEC_PID", "MEMORY_PRESSURE_WATCH",
              "MEMORY_PRESSURE_WRITE")  # fmt: skip
# Exit codes. The units' RestartPreventExitStatus= knows the first: trying again does not repair a setting.
EXIT_CONFIG, EXIT_RETRY = 2, 1


class Unit(NamedTuple):
    """What a unit does.

    Attributes:
        start: its start; what it returns is for the log.
        end: its stop, also after a start that failed; what it returns may be lost.
        stays: has it processes to look after? Else it stays active without any.
    """

    start: Callable[[Settings, Supervisor], str]
    end: Callable[[Settings, Supervisor], str]
    stays: Callable[[Settings], bool] = lambda _: True


def notify(path: str, message: str) -> None:
    """Tell systemd something (sd_notify(3)); where ``path`` is empty nobody listens."""
    if not path:
        return
    with contextlib.closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as sender, contextlib.suppress(OSError):
        sender.connect("\0" + path[1:] if path.startswith("@") else path)
        sender.send(message.encode())


def _variables(settings: Settings) -> Dict[str, str]:
    return environ.for_user(settings, *set_paths.plugins(settings.layout))


def _nothing(_: Settings, __: Supervisor) -> str:
    """Rules stay: a host whose Jupyter is stopped is not open therefore."""
    return ""


def _firewall(settings: Settings, _: Supervisor) -> str:
    return firewall.prepare(settings.firewall, settings.layout.user.uid)


def _mount(settings: Settings, supervisor: Supervisor) -> str:
    home.enter(settings.layout.user)
    return project.prepare(settings, supervisor)[0]


def _unmount(settings: Settings, supervisor: Supervisor) -> str:
    if s3fs.is_hung(settings):
        s3fs.kill_mount(supervisor)  # else the stop waits for it until systemd's timeout
    return s3fs.unmount(settings, supervisor)


def _plugins(settings: Settings, supervisor: Supervisor) -> str:
    synced = sync.start(settings, supervisor)
    # As in a container: what is restored is repaired when it is here.
    set_paths.prepare(settings.layout, repair=not synced)
    user = settings.layout.user
    changed = home.hand_over(user, settings.layout.workdir)
    # No code that the user installed runs before this line.
    forked = fork_of.service(settings, _variables(settings))
    if forked:
        supervisor.start(forked)
    supervisor.start(upgrade_service.service(settings, _variables(settings)))
    where = "the user's packages are being restored" if synced else "there is no bucket"
    return f"{where}, {changed} owners changed in {user.home}"


def _end_plugins(settings: Settings, supervisor: Supervisor) -> str:
    supervisor.stop(fork_of.NAME)
    supervisor.stop(upgrade_service.NAME)
    return sync.flush(settings, supervisor)


def _token_folder(settings: Settings) -> str:
    return RUN if settings.token else STATE


def _jupyter(settings: Settings, supervisor: Supervisor) -> str:
    token, random = jupyter.token_file(settings, _token_folder(settings))
    services.health_folder(settings.layout.user, jupyter.SOCKET, jupyter.LEFT_OUT)
    waiting, ready = os.pipe()
    starting = Starting()
    os.write(ready, starting.go_on())  # in a container it waits for the project; here the project's unit came first
    os.close(ready)
    supervisor.start(jupyter.service(settings, _variables(settings), token, waiting))
    os.close(waiting)
    try:
        if not supervisor.wait_until(lambda: jupyter.answers(settings.variables), ANSWER_SECONDS):
            raise TemporaryFailure("Jupyter did not answer; its output is above")
    except StopRequested:
        starting.stop(supervisor.is_running(jupyter.NAME))
        raise
    starting.finish()
    return jupyter.url(settings, token, random, jupyter.own_address())


def _end_jupyter(settings: Settings, supervisor: Supervisor) -> str:
    sync.record_interrupted(settings)
    supervisor.stop(jupyter.NAME)
    return ""


def _versions(settings: Settings, supervisor: Supervisor) -> str:
    token = jupyter.token_path(settings, _token_folder(settings))
    # Its end is the unit's, and systemd starts it again.
    supervisor.start(services.version_service(settings, _variables(settings), token)._replace(critical=True))
    return "started"


def _end_versions(_: Settings, supervisor: Supervisor) -> str:
    supervisor.stop("version service")
    return ""


UNITS: Dict[str, Unit] = {
    "firewall": Unit(_firewall, _nothing, lambda _: False),
    "mount": Unit(_mount, _unmount, lambda settings: settings.bucket is not None),
    "plugins": Unit(_plugins, _end_plugins),
    "versions": Unit(_versions, _end_versions),
    "jupyter": Unit(_jupyter, _end_jupyter),
}


def checked(variables: Dict[str, str]) -> Settings:
    """Return the settings of a host."""
    settings = environ.settings(variables)
    if settings.ssh_keys:
        raise ConfigError(
            "invalid SSH_AUTHORIZED_KEYS on a host, whose own sshd answers: expected the keys in"
            " /root/.ssh/authorized_keys, or in the setting ssh_public_key"
        )
    if settings.idle is not None:
        raise ConfigError("invalid IDLE_SECONDS on a host, which does not end: expected nothing")
    if settings.stop_seconds != stop_seconds.DOCKERS:
        raise ConfigError("invalid STOP_SECONDS on a host, where each unit has a minute: expected nothing")
    if settings.data:
        raise ConfigError("invalid DATA_BUCKET on a host, where it is not mounted: expected a mount of the host's own")
    if settings.repository:
        raise ConfigError("invalid GIT_REPOSITORY on a host, where it is not cloned: expected git clone by the user")
    return settings


def run(unit: Unit, listener: str, settings: Settings) -> int:
    """Start, tell systemd, look after what was started until it ends or systemd asks to stop, stop.

    Returns:
        The exit code: 0 after a stop that was asked for and lost nothing.
    """
    supervisor, lost = Supervisor(), ""
    try:
        with supervisor.listening():
            log.line(unit.start(settings, supervisor))
        notify(listener, "READY=1")
        code = supervisor.run() if unit.stays(settings) else 0
    except StopRequested:
        code = 0
    finally:
        lost = unit.end(settings, supervisor)
        if lost:
            log.error(f"something may be missing in the bucket: {lost}")
    return EXIT_RETRY if code or lost else 0


def main() -> int:
    """Command line: the unit's name."""
    arguments: Tuple[str, ...] = tuple(sys.argv[1:])
    log.PREFIX = ""  # the journal says whose line it is
    try:
        if len(arguments) != 1 or arguments[0] not in UNITS:
            names = ", ".join(sorted(UNITS))
            raise ConfigError("invalid {0!r}: expected one of {1}".format(" ".join(arguments), names))
        capabilities.require_root()
        listener = os.environ.get("NOTIFY_SOCKET", "")
        for name in OF_SYSTEMD:
            os.environ.pop(name, None)
        os.chdir("/")
        os.umask(0o022)
        s3fs.UNMOUNT_SECONDS = sync.PATIENCE = STOP_SECONDS
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # s3fs has the keys in its memory, Jupyter the token
        settings = checked(environ.load())
        os.environ["PATH"] = environ.ROOT_PATH  # for all that is called without an environment of its own
        return run(UNITS[arguments[0]], listener, settings)
    except (TemporaryFailure, OSError) as error:  # an OSError here: the disk is full, say
        log.error(str(error))
        return EXIT_RETRY
    except ConfigError as error:
        log.error(str(error))
        return EXIT_CONFIG
