"""tar and zstd."""

from __future__ import annotations

import contextlib
import hashlib
import subprocess
from typing import BinaryIO, Sequence

CHUNK = 1 << 20
# Owners are not kept: everything is the user's. Times are kept to the second, which is what Python's bytecode needs.
TAR = ("tar", "--create", "--format=gnu", "--hard-dereference", "--ignore-failed-read")
UNTAR = ("tar", "--extract", "--no-same-owner", "--preserve-permissions", "--delay-directory-restore")


class Damaged(Exception):
    """An archive is not what its manifest says."""


def _failed(program: str, said: bytes) -> OSError:
    lines = said.decode("utf-8", "replace").strip().splitlines()
    return OSError("{0}: {1}".format(program, lines[-1] if lines else "failed"))


def pack(root: str, entries: Sequence[str], target: BinaryIO) -> None:
    """Write an archive of ``entries``, which are relative to ``root``.

    Raises:
        OSError: it could not be made; a file that cannot be read is left out.
    """
    tar = [*TAR, "--directory", root, "--null", "--verbatim-files-from", "--files-from=-"]
    names = b"".join(("./" + entry).encode("utf-8", "surrogateescape") + b"\0" for entry in entries)
    with subprocess.Popen(tar, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as packing:
        assert packing.stdin and packing.stdout  # nosec B101 # noqa: S101 they are pipes
        with subprocess.Popen(
            ["zstd", "-T0", "-3", "-q", "-c"], stdin=packing.stdout, stdout=target, stderr=subprocess.PIPE
        ) as pressing:
            packing.stdout.close()
            packing.stdout = None
            said = packing.communicate(names)[1]
            pressed = pressing.communicate()[1]
    if pressing.returncode:
        raise _failed("zstd", pressed)
    if packing.returncode not in (0, 1):  # 1: a file changed meanwhile; the caller looks at that
        raise _failed("tar", said)


def unpack(source: BinaryIO, folder: str, sha256: str, size: int) -> None:
    """Unpack an archive into ``folder``, which is thrown away by the caller if this fails.

    Raises:
        Damaged: it is not what was uploaded.
        OSError: it cannot be read, or what is in it cannot be written.
    """
    digest, length = hashlib.sha256(), 0
    with subprocess.Popen(
        ["zstd", "-d", "-q", "-c"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as opening:
        assert opening.stdin and opening.stdout  # nosec B101 # noqa: S101 they are pipes
        with subprocess.Popen([*UNTAR, "--directory", folder], stdin=opening.stdout, stderr=subprocess.PIPE) as tar:
            opening.stdout.close()
            try:
                taken = True
                while length <= size:
                    chunk = source.read(CHUNK)
                    if not chunk:
                        break
                    digest.update(chunk)
                    length += len(chunk)
                    try:
                        taken = taken and bool(opening.stdin.write(chunk))
                    except BrokenPipeError:
                        taken = False  # the rest is only looked at: is it ours to complain of, or is it damaged?
            finally:
                with contextlib.suppress(BrokenPipeError):
                    opening.stdin.close()
                said = tar.communicate()[1]
    if length != size or digest.hexdigest() != sha256:
        raise Damaged("it is not what was uploaded")
    if tar.returncode or opening.returncode:
        raise _failed("unpacking", said)
