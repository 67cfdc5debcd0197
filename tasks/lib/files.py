"""Files put in place atomically, many at a time.

pyinfra's ``files.put`` asks the target two questions a file and leaves a moment in which the file is half written or has
the wrong owner. Here one question covers all files of a concern, and each arrives under another name, gets its owner and
mode, and is renamed.
"""

from __future__ import annotations

import base64
import hashlib
import shlex
from pathlib import Path
from typing import Dict, Generator, List, NamedTuple, Optional, Sequence, Tuple

from pyinfra.api import FactBase, StringCommand, operation

from tasks.lib import facts
from tasks.lib.workplace import Command, refuse, upload

ROOT = Path(__file__).resolve().parent.parent.parent


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
    """Entries for all files below ``files/<folder>``, to be put below ``path``.

    Args:
        folder: folder below ``files/``.
        path: absolute path on the target.
        executables: names at the top of the folder that get mode 0755.
    """
    base = ROOT / "files" / folder
    entries = [Entry(path, mode="755")]
    for found in sorted(base.rglob("*")):
        name = found.relative_to(base).as_posix()
        # What tools and editors leave in a work tree is nobody's program.
        if any(part.startswith(".") or part == "__pycache__" for part in name.split("/")):
            continue
        target = "{0}/{1}".format(path, name)
        if found.is_dir():
            entries.append(Entry(target, mode="755"))
        else:
            entries.append(Entry(target, found.read_bytes(), mode="755" if name in executables else "644"))
    return entries


FUSE = ("fuse",)


class Paths(FactBase[Dict[str, Tuple[str, ...]]]):
    """What is at each path: ``("file", mode, user, group, sha256)``, ``("directory", mode, user, group)``,
    ``("link", target)``, ``("fuse",)`` for a folder that s3fs or its like mounted; a path that does not exist is left out."""

    def command(self, paths: Sequence[str]) -> str:
        return (
            'for p in {0}; do if [ -L "$p" ]; then echo "link|$(readlink "$p")|$p";'
            ' elif [ -d "$p" ] && [ "$(stat -f -c %T "$p")" = fuseblk ]; then echo "fuse|$p";'
            ' elif [ -d "$p" ]; then stat -c "directory|%a|%U|%G|%n" "$p";'
            ' elif [ -f "$p" ]; then echo "file|$(stat -c "%a|%U|%G" "$p")|$(sha256sum < "$p" | cut -c1-64)|$p"; fi; done'
        ).format(" ".join(shlex.quote(path) for path in paths))

    @staticmethod
    def default() -> Dict[str, Tuple[str, ...]]:
        return {}

    def process(self, output: List[str]) -> Dict[str, Tuple[str, ...]]:
        found = (line.split("|") for line in output)
        return {fields[-1]: tuple(fields[:-1]) for fields in found}


class Text(FactBase[str]):
    """The text of a file, whatever its bytes; empty if there is none."""

    def command(self, path: str) -> str:
        # pyinfra reads UTF-8 lines, and of a file that is something else only the part before the first odd byte.
        return "base64 {0} 2>/dev/null || true".format(shlex.quote(path))

    @staticmethod
    def default() -> str:
        return ""

    def process(self, output: List[str]) -> str:
        return base64.b64decode("".join(output)).decode("utf-8", "surrogateescape")


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
        new = entry.path + ".melda-new"
        yield upload(entry.content, new)
        yield StringCommand("{0} && mv -fT {1} {2}".format(owned.format(shlex.quote(new)), shlex.quote(new), path))


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
    for entry in entries:
        if _done(entry, present):
            continue
        commands = list(_put(entry))
        if check and entry.content is not None:
            new = shlex.quote(entry.path + ".melda-new")
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


def with_block(text: str, name: str, content: str, comment: str = "#") -> str:
    """``text`` with exactly one block called ``name`` that holds ``content``, at its old place or at the end.

    Args:
        text: the file's text.
        name: what the block is called in its first and last line.
        content: the lines between them; empty removes the block.
        comment: what begins a comment in that file.
    """
    begin, end = "{0} BEGIN {1}".format(comment, name), "{0} END {1}".format(comment, name)
    # Not splitlines(): a form feed within a line is the line's.
    rest = text.split("\n")
    if not rest[-1]:
        rest.pop()
    kept: List[str] = []
    place: Optional[int] = None
    while rest:
        line = rest.pop(0)
        if line == begin:
            place = len(kept) if place is None else place
            ours = next((at for at, other in enumerate(rest) if other in (begin, end)), None)
            # A block that lost its end is only its first line: what follows may be somebody else's.
            if ours is not None and rest[ours] == end:
                del rest[: ours + 1]
        elif line != end:
            kept.append(line)
    block = [begin] + content.strip("\n").split("\n") + [end] if content.strip() else []
    at = len(kept) if place is None else place
    return "".join(line + "\n" for line in kept[:at] + block + kept[at:])


def block_changes(path: str, marker: str, content: str, mode: str = "644") -> Generator[Command, None, None]:
    """The commands that keep one block in a file; see :func:`block`."""
    old = facts.get(Text, path=path)
    new = with_block(old, marker, content)
    # A missing line end at the end of the file is nobody's concern.
    if new in (old, old + "\n"):
        return
    if new.strip():
        yield from _put(Entry(path, new.encode("utf-8", "surrogateescape"), mode=mode))
    else:  # nothing but ours was in it: then it goes as it came
        yield StringCommand("rm -f {0}".format(shlex.quote(path)))


@operation()
def block(path: str, marker: str, content: str, mode: str = "644") -> Generator[Command, None, None]:
    """Keep one block of lines in a file that belongs to somebody else.

    Args:
        path: the file; made if missing. It is root's.
        marker: what the block is called; see :func:`with_block`.
        content: the block's lines; empty removes it, and the file if nothing else is in it.
        mode: the file's mode where it is written.
    """
    yield from block_changes(path, marker, content, mode)
