"""Find and make the bytecode of Python sources, as root and for good: by what Python itself would accept.

Runs while a target is provisioned, with ``python3 -IS -c``, and stays nowhere: ``uncompiled FOLDER`` names the sources below
FOLDER without bytecode that fits, and ends with the line ``done``; ``compile FOLDER`` makes it.
"""

import importlib.util
import marshal
import os
import py_compile
import shutil
import stat
import sys
from typing import Dict, Iterable, List, Optional

CHECKED = 3  # a .pyc with the hash of its source, to be compared with it (PEP 552)
ASIDE = ".set-aside-"
Stats = Dict[str, os.stat_result]


def walk(folder: str) -> Stats:
    """Return all paths below a folder, and what lstat says of them; nothing below what was set aside."""
    found: Stats = {}
    folders = [folder]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                found[entry.path] = entry.stat(follow_symlinks=False)
                if entry.is_dir(follow_symlinks=False) and ASIDE not in entry.name:
                    folders.append(entry.path)
    return found


def read(path: str) -> bytes:
    """Return a file's bytes."""
    with open(path, "rb") as stream:
        return stream.read()


def is_roots(about: os.stat_result) -> bool:
    """Is it root's, and may nobody else write to it?"""
    return (about.st_uid, about.st_gid) == (0, 0) and (stat.S_ISLNK(about.st_mode) or not about.st_mode & 0o022)


def has_code(path: str, source: str) -> bool:
    """Would Python run this bytecode in the place of its source, however the source's time is changed?"""
    content = read(path)
    if content[:4] != importlib.util.MAGIC_NUMBER or int.from_bytes(content[4:8], "little") not in (0, CHECKED):
        return False
    if content[4:8] == bytes(4):
        about = os.stat(source)
        numbers = (int(about.st_mtime) & 0xFFFFFFFF, about.st_size & 0xFFFFFFFF)
        if content[8:16] != b"".join(number.to_bytes(4, "little") for number in numbers):
            return False
    elif content[8:16] != importlib.util.source_hash(read(source)):
        return False
    try:
        # Root's file, which Python would load the same way.
        return isinstance(marshal.loads(content[16:]), type(has_code.__code__))  # nosec B302 # noqa: S302
    except (EOFError, ValueError, TypeError):
        return False


def remove(path: str) -> None:
    """Remove whatever is there."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.unlink(path)


def compiled(sources: Iterable[str]) -> None:
    """Make the bytecode of sources, root's, whatever is in the way."""
    os.umask(0o022)
    for source in sources:
        path = importlib.util.cache_from_source(source)
        folder = os.path.dirname(path)
        if not os.path.lexists(folder) or not (stat.S_ISDIR(os.lstat(folder).st_mode) and is_roots(os.lstat(folder))):
            remove(folder)
            os.mkdir(folder)
        os.chmod(folder, 0o755)  # nosec B103 # noqa: S103 everybody reads programs
        remove(path)
        try:
            py_compile.compile(
                source, path, doraise=True, invalidation_mode=py_compile.PycInvalidationMode.CHECKED_HASH
            )
        except py_compile.PyCompileError as error:
            sys.stderr.write(str(error) + "\n")


def fits(source: str, found: Stats, since: Optional[int], checked_only: bool = False) -> bool:
    """Has a source bytecode of root's that fits?

    Args:
        source: path.
        found: what :func:`walk` found.
        since: when all was right; None: never.
        checked_only: is only bytecode with the source's hash good enough?
    """
    # As importlib.util.cache_from_source, in a tenth of its time.
    above, _, name = source.rpartition("/")
    path = f"{above}/__pycache__/{name[:-3]}.{sys.implementation.cache_tag}.pyc"
    about, folder = found.get(path), found.get(f"{above}/__pycache__")
    if not about or not folder or not stat.S_ISDIR(folder.st_mode) or not stat.S_ISREG(about.st_mode):
        return False
    modes = (stat.S_IMODE(folder.st_mode), stat.S_IMODE(about.st_mode))
    if not is_roots(folder) or not is_roots(about) or modes != (0o755, 0o644):
        return False
    if since is not None and max(about.st_ctime_ns, found[source].st_ctime_ns) <= since:
        return True
    return has_code(path, source) and not (checked_only and read(path)[4:8] == bytes(4))


def uncompiled(folder: str) -> List[str]:
    """Name the sources below a folder without bytecode that fits; none where there is no folder yet."""
    if not os.path.isdir(folder):
        return []
    found = walk(folder)
    sources = (path for path, about in found.items() if path.endswith(".py") and stat.S_ISREG(about.st_mode))
    return sorted(path for path in sources if not fits(path, found, None, checked_only=True))


if __name__ == "__main__":
    if sys.argv[1] == "uncompiled":
        sys.stdout.write("".join(path + "\n" for path in uncompiled(sys.argv[2])) + "done\n")
    else:
        compiled(uncompiled(sys.argv[2]))
