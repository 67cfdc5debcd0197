"""Several files as one upload: a connector takes longer for a file than for what is in it."""

from __future__ import annotations

import io
import tarfile
from typing import Iterable, Tuple


def pack(files: Iterable[Tuple[str, bytes, str]]) -> bytes:
    """Return a tar archive of root's files, to be unpacked at ``/``.

    Args:
        files: absolute path, content and mode (as chmod takes it) of each.
    """
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for path, content, mode in files:
            member = tarfile.TarInfo(path.lstrip("/"))
            member.size, member.mode, member.uname, member.gname = len(content), int(mode, 8), "root", "root"
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def unpack(packed: bytes) -> Iterable[Tuple[str, bytes, str]]:
    """Return the path, content and mode of each file of :func:`pack`."""
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        for member in archive:
            found = archive.extractfile(member)
            yield "/" + member.name, found.read() if found else b"", f"{member.mode:o}"
