"""The start of a container as a plan: its steps, in an order that keeps it safe. Jupyter loads its code meanwhile."""

from __future__ import annotations

import functools
import os
import time
from typing import Callable, NamedTuple, Optional

from melda.base import log, memory, supervisor_metrics, users
from melda.base.errors import EXIT_IDLE
from melda.base.service import Service
from melda.boot import home, hooks, idle, logins, project, services
from melda.boot.preload import Start
from melda.config import environ
from melda.firewall import apply as firewall
from melda.jupyter import service as jupyter
from melda.mount import data_bucket, probing
from melda.plugins import set_paths
from melda.ssh import service as ssh
from melda.sync import fork_of, upgrade_service
from melda.sync import service as sync

JUPYTER_SECONDS = 0.05  # between two looks whether Jupyter answers already


class Step(NamedTuple):
    """One step of a start.

    Attributes:
        name: in the log; empty: nothing is logged, or the step does so itself.
        action: does it, and returns what the log says of it; nothing, or None, if that is not worth a word.
        listens: can others connect to what it starts?
        users: may what it starts run programs and modules that the user has put in place?
    """

    name: str
    action: Callable[[Start], Optional[str]]
    listens: bool = False
    users: bool = False


def _launch(start: Start, service: Optional[Service], otherwise: str) -> str:
    if service is None:
        return otherwise
    start.supervisor.start(service)
    return "started"


def close_firewall(start: Start) -> str:
    """Put the firewall's rules in place, if any are asked for."""
    return firewall.prepare(start.settings.firewall)


def run_roots_hooks(start: Start) -> str:
    """Run the site's own programs of start.d, as root."""
    names = ("JUPYTER_WORKDIR", "SRC", "UHOME", "username")
    visible = {name: start.settings.variables[name] for name in names if name in start.settings.variables}
    return ", ".join(hooks.run(hooks.ROOTS, users.ROOT, {**environ.for_root(start.settings), **visible}))


def show_data(start: Start) -> None:
    """Show in the home what DATA_BUCKET names."""
    if start.settings.data:
        data_bucket.show_in_home(start.settings.layout.user)


def run_users_hooks(start: Start) -> str:
    """Run the site's own programs of user.d, as the user."""
    return ", ".join(hooks.run(hooks.USERS, start.settings.layout.user, start.variables))


def start_ssh(start: Start) -> str:
    """Start sshd, if there is a key."""
    return ssh.start(start.settings, start.supervisor)


def start_dbus(start: Start) -> str:
    """Start the system bus, through which install.packages() reaches apt."""
    return _launch(start, services.dbus(start.settings), "off, it is not installed")


def mount(start: Start) -> str:
    """Mount the bucket and prove that it works, or make the local folder ready."""
    result, start.new = project.prepare(start.settings, start.supervisor)
    return result


def mount_data(start: Start) -> None:
    """Mount what DATA_BUCKET names, read-only; a start without one says nothing of it."""
    if start.settings.data:
        with log.step("data") as details:
            details.append(data_bucket.prepare(start.settings.data, start.settings, start.supervisor))


def start_sync(start: Start) -> str:
    """Put local folders in the place of the bucket's, and start the sync daemon, which restores the user's packages."""
    start.synced = sync.start(start.settings, start.supervisor)
    return "the user's packages are being restored" if start.synced else "there is no bucket"


def prepare_paths(start: Start) -> str:
    """Make the plugin folders, and tell pip and R of them."""
    # Nobody installs anything yet; what is restored is repaired when it is here.
    plugins = set_paths.prepare(start.settings.layout, repair=not start.synced)
    return ", ".join(filter(None, plugins))


def hand_over_home(start: Start) -> str:
    """Make everything in the home belong to the user. It is root's last work on the user's files."""
    layout = start.settings.layout
    changed = home.hand_over(layout.user, layout.workdir)
    return f"{changed} changed in {layout.user.home}"


def start_fork(start: Start) -> None:
    """Install what the parent project has, once the project's own packages are here."""
    forked = fork_of.service(start.settings, start.variables)
    if forked:
        start.supervisor.start(forked)


def start_clone(start: Start) -> None:
    """Clone GIT_REPOSITORY into a project that was empty; say if it is not there and not cloned."""
    if not start.new:
        project.tell_of_no_clone(start.settings)
        return
    cloning = project.clone(start.settings, start.variables)
    if cloning:
        start.supervisor.start(cloning)


def start_version_service(start: Start) -> str:
    """Start the web service that reports versions and health."""
    names = (jupyter.SOCKET, jupyter.LEFT_OUT)  # Jupyter does not listen yet
    return _launch(start, services.version_service(start.settings, start.variables, start.token, *names), "")


def start_jupyter(start: Start) -> str:
    """Let Jupyter go on, whose code was loaded meanwhile; when it answers, its address is logged."""
    os.write(start.ready, start.starting.go_on())
    os.close(start.ready)

    def announce() -> Optional[float]:
        if not jupyter.answers(start.settings.variables):
            return JUPYTER_SECONDS
        start.starting.finish()
        address = jupyter.url(start.settings, start.token, start.random)
        seconds = time.monotonic() - start.began
        log.line(f"ready: {address} ({seconds:.2f} s)", step="ready", seconds=seconds)
        supervisor_metrics.record("start_seconds", seconds)
        # Not before: the first kernel must not wait for it.
        if not upgrade_service.is_settled():
            start.supervisor.start(upgrade_service.service(start.settings, start.variables))
        return None

    start.supervisor.call_later(JUPYTER_SECONDS, announce)
    start.supervisor.call_later(memory.PAUSE, memory.watch())
    return "started"


STEPS = (
    Step("firewall", close_firewall),
    Step("", lambda start: probing.close_device()),
    Step("hooks as root", run_roots_hooks),
    Step("", lambda start: logins.prepare(start.settings)),
    Step("ssh", start_ssh, listens=True),
    Step("dbus", start_dbus),
    Step("", lambda start: services.bspm(start.settings, start.supervisor)),
    Step("", lambda start: home.enter(start.settings.layout.user)),
    Step("mount", mount),
    Step("", mount_data),
    Step("sync", start_sync),
    Step("paths", prepare_paths),
    Step("ownership", hand_over_home),
    Step("", show_data, users=True),
    Step("hooks as the user", run_users_hooks, users=True),
    Step("", start_fork, users=True),
    Step("", start_clone, users=True),
    Step("version service", start_version_service, listens=True, users=True),
    Step("jupyter", start_jupyter, listens=True, users=True),
)


def take(start: Start) -> None:
    """Take all steps, while Jupyter loads its code.

    Raises:
        ConfigError: a step failed.
        StopRequested: a signal came before the end.
    """
    for step in STEPS:
        if step.name:
            with log.step(step.name) as details:
                said = step.action(start)
                if said:
                    details.append(said)
        else:
            step.action(start)
    if start.settings.idle is not None:
        end = functools.partial(start.supervisor.finish, "idle", EXIT_IDLE)
        start.supervisor.call_later(0.0, idle.IdleWatch(start.settings.layout.user, start.settings.idle, end).poll_once)
