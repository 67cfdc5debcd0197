"""The stop of a container, in an order that loses nothing."""

from __future__ import annotations

import time
from typing import Tuple

from melda.base import log
from melda.base.supervisor import Supervisor
from melda.config.environ import Settings
from melda.jupyter import service as jupyter
from melda.mount import s3fs
from melda.sync import service as sync

UNHURRIED = 120  # seconds, at least, for an end that nobody asked for from outside: nobody kills it then
UPLOAD = 0.4  # of the seconds that there are, for the last upload of the user's packages


def deadlines(seconds: float) -> Tuple[float, float, float, float]:
    """Return when Jupyter, all others, the packages' last upload and the unmount must be over.

    Unused time passes to the later steps, s3fs above all.

    Args:
        seconds: from the wish to stop until the container is killed.

    Returns:
        Seconds from the wish to stop: of Docker's ten 5, 6.5, 7.5 and 8.8.
    """
    jupyters = min(seconds / 2, 20.0)
    return jupyters, jupyters + min(0.15 * seconds, 5.0), 0.75 * seconds, seconds - max(1.2, 0.02 * seconds)


def kill_hung_mount(settings: Settings, supervisor: Supervisor) -> bool:
    """Kill s3fs if the mount gives no answer, and return whether: else everything waits for it, and Docker kills us first."""
    if not s3fs.is_hung(settings):
        return False
    s3fs.kill_mount(supervisor)
    return True


def shut_down(settings: Settings, supervisor: Supervisor, unhurried: bool = False) -> Tuple[int, bool]:
    """Stop Jupyter, then all other processes, save what was installed, and unmount when nobody can write any more.

    Args:
        settings: of the container.
        supervisor: looks after what is stopped.
        unhurried: does the container end by itself, so that nobody waits to kill it?

    Returns:
        Jupyter's exit code as :mod:`subprocess` gives it, 0 if it was not running; and whether all is saved.
    """
    given = max(settings.stop_seconds, UNHURRIED) if unhurried else settings.stop_seconds
    jupyters, all_others, plugins, unmounted = (time.monotonic() + seconds for seconds in deadlines(given))
    supervisor.set_deadline(jupyters)
    sync.record_interrupted(settings, supervisor.make_room())
    supervisor.send_sigterm(jupyter.NAME)
    supervisor.end_unsupervised()  # meanwhile: what they have written takes its time to be in the bucket
    ended = supervisor.stop(jupyter.NAME)
    supervisor.set_deadline(all_others)
    supervisor.stop_all(spare=(s3fs.S3FS, sync.NAME))
    supervisor.set_deadline(min(plugins, time.monotonic() + UPLOAD * given))
    problems = [sync.flush(settings, supervisor)]
    supervisor.set_deadline(unmounted)
    problems.append(s3fs.unmount(settings, supervisor))
    lost = "; ".join(filter(None, problems))
    if lost:
        log.error(f"something may be missing in the bucket: {lost}")
    return ended, not lost
