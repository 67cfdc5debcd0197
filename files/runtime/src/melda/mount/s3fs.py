"""The project's storage: an S3 bucket through s3fs or a local folder, never one for the other."""

from __future__ import annotations

import contextlib
import os
import time
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional, Set

from melda.base import descriptors, log, mounts, users
from melda.base.errors import ConfigError, TemporaryFailure
from melda.base.paths import MOUNTED
from melda.base.service import Service
from melda.base.supervisor import Supervisor
from melda.config.bucket import Bucket
from melda.config.environ import Settings, for_root
from melda.mount import flush_check, iam_role, key_expiry, options, output, probing, s3, watch, watch_requests

S3FS = options.S3FS
KIND = "fuse.s3fs"
MOUNT_SECONDS = 20.0  # until s3fs must have mounted
PROBE_SECONDS = 10.0  # until a write, a read and a removal through the mount must be done
UNMOUNT_SECONDS = 3600.0  # for s3fs to end after its mount is gone; the deadlines of a container's stop come before
LEFT_SECONDS = 1.0  # of them, for the unmount itself
Before = Callable[[Bucket, Settings, Supervisor, Optional[Set[str]]], None]


class _Proven(NamedTuple):
    """A mount that has been proved: the output of its s3fs, and a request that fails if S3 refuses it."""

    said: output.Output
    readable: Callable[[], None]


_proven: List[_Proven] = []


def _nothing(*_: object) -> None:
    """Nothing is to be done before a bucket is mounted."""


@contextlib.contextmanager
def password_file(bucket: Bucket, path: str = options.PASSWORD_FILE) -> Iterator[None]:
    """Have s3fs's password file while the block runs; nobody else can read it, not even for an instant."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)  # left by a container that was killed
    try:
        # O_EXCL: whoever else makes the file at this moment does not get the keys.
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            stream.write(f"{bucket.credentials.key}:{bucket.credentials.secret}\n")
        yield
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)


def is_mounted(path: str) -> bool:
    """Is s3fs mounted at ``path``?"""
    found = mounts.at(path)
    return found is not None and found.kind == KIND


def _open_owned_dir(path: str, uid: int, gid: int, mode: int) -> int:
    """See :func:`ensure_owned_dir`; a descriptor of it."""
    try:
        folder = descriptors.folder(path, make=True)
    except OSError as error:
        raise ConfigError(f"invalid JUPYTER_WORKDIR={path!r}: {error.strerror}") from None
    try:
        found = os.fstat(folder)
        if (found.st_uid, found.st_gid) != (uid, gid):
            os.fchown(folder, uid, gid)
        if found.st_mode & 0o7777 != mode:
            os.fchmod(folder, mode)
    except BaseException:
        os.close(folder)
        raise
    return folder


def ensure_owned_dir(path: str, uid: int, gid: int, mode: int) -> None:
    """Make the folder ``path`` itself (not what is in it) belong to ``uid``, if it does not already.

    Its parents are the user's, who could have put links there: none is followed. What is in the way there is set aside.

    Raises:
        ConfigError: it is no folder, and cannot be made.
    """
    os.close(_open_owned_dir(path, uid, gid, mode))


def environment(bucket: Bucket, settings: Settings, keys: bool) -> Dict[str, str]:
    """Return the environment of s3fs, of which others see nothing; with ``keys`` these too, if no role gives them."""
    found = for_root(settings)
    if keys and not bucket.role:
        # s3fs before 1.87 reads the first name of each, later ones the second.
        for names, value in (
            (("AWSACCESSKEYID", "AWS_ACCESS_KEY_ID"), bucket.credentials.key),
            (("AWSSECRETACCESSKEY", "AWS_SECRET_ACCESS_KEY"), bucket.credentials.secret),
            (("AWSSESSIONTOKEN", "AWS_SESSION_TOKEN"), bucket.credentials.session),
        ):
            found.update(dict.fromkeys(names, value) if value else {})
    if bucket.role:
        without = found.get("no_proxy") or found.get("NO_PROXY") or ""
        found["no_proxy"] = ",".join(filter(None, (without, *iam_role.HOSTS)))  # a proxy is another host
        found[iam_role.VARIABLE] = iam_role.path(settings.variables)
    return found


def _s3fs(bucket: Bucket, settings: Settings, stdout: Optional[int] = None) -> Service:
    source = f"{bucket.name}:/{bucket.folder}"
    given = options.given(bucket, settings.layout.user, options.version())
    argv = (*output.LINE_BY_LINE, S3FS, source, MOUNTED, "-f", *given)
    in_environment = environment(bucket, settings, keys=bool(bucket.credentials.session))
    return Service(S3FS, argv, users.ROOT, in_environment, critical=True, stop_timeout=UNMOUNT_SECONDS, stdout=stdout)


def _show(project: int, workdir: str) -> None:
    """Bind-mount the bucket onto the project folder."""
    # No mount propagation: what is mounted below one of the two does not appear below the other.
    mounts.make_private(MOUNTED)
    mounts.bind(descriptors.folder(MOUNTED, os.O_PATH), project)
    if not is_mounted(workdir):
        raise OSError("another folder was put in its place meanwhile")


def mount(bucket: Bucket, settings: Settings, supervisor: Supervisor, before: Before = _nothing) -> None:
    """Mount the bucket and prove that it works; arguments as for :func:`prepare`.

    Raises:
        ConfigError: it does not; one line says what to do. Nothing stays mounted once the caller has stopped the
            supervisor.
        TemporaryFailure: nothing is known to be wrong.
        StopRequested: a signal came first.
    """
    asked, workdir = f"BUCKET_NAME={bucket.name!r}", settings.layout.workdir
    probing.require(asked)
    _detach_all(workdir, supervisor)  # on a host: what a killed unit left
    # While nothing is mounted nobody but root may write here: what is written would be lost without a word.
    project = _open_owned_dir(workdir, 0, 0, 0o555)
    try:
        if os.listdir(project):
            raise ConfigError(f"JUPYTER_WORKDIR={workdir!r} is not empty: the mount would hide its files")
        bucket, there = s3.prepare(iam_role.with_role(bucket, settings))
        before(bucket, settings, supervisor, there)
        said = _mount(bucket, settings, supervisor, project)
    finally:
        os.close(project)

    def give_up(reason: str) -> None:
        log.error(f"{bucket.url}: {reason}")
        kill_mount(supervisor)

    def readable() -> None:
        s3.readable(iam_role.renewed(bucket, settings.variables))

    def not_refused() -> None:
        with contextlib.suppress(TemporaryFailure):
            readable()

    key_expiry.announce(bucket, supervisor)
    _proven[:] = [_Proven(said, not_refused)]
    supervisor.call_later(output.PAUSE, said.poll_once)
    # Root, who has the keys, and where nobody else can put a link.
    asking = watch_requests.Questions(MOUNTED, readable, lambda: watch_requests.counters(supervisor.pid(S3FS)))
    watching = watch.Watch(users.ROOT, asking.choose, bucket.patience, give_up, reached=asking.reached)
    supervisor.call_later(watch.PAUSE, watching.poll_once)


def _mount(bucket: Bucket, settings: Settings, supervisor: Supervisor, project: int) -> output.Output:
    asked, workdir = f"BUCKET_NAME={bucket.name!r}", settings.layout.workdir
    os.makedirs(MOUNTED, mode=0o755, exist_ok=True)
    in_file = not bucket.role and not bucket.credentials.session
    said = output.Output()
    with password_file(bucket) if in_file else contextlib.nullcontext():
        try:
            supervisor.start(_s3fs(bucket, settings, None if bucket.debug else said.writing))
        finally:
            said.given()
        mounted = supervisor.wait_until(lambda: is_mounted(MOUNTED), MOUNT_SECONDS)
        said.poll_once()
        if not mounted:
            reason = f"s3fs took more than {MOUNT_SECONDS:g} s" if supervisor.is_running(S3FS) else "s3fs ended"
            raise TemporaryFailure(f"{asked} was not mounted: {reason}; its output is above")
        for what, who, action in (
            (f"mounting it at {workdir}", users.ROOT, lambda: _show(project, workdir)),
            ("writing and reading a file", settings.layout.user, lambda: probing.probe(workdir)),
        ):
            try:
                users.run_as(who, action, PROBE_SECONDS)
            except OSError as error:  # TimeoutError is one
                reason = "{0} is mounted and does not work: {1}: {2}"
                raise TemporaryFailure(reason.format(asked, what, error)) from None
    return said


def prepare(settings: Settings, supervisor: Supervisor, before: Before = _nothing) -> str:
    """Make the project's folder ready.

    Args:
        settings: of the container.
        supervisor: looks after s3fs.
        before: called before it is mounted, with the bucket, its keys found, and what is in the project, as
            :func:`melda.mount.s3.children` has it.
    """
    if settings.bucket is None:
        ensure_owned_dir(settings.layout.workdir, settings.layout.user.uid, settings.layout.user.gid, 0o755)
        return f"{settings.layout.workdir} is a local folder (BUCKET_NAME is not set)"
    mount(settings.bucket, settings, supervisor, before)
    return f"{settings.bucket.url} is mounted at {settings.layout.workdir}"


def _detach_all(workdir: str, supervisor: Supervisor) -> None:
    """Take away whatever shows the bucket, wherever the project's folder is by now; the last mount, s3fs's own, at last."""
    found = mounts.table()
    devices = {mount.device for mount in found if mount.kind == KIND and mount.path in (MOUNTED, workdir)}
    for mount in reversed([mount for mount in found if mount.device in devices]):
        try:
            # In a child: where s3fs hangs, this may too. umount(8) would look at the mount first, and hang.
            users.run_as(users.ROOT, lambda at=mount: mounts.detach(at), supervisor.remaining(UNMOUNT_SECONDS))  # type: ignore[misc]
        except OSError as error:
            log.warn(f"unmounting {mount.path}: {error}")


def is_hung(settings: Settings) -> bool:
    """Return whether the mount gives no answer."""
    return settings.bucket is not None and watch.read() == watch.HUNG


def kill_mount(supervisor: Supervisor) -> None:
    """Kill s3fs, so that nobody waits for it any more; what it has not written is lost."""
    supervisor.kill(S3FS, 1)


def unmount(settings: Settings, supervisor: Supervisor) -> str:
    """Unmount, if anything is mounted; s3fs writes what is left and ends.

    Returns:
        Empty if everything is in the bucket; else why that is not known.
    """
    if settings.bucket is None:
        return ""
    path = settings.layout.workdir
    problems: List[str] = []
    began = time.monotonic()
    if _proven and is_mounted(MOUNTED):
        until = time.monotonic() + supervisor.remaining(UNMOUNT_SECONDS) - LEFT_SECONDS
        problems.extend(flush_check.problems(supervisor, S3FS, _proven[0].readable, until))
    code = supervisor.stop(S3FS, ask=lambda: _detach_all(path, supervisor))
    _detach_all(path, supervisor)  # what a killed s3fs leaves
    if code:
        how = "ended with exit code {0}" if code > 0 else "was killed by signal {0}"
        problems.append(("s3fs " + how + " after {1:.1f} s").format(abs(code), time.monotonic() - began))
    # What s3fs reported since the stop began.
    error = _proven[0].said.error(began) if _proven else ""
    if error:
        problems.append("s3fs says: " + error)
    if is_mounted(MOUNTED) or is_mounted(path):
        problems.append(f"{path} cannot be unmounted")
    return "; ".join(problems)
