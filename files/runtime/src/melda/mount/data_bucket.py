"""What DATA_BUCKET names, read-only at one path beside the project: an s3fs of its own, which may die and come again.

If it hangs, it is killed and comes again, too: a link in the project that leads there is enough for Jupyter's file calls to wait.
"""

from __future__ import annotations

import contextlib
import functools
import os
import signal
from typing import Callable

from melda.base import log, users
from melda.base.errors import ConfigError, TemporaryFailure
from melda.base.paths import DATA, DATA_STATE
from melda.base.service import Service
from melda.base.supervisor import Supervisor
from melda.config.bucket import Bucket
from melda.config.environ import Settings
from melda.mount import iam_role, key_expiry, options, output, probing, s3, s3fs, watch, watch_requests

NAME = "s3fs of the data"
IN_HOME = "data"  # where the home shows it
LINK_SECONDS = 5.0
SUBJECT = watch.Subject(f"the s3fs of {DATA}", "what reads there waits, or finds nothing", "")
# What a killed s3fs leaves is in the way of the next one. DATA is below / and root's: nobody else may rename it.
AGAIN = 'umount --lazy "$1" 2>/dev/null; shift; exec "$@"'


def show_in_home(account: users.Account) -> None:
    """Let the user find it in the home, too: a link, which the user makes. What is called so already stays."""
    shown = os.path.join(account.home, IN_HOME)

    def link() -> None:
        if not os.path.islink(shown) or os.readlink(shown) != DATA:
            os.symlink(DATA, shown)

    try:
        users.run_as(account, link, LINK_SECONDS)
    except OSError as error:
        log.warn(f"{shown} does not lead to {DATA}, where the data are: {error}")


def given(bucket: Bucket, installed: options.Version) -> str:
    """Return the options of s3fs, as for the project's; see docs/mount.md."""
    # A folder that another tool made has no mode: umask gives one to all.
    return ",".join(
        ["ro", "umask=0222", "allow_other", *options.sparing(installed), *options.service(bucket), output.LEVEL]
    )


def _s3fs(bucket: Bucket, settings: Settings, stdout: int) -> Service:
    source = f"{bucket.name}:/{bucket.folder}"
    argv = (*output.LINE_BY_LINE, s3fs.S3FS, source, DATA, "-f", "-o", given(bucket, options.version()))
    # By the environment, and not by a file that is gone when it is started again.
    environment = s3fs.environment(bucket, settings, keys=True)
    return Service(NAME, ("/bin/sh", "-c", AGAIN, "sh", DATA, *argv), users.ROOT, environment, stdout=stdout)


def _readable(bucket: Bucket, settings: Settings) -> None:
    """See whether S3 still lists what is there, which is all that its keys need be allowed for sure: one request.

    Raises:
        ConfigError: it does not.
        TemporaryFailure: it does not answer.
    """
    s3.keys(iam_role.renewed(bucket, settings.variables), bucket.folder and bucket.folder + "/", 1)


def _watch(bucket: Bucket, settings: Settings, supervisor: Supervisor) -> None:
    """Ask it now and then, and S3, where somebody uses it or once a minute."""
    readable = functools.partial(_readable, bucket, settings)
    asking = watch_requests.Questions(DATA, readable, lambda: watch_requests.counters(supervisor.pid(NAME)))

    def choose(well: bool) -> Callable[[], None]:
        question = asking.choose(well)

        def ask() -> None:
            if not s3fs.is_mounted(DATA):
                raise OSError("it is not mounted")
            question()

        return ask

    def give_up(reason: str) -> float:
        log.error(f"{bucket.url}: {reason}; it is started again")
        pid = supervisor.pid(NAME)
        with contextlib.suppress(ProcessLookupError):
            if pid:
                os.kill(pid, signal.SIGKILL)
        return watch.LOOK

    watching = watch.Watch(users.ROOT, choose, bucket.patience, give_up, DATA_STATE, SUBJECT, asking.reached)
    supervisor.call_later(watch.PAUSE, watching.poll_once)


def prepare(bucket: Bucket, settings: Settings, supervisor: Supervisor) -> str:
    """Mount it, and see that it is there.

    Raises:
        ConfigError: it cannot be had; one line says why.
    """
    asked = f"{bucket.variable}={bucket.name!r}"
    probing.require(asked)
    bucket = s3.found(iam_role.with_role(bucket, settings))
    os.makedirs(DATA, mode=0o755, exist_ok=True)
    if os.listdir(DATA):
        raise ConfigError(f"{asked} cannot be mounted: {DATA} is not empty in this image")
    said = output.Output(NAME)
    supervisor.start(_s3fs(bucket, settings, said.writing))
    mounted = supervisor.wait_until(lambda: s3fs.is_mounted(DATA), s3fs.MOUNT_SECONDS)
    said.poll_once()
    supervisor.call_later(output.PAUSE, said.poll_once)
    if not mounted:
        raise TemporaryFailure(f"{asked} was not mounted in {s3fs.MOUNT_SECONDS:g} s; s3fs's output is above")
    if settings.bucket is None:  # else it is said of the project, which has the same keys
        key_expiry.announce(bucket, supervisor, f"nothing can be read at {DATA}")
    _watch(bucket, settings, supervisor)
    return f"{bucket.url} is mounted read-only at {DATA}"
