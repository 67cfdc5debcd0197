"""A plugin folder on disk: its entries, which are archived as a whole, and whether somebody is installing."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import stat
from typing import Dict, Iterator, List, NamedTuple, Set, Tuple

from melda.sync.on_disk.shared_folders import FOLDERS, WITHIN, is_shared

# pip's: what it takes away in an upgrade; R's: where it builds.
TEMPORARY = ("~", "00LOCK")
LONGEST = 3000  # bytes of a path in an entry: it must also be a path where it is unpacked (PATH_MAX is 4096)
FILE_TYPES = (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK)
HEADER = 512  # bytes of tar's for each file
NO_FILE = "it is no file and no folder"


class Layout(NamedTuple):
    """Where in a folder the packages lie.

    Attributes:
        opened: folders whose children are entries, relative, the outer ones first.
        made: entries that set-paths makes again in each container.
        shared: as ``opened``, of folders that hold no packages.
    """

    opened: Tuple[str, ...]
    made: Tuple[str, ...]
    shared: Tuple[str, ...] = ()

    @property
    def packages(self) -> str:
        """The innermost of ``opened``: where Python's, or R's, packages lie."""
        return self.opened[-1]

    def is_opened(self, path: str) -> bool:
        """Return whether the children of a folder are entries."""
        if not is_shared(path + "/"):
            return path in self.opened
        if path in self.shared:
            return True
        above, name = os.path.split(path)
        return above in self.shared and above in WITHIN and name.startswith(WITHIN[above])

    def entry_of(self, path: str) -> str:
        """Return the entry that the file ``path`` of the folder belongs to; empty if it is not in the folder."""
        steps = os.path.normpath(path).split("/")
        if steps[0] in ("..", ".", ""):
            return ""
        length = 1
        while length < len(steps) and self.is_opened("/".join(steps[:length])):
            length += 1
        return "/".join(steps[:length])

    def folders(self, root: str) -> List[str]:
        """Return the folders whose children are entries, the outer ones first: none that is a link, or behind one.

        Raises:
            OSError: one cannot be read.
        """
        found: Dict[str, None] = {}

        def add(folder: str) -> None:
            path = os.path.join(root, folder)
            if folder and (os.path.dirname(folder) not in found or os.path.islink(path)):
                return  # what lies behind a link is somebody else's
            if folder not in self.opened and not _may_open(path):
                return
            found[folder] = None
            if folder in WITHIN:
                for name in sorted(listed(path)):
                    if name.startswith(WITHIN[folder]):
                        add(os.path.join(folder, name))

        for folder in (*self.opened, *self.shared):
            add(folder)
        return list(found)

    def entries(self, root: str) -> Iterator[str]:
        """Return all that is to be kept: paths relative to ``root``.

        Raises:
            OSError: a folder cannot be read.
        """
        folders = dict.fromkeys(self.folders(root))
        for folder in folders:
            for name in sorted(listed(os.path.join(root, folder))):
                entry = os.path.join(folder, name)
                temporary = folder in self.opened and name.startswith(TEMPORARY)
                if not (temporary or entry in folders or entry in self.made):
                    yield entry

    def stamp(self, root: str) -> Tuple[int, ...]:
        """Return what changes when an entry comes or goes: some dozens of system calls."""
        return tuple(_changed(os.path.join(root, folder)) for folder in self.folders(root))

    def busy(self, root: str) -> str:
        """Return what an installation has under way, or left when it was interrupted; empty if there is nothing."""
        for folder in self.opened:
            path = os.path.join(root, folder)
            for name in listed(path):
                if name.startswith(TEMPORARY):
                    return name
                # Written last by every installer.
                if name.endswith(".dist-info") and not os.path.exists(os.path.join(path, name, "RECORD")):
                    return name
        return ""


def layout(name: str) -> Layout:
    """Return the layout of the folder ``name``: Python-X.Y.Z is a virtual environment, R-X.Y.Z a library."""
    found = re.fullmatch(r"Python-(\d+\.\d+)\.\d+", name)
    if not found:
        return Layout(("",), ())
    lib = "lib/python" + found.group(1)
    packages = lib + "/site-packages"
    python = tuple("bin/" + program for program in ("python", "python3", "python" + found.group(1), "pip-python"))
    return Layout(
        ("", "bin", "lib", lib, packages),
        ("pyvenv.cfg", *python, packages + "/zz-melda-image.pth"),
        FOLDERS,
    )


def listed(path: str) -> List[str]:
    """Return the names in a folder; none if it is not there (any more)."""
    try:
        return os.listdir(path)
    except (FileNotFoundError, NotADirectoryError):
        return []


def _changed(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


def _may_open(path: str) -> bool:
    """Is it a folder that can be read? One that cannot is an entry itself, so that it costs nobody else."""
    try:
        found = os.lstat(path)
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and _is_open(found, path)


class Entry(NamedTuple):
    """What is to be known of an entry.

    Attributes:
        signature: changes when anything in the entry does.
        size: bytes of its files, as far as they say so: a sparse file counts as what it would be in an archive.
        lacks: what of it no bucket can hold, for people; empty: nothing.
        closed: what of it cannot be read, for people; empty: nothing.
    """

    signature: str
    size: int
    lacks: str
    closed: str


def _is_open(found: os.stat_result, path: str) -> bool:
    """May what is in a file, or in a folder, be read? Its mode says so for its owner, whom root in a test is too."""
    needed = 0o500 if stat.S_ISDIR(found.st_mode) else 0o400
    if found.st_uid == os.geteuid():
        return found.st_mode & needed == needed
    return os.access(path, needed >> 6)  # R_OK and X_OK have the values of the bits


def scan(path: str) -> Entry:
    """Look at an entry: names, sizes, times of change, modes and links' targets; no file is opened.

    What Python compiles is skipped: running a program must not look like an installation.

    Raises:
        OSError: it cannot be read; ENAMETOOLONG: its folders lie in each other deeper than can be kept.
    """
    digest = hashlib.blake2b(digest_size=12)
    size, lacks, closed = 0, "", ""
    shut: Set[str] = set()  # folders; nothing is missing in one that is empty

    def unread(name: str) -> str:
        return os.path.basename(path) + name + " cannot be read"

    def take(name: str, found: os.stat_result, at: str) -> None:
        nonlocal size, lacks, closed
        kind, mode = stat.S_IFMT(found.st_mode), stat.S_IMODE(found.st_mode)
        if kind not in FILE_TYPES:
            lacks = lacks or os.path.basename(path) + name + " is no file and no folder"
            return
        fields = [name, kind | mode]
        if kind != stat.S_IFDIR:
            fields += [found.st_size, found.st_mtime_ns]
        if kind == stat.S_IFLNK:
            fields.append(os.readlink(at))
        elif not _is_open(found, at):
            if kind == stat.S_IFDIR:
                shut.add(name)
            else:
                closed = closed or unread(name)
        size += HEADER + (found.st_size if kind == stat.S_IFREG else 0)
        digest.update("\0".join(str(field) for field in fields).encode("utf-8", "surrogateescape") + b"\0\0")

    found = os.lstat(path)
    if stat.S_IFMT(found.st_mode) not in FILE_TYPES:
        raise OSError(NO_FILE)
    take("", found, path)
    # A list, not a function that calls itself: Python's stack ends long before a tree does.
    todo = [""] if stat.S_ISDIR(found.st_mode) and os.path.basename(path) != "__pycache__" else []
    while todo:
        below = todo.pop()
        children: List[os.DirEntry[str]] = []
        # One that its owner may not read is kept as far as it can be: it must not keep the rest from being saved.
        try:
            with os.scandir(path + below) as entries:
                children = sorted(entries, key=lambda child: child.name)
        except PermissionError:
            closed = closed or unread(below)
        if children and below in shut:
            closed = closed or unread(below)
        folders = []
        for child in children:
            if child.name != "__pycache__":
                name = below + "/" + child.name
                if len(os.fsencode(name)) > LONGEST:
                    raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
                try:
                    take(name, child.stat(follow_symlinks=False), child.path)
                except PermissionError:
                    closed = closed or unread(name)
                if child.is_dir(follow_symlinks=False):
                    folders.append(name)
        todo += reversed(folders)
    return Entry(digest.hexdigest(), size, lacks, closed)


def signature(path: str) -> str:
    """Return the signature of an entry; errors as for :func:`scan`."""
    return scan(path).signature


class Survey(NamedTuple):
    """All entries of a folder.

    Attributes:
        found: entry -> what is to be known of it.
        left: entry -> why it cannot be kept.
    """

    found: Dict[str, Entry]
    left: Dict[str, str]


def survey(shape: Layout, root: str) -> Survey:
    """Look at all entries. One that went meanwhile is skipped; one that cannot be kept costs nobody but itself.

    Raises:
        OSError: a folder that holds entries cannot be read.
    """
    found: Dict[str, Entry] = {}
    left: Dict[str, str] = {}
    for entry in shape.entries(root):
        try:
            one = scan(os.path.join(root, entry))
        except FileNotFoundError:
            continue
        except OSError as error:
            deep = error.errno == errno.ENAMETOOLONG
            left[entry] = "its folders are nested too deep" if deep else str(error.strerror or error)
        else:
            found[entry] = one
    return Survey(found, left)


def signatures(shape: Layout, root: str) -> Dict[str, str]:
    """Entry -> signature of all entries that can be kept; errors as for :func:`survey`."""
    return {entry: one.signature for entry, one in survey(shape, root).found.items()}
