"""What differs between the file systems of two images: ``python -m builder.reproducibility IMAGE IMAGE``."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
from typing import IO, cast

from builder import docker as client
from builder import engine
from builder.errors import BuildError, exit_code

# Type, mode, owner, group, target of a link, checksum. Not the times: a layer has those of its build.
Entry = tuple[bytes, int, int, int, str, str]


def entries(stream: IO[bytes]) -> dict[str, Entry]:
    """Return the path -> entry of every member of a tar archive."""
    found: dict[str, Entry] = {}
    with tarfile.open(fileobj=stream, mode="r|") as archive:
        for member in archive:
            content = archive.extractfile(member) if member.isreg() else None
            checksum = hashlib.sha256(content.read()).hexdigest() if content else ""
            found[member.name] = (member.type, member.mode, member.uid, member.gid, member.linkname, checksum)
    return found


def listing(docker: str, image: str) -> dict[str, Entry]:
    """Return the path -> entry of everything in an image, without a leading slash.

    Raises:
        BuildError: there is no such image, or it cannot be read.
    """
    with client.created(docker, image) as container:
        with subprocess.Popen([docker, "export", container], stdout=subprocess.PIPE) as export:
            found = entries(cast("IO[bytes]", export.stdout))
        if export.returncode:
            raise BuildError(f"docker export of {image} failed: the line that says why is above")
        return found


def differences(one: dict[str, Entry], other: dict[str, Entry]) -> list[str]:
    """Paths that are not the same in both, sorted."""
    return sorted(path for path in one.keys() | other.keys() if one.get(path) != other.get(path))


def main() -> int:
    """Print the paths that differ; exit code 1 if there are any."""

    def work() -> int:
        if len(sys.argv) != 3:
            raise BuildError("give the names of two images")
        docker = engine.ready()
        found = differences(*(listing(docker, image) for image in sys.argv[1:]))
        print("\n".join(found), end="\n" if found else "")
        return 1 if found else 0

    return exit_code(work)


if __name__ == "__main__":
    sys.exit(main())
