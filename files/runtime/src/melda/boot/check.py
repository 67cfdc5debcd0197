"""start-jupyter --check: would a container with these options and variables work? Nothing is started."""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import tempfile
from typing import Callable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from melda.base import capabilities, descriptors, memory, mounts, processes, release, users
from melda.base.errors import ConfigError
from melda.base.paths import DATA, LOCAL_PLUGINS, RUN
from melda.boot import hooks, services
from melda.config import environ
from melda.config.environ import Settings
from melda.mount import bucket_permissions, iam_role, probing, s3, s3fs
from melda.plugins.set_paths import PROFILE
from melda.ssh import service as ssh
from melda.sync import fork_of

OK, WARNING, FAILED = "ok", "warning", "FAILED"
CLONE_NEWNS = 0x20000  # linux/sched.h
SECONDS = 3.0  # for one connection, or one mount
SKEW, REFUSED_SKEW = 60.0, 900.0  # seconds; S3 refuses from the second on (RequestTimeTooSkewed)
MEMORY, SHARED = 1 << 30, 256 << 20  # bytes below which it is said
SHM = "/dev/shm"  # nosec B108
HOSTS = (("pypi.org", 443), ("cran.r-project.org", 443))
MACHINE_ID = "/var/lib/dbus/machine-id"
WRITTEN = (RUN, "/tmp", os.path.dirname(PROFILE), LOCAL_PLUGINS)  # nosec B108 folders, by a start
METADATA = ("169.254.169.254", 80)


class Row(NamedTuple):
    """A line of the table: what was looked at, how it is, and what that means."""

    name: str
    state: str
    text: str


Check = Callable[[Settings], Iterator[Row]]


def _problem(action: Callable[[], object]) -> str:
    """Return what keeps root from doing something, in a process of its own; empty: nothing."""
    try:
        users.run_as(users.ROOT, action, SECONDS)
    except OSError as error:
        return str(error)
    return ""


def _mount_in_private() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    mounts.bind(descriptors.folder("/usr", os.O_PATH), descriptors.folder("/mnt", os.O_PATH))


def mounting(settings: Settings) -> Iterator[Row]:
    """Capabilities, /dev/fuse, AppArmor: what the mount needs. Without a bucket nothing is lost."""
    bad = FAILED if settings.bucket or settings.data else WARNING
    without = f"a bucket cannot be mounted: {probing.REQUIRED_FLAGS}"
    admin = capabilities.has(capabilities.SYS_ADMIN)
    yield Row("CAP_SYS_ADMIN", *((OK, "there") if admin else (bad, without)))
    fuse = _problem(lambda: os.close(os.open(probing.FUSE, os.O_RDWR)))
    yield Row(probing.FUSE, *((bad, f"{fuse}; {without}") if fuse else (OK, "can be opened")))
    refused = _problem(_mount_in_private) if admin else ""
    if refused:
        yield Row("AppArmor", bad, f"mount(2) is refused ({refused}): --security-opt apparmor=unconfined, or a profile")
    elif admin:
        yield Row("AppArmor", OK, "lets this container mount")


def firewalling(settings: Settings) -> Iterator[Row]:
    """Return what the firewall needs, and whether the user's code would reach what gives credentials away."""
    admin = capabilities.has(capabilities.NET_ADMIN)
    if admin:
        yield Row("CAP_NET_ADMIN", OK, "there")
    elif settings.firewall.explicit:
        yield Row("CAP_NET_ADMIN", FAILED, "PGEO_IPS or EGRESS is set, and needs it: --cap-add NET_ADMIN")
    else:
        yield Row("CAP_NET_ADMIN", WARNING, "no firewall: --cap-add NET_ADMIN")
    answers = not connects(METADATA)
    if answers and not admin:
        yield Row(
            "metadata service", WARNING, "it answers, and the user's code can ask it for the host's role: add NET_ADMIN"
        )
    else:
        yield Row(
            "metadata service", OK, "it answers, and the firewall keeps the user from it" if answers else "none answers"
        )


def debugging(settings: Settings) -> Iterator[Row]:
    """Can sshd let in whoever has a key?"""
    if ssh.is_wanted(settings):
        yield Row("ssh", *((OK, "can let in who has a key") if ssh.can_let_in() else (FAILED, ssh.NEEDS)))


def _write_in(folder: str) -> None:
    while not os.path.isdir(folder):  # a start makes it
        folder = os.path.dirname(folder)
    try:
        with tempfile.TemporaryFile(dir=folder, buffering=0) as stream:
            stream.write(b"a")
    except OSError as error:  # without the name, which is nobody's
        raise OSError(os.strerror(error.errno or errno.EIO)) from None


def disk(settings: Settings) -> Iterator[Row]:
    """Can a start write what it writes? Not with --read-only, or on a disk that is full."""
    makes_id = os.path.exists(services.DBUS) and not os.path.exists(MACHINE_ID)
    bad = False
    for folder in (*WRITTEN, *[os.path.dirname(MACHINE_ID)] * makes_id, settings.layout.user.home):
        problem = _problem(lambda at=folder: _write_in(at))  # type: ignore[misc]
        if problem:
            bad = True
            yield Row("disk", FAILED, f"{folder} cannot be written: {problem} (--read-only? is it full?)")
    if not bad:
        yield Row("disk", OK, "can be written")


def place(settings: Settings) -> Iterator[Row]:
    """Is what is to be mounted in the way of nothing, and are a stop's processes known?"""
    workdir, filled = settings.layout.workdir, "{0} is not empty: a mount would hide its files; no volume belongs there"
    if settings.bucket and not s3fs.is_mounted(workdir):
        there = os.path.isdir(workdir) and os.listdir(workdir)
        yield Row("project", *((FAILED, filled.format(workdir)) if there else (OK, "the bucket's place is free")))
    if settings.data and not s3fs.is_mounted(DATA) and os.path.isdir(DATA) and os.listdir(DATA):
        yield Row("data", FAILED, filled.format(DATA))
    try:
        processes.container()
    except ConfigError as error:
        if settings.bucket:
            yield Row("processes", FAILED, str(error))


def site(_: Settings) -> Iterator[Row]:
    """Look at a site's own programs; a start refuses those that others than root can change."""
    found: List[str] = []
    try:
        for folder in (hooks.ROOTS, hooks.USERS):
            found.extend(map(os.path.basename, hooks.find(folder)))
    except (ConfigError, OSError) as error:
        yield Row("hooks", FAILED, str(error))
    else:
        yield Row("hooks", OK, ", ".join(found) or "none")


def connects(address: Tuple[str, int]) -> str:
    """Why a TCP connection cannot be made; empty: it can."""
    try:
        socket.create_connection(address, timeout=SECONDS).close()
    except (OSError, UnicodeError) as error:
        return str(getattr(error, "strerror", None) or error)
    return ""


def egress(settings: Settings) -> Iterator[Row]:
    """Can packages be fetched? By the proxies, if there are any: the firewall lets their ports through."""
    hosts: Sequence[Tuple[str, int]] = settings.firewall.proxies or HOSTS
    for host, port in hosts:
        why = connects((host, port))
        text = (
            f"{host}:{port} cannot be reached ({why}): packages come from it"
            if why
            else f"{host}:{port} can be reached"
        )
        yield Row("egress", WARNING if why else OK, text)
    if settings.firewall.egress == "none":
        yield Row("egress", WARNING, "EGRESS=none: once the container has started nothing of these can be reached")


def storage(settings: Settings) -> Iterator[Row]:
    """Rights in the bucket, and the clock, without which each signature is refused."""
    bucket = settings.bucket
    if bucket is None:
        yield Row(
            "S3", WARNING, "BUCKET_NAME is not set: what the user writes lasts as long as the container or its volume"
        )
        return
    try:
        bucket, _ = s3.located(iam_role.with_role(bucket, settings))
        skew = bucket_permissions.clock_skew(bucket)
        found = tuple(bucket_permissions.look(bucket))
    except ConfigError as error:
        yield Row("S3", FAILED, str(error))
        return
    if bucket.fork_of:
        try:
            done = fork_of.is_over(bucket)
        except ConfigError as error:
            yield Row("fork", FAILED, str(error))
        else:
            yield Row("fork", OK, f"{bucket.fork_of} has been copied" if done else f"{bucket.fork_of} is there")
    if skew is not None:
        state = FAILED if abs(skew) > REFUSED_SKEW else WARNING if abs(skew) > SKEW else OK
        yield Row("clock", state, f"{abs(skew):.0f} s " + ("ahead of S3's" if skew > 0 else "behind S3's"))
    for right in found:
        if not right.beyond:
            yield Row(f"S3: {right.name}", FAILED if right.refused else OK, right.refused or f"allowed in {bucket.url}")
    more = bucket_permissions.granted(found, beyond=True)
    text = "these keys may also {0} beyond {1}: other projects are open to this container".format(
        ", ".join(more), bucket.url
    )
    yield Row("S3: beyond", WARNING if more else OK, text if more else "nothing is allowed beyond the project's folder")


def data(settings: Settings) -> Iterator[Row]:
    """Is what DATA_BUCKET names there, and not more than readable?"""
    bucket = settings.data
    if bucket is None:
        return
    try:
        bucket = s3.found(iam_role.with_role(bucket, settings))
    except ConfigError as error:
        yield Row("S3: data", FAILED, str(error))
    else:
        yield Row("S3: data", OK, f"{bucket.url} can be read")


def token(settings: Settings) -> Iterator[Row]:
    """Who may use Jupyter."""
    if settings.hub:
        yield Row("token", OK, "the JupyterHub says who may use Jupyter")
    elif settings.token:
        yield Row("token", OK, "given")
    elif settings.firewall.peers is not None:
        yield Row("token", WARNING, "none: whoever has an address of PGEO_IPS is the user (JUPYTER_TOKEN_FILE)")
    else:
        yield Row("token", OK, "a random one, printed with the address")


def _size(number: int) -> str:
    return f"{number / (1 << 20):.0f} MiB"


def memory_given(_: Settings) -> Iterator[Row]:
    """Memory, and the memory that processes share."""
    limit = memory.limit()
    if limit is None:
        yield Row("memory", WARNING, "no limit: one notebook can take the host's (--memory 4g)")
    else:
        yield Row("memory", WARNING if limit < MEMORY else OK, f"limited to {_size(limit)}")
    found = os.statvfs(SHM)
    size = found.f_frsize * found.f_blocks
    small = "; programs that share more end with a bus error (--shm-size 1g; ECS: sharedMemorySize)"
    yield Row(SHM, WARNING if size < SHARED else OK, _size(size) + (small if size < SHARED else ""))


CHECKS: Tuple[Check, ...] = (
    mounting, firewalling, debugging, place, storage, data, site, disk, egress, token, memory_given,
)  # fmt: skip


def rows(settings: Settings) -> List[Row]:
    """Do all checks; one that fails by itself costs its own row."""
    found: List[Row] = []
    for check in CHECKS:
        try:
            found.extend(check(settings))
        except Exception as error:
            found.append(Row(check.__name__, FAILED, f"cannot be looked at: {error}"))
    return found


def table(found: List[Row]) -> str:
    """Return the rows as text, a line each."""
    widths = [max(len(row[column]) for row in found) for column in (0, 1)]
    clean = ("".join(c if c.isprintable() else "?" for c in row.text) for row in found)
    return "\n".join(f"{row.name:<{widths[0]}}  {row.state:<{widths[1]}}  {text}" for row, text in zip(found, clean))


def main(settings: Optional[Settings] = None) -> int:
    """Print the table.

    Returns:
        0: a container like this one would start; 1: it would not, or not do what it was asked for.
    """
    try:
        capabilities.require_root()
        found = rows(settings or environ.settings(environ.load()))
    except ConfigError as error:
        found = [Row("settings", FAILED, str(error))]
    print(f"{release.title()}\n{table(found)}", flush=True)
    return 1 if any(row.state == FAILED for row in found) else 0
