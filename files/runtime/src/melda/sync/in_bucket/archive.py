"""tar and zstd."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import subprocess
import tempfile
import threading
from typing import IO, BinaryIO, Callable, Iterator, List, Optional, Sequence

from melda.sync import programs
from melda.sync.in_bucket.tar_members import Damaged, Filter

CHUNK = 1 << 20
# Owners are not kept: everything is the user's. Times are kept to the second, which is what Python's bytecode needs.
TAR = ("tar", "--create", "--format=gnu", "--hard-dereference", "--ignore-failed-read")
UNTAR = ("tar", "--extract", "--no-same-owner", "--preserve-permissions", "--delay-directory-restore")
ZSTD, UNZSTD = ("zstd", "-T0", "-3", "-q", "-c"), ("zstd", "-d", "-q", "-c")
# What an archive may unpack to: whatever it is, and so many times its size. Python's packages reach ten times.
ALWAYS, TIMES = 1 << 30, 100
SPARE = 256 << 20  # bytes of the disk that are left to others
# Errors that say nothing of an archive: tried again.
LATER = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.ENOMEM, errno.EAGAIN, errno.EMFILE, errno.ENFILE)


class Implausible(Exception):
    """An archive would be refused when it is unpacked: it shrinks too much."""


def most(size: int) -> int:
    """Bytes that an archive of ``size`` bytes may unpack to."""
    return ALWAYS + TIMES * size


def room(folder: str) -> int:
    """Bytes that may be written into a folder's file system: some of it stays free for everybody else."""
    found = os.statvfs(folder)
    return max(0, found.f_bavail * found.f_frsize - min(SPARE, found.f_blocks * found.f_frsize // 20))


def _said(stream: IO[bytes]) -> bytes:
    stream.seek(max(0, stream.seek(0, os.SEEK_END) - programs.LAST))
    return stream.read()


def _failed(program: str, said: bytes) -> OSError:
    number = next((number for number in LATER if os.strerror(number).encode() in said), 0)
    if number:  # tar's last line says only that there were errors
        return OSError(number, f"{program}: {os.strerror(number)}")
    return OSError("{0}: {1}".format(program, programs.last_line(said) or "failed"))


@contextlib.contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Whatever happens, the process is over afterwards, and its pipes are closed."""
    try:
        yield
    except BaseException:
        process.kill()
        raise
    finally:
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        process.wait()


def pack(root: str, entries: Sequence[str], target: BinaryIO) -> None:
    """Write an archive of ``entries``, which are relative to ``root``.

    Raises:
        OSError: it could not be made; what cannot be read, and what is no file, folder or link, is skipped.
        Implausible: nobody would unpack it.
    """
    with tempfile.TemporaryFile() as names, tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as pressed:
        names.writelines(("./" + entry).encode("utf-8", "surrogateescape") + b"\0" for entry in entries)
        names.seek(0)
        tar = [*TAR, "--directory", root, "--null", "--verbatim-files-from", "--files-from=-"]
        packing = programs.start(tar, names, subprocess.PIPE, output)
        with _ended(packing):
            pressing = programs.start(ZSTD, subprocess.PIPE, target, pressed)
            with _ended(pressing):
                assert packing.stdout and pressing.stdin  # nosec B101 # noqa: S101 they are pipes
                whole = Filter(pressing.stdin.write, 1 << 62, 1 << 62)
                with contextlib.suppress(BrokenPipeError):
                    _pump(packing.stdout, whole.feed)
                    pressing.stdin.write(bytes(1024))
                    pressing.stdin.close()
        if pressing.returncode:
            raise _failed("zstd", _said(pressed))
        if packing.returncode not in (0, 1):  # 1: a file changed meanwhile; the caller looks at that
            raise _failed("tar", _said(output))
    if whole.total > most(os.fstat(target.fileno()).st_size):
        raise Implausible


def _pump(source: IO[bytes], take: Callable[[bytes], object]) -> None:
    while True:
        part = os.read(source.fileno(), CHUNK)
        if not part:
            return
        take(part)


class _Feeder(threading.Thread):
    """Reads an archive, and gives it to zstd.

    Args:
        source: the archive.
        target: zstd's standard input.
        size: bytes that it should have.
        moved: called after each piece.
    """

    def __init__(self, source: BinaryIO, target: IO[bytes], size: int, moved: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self._source, self._target, self._size, self._moved = source, target, size, moved
        self.digest, self.length = hashlib.sha256(), 0
        self.errors: List[OSError] = []
        self.given_up = False

    def run(self) -> None:
        """Until it is read, or one byte more than it should have."""
        taken = True
        try:
            while self.length <= self._size and not self.given_up:
                chunk = self._source.read(CHUNK)
                if not chunk:
                    break
                self.digest.update(chunk)
                self.length += len(chunk)
                self._moved()
                try:
                    taken = taken and bool(self._target.write(chunk))
                except (BrokenPipeError, ValueError):
                    taken = False  # the rest is only looked at: is it ours to complain of, or is it damaged?
        except OSError as error:
            self.errors.append(error)
        finally:
            with contextlib.suppress(OSError, ValueError):
                self._target.close()


def unpack(source: BinaryIO, folder: str, sha256: str, size: int, moved: Callable[[], None] = lambda: None) -> None:
    """Unpack an archive into ``folder``, which is thrown away by the caller if this fails.

    Args:
        source: the archive.
        folder: where to.
        sha256, size: what it should be.
        moved: called whenever it went on.

    Raises:
        Damaged: it is not what was uploaded, or nothing that we archive.
        OSError: it cannot be read, or what is in it cannot be written.
    """
    with tempfile.TemporaryFile() as output:
        opening = programs.start(UNZSTD, subprocess.PIPE, subprocess.PIPE, output)
        with _ended(opening):
            tar = programs.start([*UNTAR, "--directory", folder], subprocess.PIPE, stderr=output)
            with _ended(tar):
                assert opening.stdin and tar.stdin  # nosec B101 # noqa: S101 they are pipes
                feeder = _Feeder(source, opening.stdin, size, moved)
                try:
                    feeder.start()
                except RuntimeError as error:  # no thread more can be started
                    raise OSError(errno.EAGAIN, str(error)) from None
                problem = _sieve(opening, tar, Filter(tar.stdin.write, most(size), room(folder)), feeder)
        text = _said(output)
    if feeder.errors:
        raise feeder.errors[0]
    if feeder.given_up and problem:
        raise problem
    if feeder.length != size or feeder.digest.hexdigest() != sha256:
        raise Damaged("it is not what was uploaded")
    killed = opening.returncode < 0 or tar.returncode < 0  # where there is too little memory
    if killed or any(word.encode() in text for word in (*map(os.strerror, LATER), "memory")):
        raise _failed("unpacking", text)
    if problem or tar.returncode or opening.returncode:
        raise problem or Damaged(programs.last_line(text) or "it cannot be unpacked")


def _sieve(
    opening: subprocess.Popen[bytes], tar: subprocess.Popen[bytes], members: Filter, feeder: _Feeder
) -> Optional[Exception]:
    """Bring what is in an archive from zstd to tar; what kept it from getting there."""
    problem: Optional[Exception] = None
    assert opening.stdout and tar.stdin  # nosec B101 # noqa: S101 they are pipes
    try:
        _pump(opening.stdout, members.feed)
    except BrokenPipeError:
        _pump(opening.stdout, lambda _: None)  # tar says why
    except (Damaged, OSError) as error:
        problem, feeder.given_up = error, True
        opening.kill()
        tar.kill()
    try:
        members.finish()
        tar.stdin.close()
    except Damaged as error:
        problem = problem or error
    except BrokenPipeError:
        pass
    feeder.join()
    return problem
