"""Files put in place atomically, many at a time.

pyinfra's ``files.put`` asks the target two questions a file and leaves a moment in which the file is half written or has
the wrong owner. Here one question covers all files of a concern, and each arrives under another name, gets its owner and
mode, and is renamed.
"""

from __future__ import annotations

import base64
import hashlib
import shlex
import sys
from pathlib import Path
from typing import Dict, Generator, List, NamedTuple, Optional, Sequence, Tuple

from pyinfra.api import FactBase, StringCommand, operation

from tasks.lib import archive, facts, stray
from tasks.lib.workplace import FOLDER, Command, refuse, upload

ROOT = Path(__file__).resolve().parent.parent.parent
# Programs in the image keep blocks in files too, and there is nothing of tasks/ there.
sys.path.append(str(ROOT / "files" / "runtime" / "src"))

from melda.base import textfiles  # noqa: E402

# What a file is called until it is whole, and where several lie until they are unpacked.
NEW = ".melda-new"
PACKED = FOLDER + "/files.tar"


class Entry(NamedTuple):
    """One path as it shall be.

    Attributes:
        path: absolute path on the target.
        content: the file's bytes; None makes it a directory (or a link, if ``link`` is given).
        link: where a symbolic link shall point.
        mode, user, group: as chmod and chown take them; a link has none.
    """

    path: str
    content: Optional[bytes] = None
    link: Optional[str] = None
    mode: str = "644"
    user: str = "root"
    group: str = "root"


def source(name: str) -> bytes:
    """The bytes of a file of this repository, by its path below ``files/``."""
    return (ROOT / "files" / name).read_bytes()


def tree(folder: str, path: str, executables: Sequence[str] = ()) -> List[Entry]:
    """Entries for all files below ``files/<folder>``, to be put below ``path``; of a link what it leads to.

    Args:
        folder: folder below ``files/``.
        path: absolute path on the target.
        executables: names at the top of the folder that get mode 0755.
    """
    base = ROOT / "files" / folder
    entries = [Entry(path, mode="755")]
    for found in sorted(base.rglob("*")):
        name = found.relative_to(base).as_posix()
        if stray.is_stray(name):
            continue
        target = "{0}/{1}".format(path, name)
        if found.is_dir():
            entries.append(Entry(target, mode="755"))
        else:
            entries.append(Entry(target, found.read_bytes(), mode="755" if name in executables else "644"))
    return entries


FUSE = ("fuse",)
# What stat and sha256sum say of all files and folders at once; a folder has no sum.
_ABOUT = (
    'exec 2>/dev/null; stat -f -c "fs|%T|%n" "$@" | grep "^fs|fuseblk|";'
    ' stat -c "%F|%a|%U|%G|%n" "$@"; sha256sum "$@" | sed "s/^/sha|/"'
)


class Paths(FactBase[Dict[str, Tuple[str, ...]]]):
    """What is at each path: ``("file", mode, user, group, sha256)``, ``("directory", mode, user, group)``,
    ``("link", target)``, ``("fuse",)`` for a folder that s3fs or its like mounted; a path that does not exist is left out."""

    def command(self, paths: Sequence[str]) -> str:
        # One program for all: three for each of a hundred files took longer than many other questions together.
        return (
            '{{ for p in {0}; do if [ -L "$p" ]; then echo "link|$(readlink "$p")|$p" >&3;'
            ' elif [ -d "$p" ] || [ -f "$p" ]; then printf "%s\\0" "$p"; fi; done | xargs -0 -r sh -c {1} sh; }} 3>&1; true'
        ).format(" ".join(shlex.quote(path) for path in paths), shlex.quote(_ABOUT))

    @staticmethod
    def default() -> Dict[str, Tuple[str, ...]]:
        return {}

    def process(self, output: List[str]) -> Dict[str, Tuple[str, ...]]:
        found: Dict[str, Tuple[str, ...]] = {}
        sums: Dict[str, str] = {}
        mounted = set()
        for kind, *fields in (line.split("|") for line in output):
            if kind == "sha":
                sums[fields[0][66:]] = fields[0][:64]
            elif kind == "fs":
                mounted.add(fields[-1])
            elif kind.startswith("regular"):  # "regular empty file", too
                found[fields[-1]] = ("file", *fields[:-1])
            else:
                found[fields[-1]] = (kind, *fields[:-1])
        # A file that went away meanwhile has no sum, and is not there.
        whole = {path: (*what, sums[path]) for path, what in found.items() if what[0] == "file" and path in sums}
        others = {path: what for path, what in found.items() if what[0] != "file"}
        return {**others, **dict.fromkeys(mounted, FUSE), **whole}


class Texts(FactBase[Dict[str, str]]):
    """The text of each file, whatever its bytes; what does not exist is left out."""

    def command(self, paths: Sequence[str]) -> str:
        # pyinfra reads UTF-8 lines, and of a file that is something else only the part before the first odd byte.
        return 'for p in {0}; do [ ! -f "$p" ] || echo "$(base64 -w 0 "$p")|$p"; done'.format(
            " ".join(shlex.quote(path) for path in paths)
        )

    @staticmethod
    def default() -> Dict[str, str]:
        return {}

    def process(self, output: List[str]) -> Dict[str, str]:
        found = (line.partition("|") for line in output)
        return {path: base64.b64decode(text).decode("utf-8", "surrogateescape") for text, _, path in found}


def text(path: str) -> str:
    """The text of a file, whatever its bytes; empty if there is none."""
    return facts.at(Texts, [path]).get(path, "")


def _wanted(entry: Entry) -> Tuple[str, ...]:
    if entry.link is not None:
        return ("link", entry.link)
    if entry.content is None:
        return ("directory", entry.mode, entry.user, entry.group)
    return ("file", entry.mode, entry.user, entry.group, hashlib.sha256(entry.content).hexdigest())


def _put(entry: Entry) -> Generator[Command, None, None]:
    path = shlex.quote(entry.path)
    owned = "chown {0}:{1} {{0}} && chmod {2} {{0}}".format(entry.user, entry.group, entry.mode)
    if entry.link is not None:
        yield StringCommand("ln -sfnT {0} {1}".format(shlex.quote(entry.link), path))
    elif entry.content is None:
        # The owner of the folder above could have put a link here, and would be given what it points to.
        refused = refuse("{0} is a symbolic link: it must be a folder".format(entry.path)).get_raw_value()
        yield StringCommand(
            "if [ -L {0} ]; then {1}; fi; mkdir -p {0} && chown -h {2}:{3} {0} && chmod {4} {0}/.".format(
                path, refused, entry.user, entry.group, entry.mode
            )
        )
    else:
        new = entry.path + NEW
        yield upload(entry.content, new)
        yield StringCommand("{0} && mv -fT {1} {2}".format(owned.format(shlex.quote(new)), shlex.quote(new), path))


def _put_all(entries: Sequence[Entry]) -> Generator[Command, None, None]:
    """What :func:`_put` does for each, with one upload and one command for all files."""
    folders = [entry for entry in entries if entry.content is None and entry.link is None]
    contents = [entry for entry in entries if entry.content is not None]
    for folder in folders:
        yield from _put(folder)
    yield StringCommand("rm -rf {0} && mkdir -m 700 {0}".format(FOLDER))
    yield upload(archive.pack((entry.path + NEW, entry.content or b"", entry.mode) for entry in contents), PACKED)
    # The time of unpacking, as of a file that is copied; what lies in the way of a name is removed, not written to.
    script = ["tar -C / -xpmf {0} --unlink-first".format(PACKED), "rm -rf " + FOLDER]
    for entry in contents:
        new = shlex.quote(entry.path + NEW)
        if (entry.user, entry.group) != ("root", "root"):
            script.append("chown {0}:{1} {2} && chmod {3} {2}".format(entry.user, entry.group, new, entry.mode))
        script.append("mv -fT {0} {1}".format(new, shlex.quote(entry.path)))
    yield StringCommand(" && ".join(script))
    for entry in entries:
        if entry.link is not None:
            yield from _put(entry)


def as_wanted(entries: Sequence[Entry], present: Dict[str, Tuple[str, ...]]) -> bool:
    """Is every entry as it shall be, by what :class:`Paths` found?"""
    return all(_done(entry, present) for entry in entries)


def _done(entry: Entry, present: Dict[str, Tuple[str, ...]]) -> bool:
    found = present.get(entry.path)
    # The deploy may run in a container with a project: whose it is says who mounted it, and a change is refused.
    is_folder = entry.content is None and entry.link is None
    return found == _wanted(entry) or (found == FUSE and is_folder)


def changes(
    entries: Sequence[Entry], present: Dict[str, Tuple[str, ...]], check: str = ""
) -> Generator[Command, None, None]:
    """The commands that make each entry be as it shall; see :func:`installed`."""
    undone = [entry for entry in entries if not _done(entry, present)]
    if not check and sum(entry.content is not None for entry in undone) > 1:
        yield from _put_all(undone)
        return
    for entry in undone:
        commands = list(_put(entry))
        if check and entry.content is not None:
            new = shlex.quote(entry.path + NEW)
            commands.insert(
                1, StringCommand("{{ {0}; }} || {{ rm -f {1}; exit 1; }}".format(check.replace("{}", new), new))
            )
        yield from commands


@operation()
def _installed(entries: Sequence[Entry], check: str) -> Generator[Command, None, None]:
    yield from changes(entries, facts.at(Paths, [entry.path for entry in entries]), check)


def installed(name: str, entries: Sequence[Entry], check: str = "") -> None:
    """An operation that makes each entry be as it shall.

    Args:
        name: of the operation.
        entries: in the order they are made; a directory before what lies in it.
        check: a command that must accept a file before it is put in place; ``{}`` stands for the
            file under its temporary name. Used for files whose mistakes lock everybody out.
    """
    facts.foresee(Paths, [entry.path for entry in entries])
    _installed(name=name, entries=entries, check=check)


def block_changes(path: str, marker: str, content: str, mode: str = "644") -> Generator[Command, None, None]:
    """The commands that keep one block in a file; see :func:`block`."""
    old = text(path)
    new = textfiles.set_block(old, marker, content)
    # A missing line end at the end of the file is nobody's concern.
    if new in (old, old + "\n"):
        return
    if new.strip():
        yield from _put(Entry(path, new.encode("utf-8", "surrogateescape"), mode=mode))
    else:  # nothing but ours was in it: then it goes as it came
        yield StringCommand("rm -f {0}".format(shlex.quote(path)))


@operation()
def _block(path: str, marker: str, content: str, mode: str) -> Generator[Command, None, None]:
    yield from block_changes(path, marker, content, mode)


def block(name: str, path: str, marker: str, content: str, mode: str = "644") -> None:
    """An operation that keeps one block of lines in a file that belongs to somebody else.

    Args:
        name: of the operation.
        path: the file; made if missing. It is root's.
        marker: what the block is called; see ``edit.with_block``.
        content: the block's lines; empty removes it, and the file if nothing else is in it.
        mode: the file's mode where it is written.
    """
    facts.foresee(Texts, [path])
    _block(name=name, path=path, marker=marker, content=content, mode=mode)
