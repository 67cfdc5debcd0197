"""A plugin folder on disk: its entries, which are archived as a whole, and whether somebody is installing."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
from typing import Dict, Iterator, List, NamedTuple, Tuple

# pip's: what it takes away in an upgrade; R's: where it builds.
TEMPORARY = ("~", "00LOCK")


class Layout(NamedTuple):
    """Where in a folder the packages lie.

    Attributes:
        opened: folders whose children are entries, relative, the outer ones first.
        made: entries that set-paths makes anew in each container.
    """

    opened: Tuple[str, ...]
    made: Tuple[str, ...]

    @property
    def packages(self) -> str:
        """The innermost of ``opened``: where Python's, or R's, packages lie."""
        return self.opened[-1]

    def entry_of(self, path: str) -> str:
        """The entry that the file ``path`` of the folder belongs to; empty if it is not in the folder."""
        steps = os.path.normpath(path).split("/")
        if steps[0] in ("..", ".", ""):
            return ""
        length = 1
        while length < len(steps) and "/".join(steps[:length]) in self.opened:
            length += 1
        return "/".join(steps[:length])

    def entries(self, root: str) -> Iterator[str]:
        """All that is to be kept: paths relative to ``root``.

        Raises:
            OSError: a folder cannot be read.
        """
        for folder in self.opened:
            path = os.path.join(root, folder)
            if os.path.isdir(path) and not os.path.islink(path):
                for name in sorted(os.listdir(path)):
                    entry = os.path.join(folder, name)
                    is_opened = entry in self.opened and not os.path.islink(os.path.join(root, entry))
                    if not (is_opened or entry in self.made or name.startswith(TEMPORARY)):
                        yield entry

    def stamp(self, root: str) -> Tuple[int, ...]:
        """Changes when an entry comes or goes: a few system calls."""
        return tuple(_changed(os.path.join(root, folder)) for folder in self.opened)

    def busy(self, root: str) -> str:
        """What an installation has under way, or left when it was cut off; empty if there is nothing."""
        for folder in self.opened:
            path = os.path.join(root, folder)
            for name in os.listdir(path) if os.path.isdir(path) else ():
                if name.startswith(TEMPORARY):
                    return name
                # Written last by every installer.
                if name.endswith(".dist-info") and not os.path.exists(os.path.join(path, name, "RECORD")):
                    return name
        return ""


def layout(name: str) -> Layout:
    """The layout of the folder ``name``: Python-X.Y.Z is a virtual environment, R-X.Y.Z a library."""
    found = re.fullmatch(r"Python-(\d+\.\d+)\.\d+", name)
    if not found:
        return Layout(("",), ())
    lib = "lib/python" + found.group(1)
    packages = lib + "/site-packages"
    python = tuple("bin/" + program for program in ("python", "python3", "python" + found.group(1), "pip-python"))
    return Layout(
        ("", "bin", "lib", lib, packages),
        ("pyvenv.cfg", *python, packages + "/zz-melda-image.pth"),
    )


def _changed(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


def signature(path: str) -> str:
    """Changes when anything in the entry does, by name, size, time of change, mode or a link's target.

    What Python compiles is left out: running a program must not look like an installation.

    Raises:
        OSError: it cannot be read.
    """
    digest = hashlib.blake2b(digest_size=12)

    def take(name: str, found: os.stat_result, at: str) -> None:
        fields = [name, stat.S_IFMT(found.st_mode) | stat.S_IMODE(found.st_mode)]
        if not stat.S_ISDIR(found.st_mode):
            fields += [found.st_size, found.st_mtime_ns]
        if stat.S_ISLNK(found.st_mode):
            fields.append(os.readlink(at))
        digest.update("\0".join(str(field) for field in fields).encode("utf-8", "surrogateescape") + b"\0\0")

    def walk(folder: str, below: str) -> None:
        children: List[os.DirEntry[str]] = []
        # One that its owner may not read is kept as far as it can be: it must not keep the rest from being saved.
        with contextlib.suppress(PermissionError), os.scandir(folder) as found:
            children = sorted(found, key=lambda child: child.name)
        for child in children:
            if child.name != "__pycache__":
                name = below + "/" + child.name
                with contextlib.suppress(PermissionError):
                    take(name, child.stat(follow_symlinks=False), child.path)
                if child.is_dir(follow_symlinks=False):
                    walk(child.path, name)

    found = os.lstat(path)
    take("", found, path)
    if stat.S_ISDIR(found.st_mode) and os.path.basename(path) != "__pycache__":
        walk(path, "")
    return digest.hexdigest()


def signatures(shape: Layout, root: str) -> Dict[str, str]:
    """Entry -> signature of all entries. One that went meanwhile is left out.

    Raises:
        OSError: something cannot be read.
    """
    found: Dict[str, str] = {}
    for entry in shape.entries(root):
        try:
            found[entry] = signature(os.path.join(root, entry))
        except FileNotFoundError:
            continue
    return found
