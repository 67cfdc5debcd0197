"""Files as they shall be on a target, and the commands that put them there: each arrives under another name, gets its owner
and mode, and is renamed."""

from __future__ import annotations

import hashlib
import io
import re
import secrets
import shlex
import tarfile
from pathlib import Path, PurePosixPath
from typing import Dict, Generator, Iterable, List, NamedTuple, Optional, Sequence, Tuple

from melda.base import textfiles
from pyinfra.api import StringCommand

from tasks.facts.files import MISSING, NO_FOLDER, THEIRS, folders_above
from tasks.lib import stray
from tasks.lib.progress import say
from tasks.lib.staging import ENTER, FOLDER, Command, fresh, joined, refuse, upload

ROOT = Path(__file__).resolve().parent.parent.parent
# What a file is called until it is whole, in each run otherwise, and where several lie until they are unpacked.
NEW = ".melda-new"
RUN = "." + secrets.token_hex(4)
PACKED = FOLDER + "/files.tar"


class ManagedFile(NamedTuple):
    """One path as it shall be.

    Attributes:
        content: the file's bytes; None makes it a directory, or a link.
        mode: as chmod takes it. All are root's.
        link: what it leads to, if it is a symbolic link.
        linked: may a folder be a link? Then people keep things of theirs there, and :class:`tasks.facts.server.Unwritable` has
            looked where it leads to.
    """

    path: str
    content: Optional[bytes] = None
    mode: str = "644"
    link: str = ""
    linked: bool = False


def source(name: str) -> bytes:
    """Read a file of this repository, by its path below ``files/``."""
    return (ROOT / "files" / name).read_bytes()


def tree(folder: str, path: str, executables: Sequence[str] = ()) -> List[ManagedFile]:
    """List all files below ``files/<folder>``, to be put below ``path``; of a link what it leads to.

    Args:
        executables: names at the top of the folder that get mode 0755.
    """
    base = ROOT / "files" / folder
    entries = [ManagedFile(path, mode="755")]
    for found in sorted(base.rglob("*")):
        name = found.relative_to(base).as_posix()
        if stray.is_stray(name):
            continue
        target = f"{path}/{name}"
        if found.is_dir():
            entries.append(ManagedFile(target, mode="755"))
        else:
            entries.append(ManagedFile(target, found.read_bytes(), mode="755" if name in executables else "644"))
    return entries


Stats = Dict[str, Tuple[str, ...]]


def expected(entry: ManagedFile) -> Tuple[str, ...]:
    """Say what the fact PathStats says of a path that is as it shall be."""
    if entry.link:
        return ("link", entry.link)
    if entry.content is None:
        return ("directory", entry.mode, "root", "root")
    return ("file", entry.mode, "root", "root", hashlib.sha256(entry.content).hexdigest())


# Below these nobody else has a folder in which something of root's lies; elsewhere an administrator may.
_SYSTEM = ("/etc/", "/opt/", "/root/", "/usr/", "/var/")


def _given_away(entries: Sequence[ManagedFile], present: Stats) -> List[str]:
    """Return the folders above ``entries`` that must be root's alone and are not: others put there what root runs."""
    theirs = [path for path in folders_above(entry.path for entry in entries) if (path + "/").startswith(_SYSTEM)]
    return sorted(path for path in ("/", *theirs) if present.get(path) == THEIRS)


def in_sync(entries: Sequence[ManagedFile], present: Stats) -> bool:
    """Is every entry as it shall be, by what the fact PathStats found?"""
    return not _given_away(entries, present) and all(_is_in_sync(entry, present) for entry in entries)


def _is_in_sync(entry: ManagedFile, present: Stats) -> bool:
    found = present.get(entry.path)
    # The deploy may run in a container with a project: whose it is says who mounted it, and a change is refused.
    return found == expected(entry) or (found == ("fuse",) and entry.content is None) or _is_led_on(entry, present)


def _is_led_on(entry: ManagedFile, present: Stats) -> bool:
    return entry.linked and present.get(entry.path, ())[:1] == ("link",)


def set_aside(path: str) -> StringCommand:
    """Say the command that renames what is in the way at ``path``, and say so to whoever runs the deploy."""
    name = f"{path}.set-aside-{secrets.token_hex(4)}"
    say(f"{path} was in the way and is set aside as {name}")
    return StringCommand(f"mv -T {shlex.quote(path)} {shlex.quote(name)}")


def _in_the_way(entry: ManagedFile, present: Stats) -> bool:
    found, wanted = present.get(entry.path), expected(entry)[0]
    # A name can be given to another file, but not to a folder.
    return bool(found and found[0] != wanted and "directory" in (found[0], wanted)) and not _is_led_on(entry, present)


def with_way_made(entries: Sequence[ManagedFile], present: Stats) -> Stats:
    """Say what PathStats will find once what is in the way is set aside: a link to a folder takes along what is seen below it."""
    aside = tuple(entry.path + "/" for entry in entries if _in_the_way(entry, present))
    above = {str(folder) for entry in entries for folder in PurePosixPath(entry.path).parents}
    gone = {path for path in {*present, *above} if (path + "/").startswith(aside)}
    kept = {path: found for path, found in present.items() if path not in gone}
    return {**kept, **dict.fromkeys(gone & above, MISSING)}


def make_way(entries: Sequence[ManagedFile], present: Stats) -> Generator[StringCommand, None, None]:
    """Say the commands after which ``entries`` can be put in place: the folders above them, and nothing of another kind."""
    aside: List[str] = []
    for entry in entries:
        if _in_the_way(entry, present) and not entry.path.startswith(tuple(aside)):
            aside.append(entry.path + "/")
            yield set_aside(entry.path)
    present = with_way_made(entries, present)
    for folder in sorted({str(folder) for entry in entries for folder in PurePosixPath(entry.path).parents}):
        found = present.get(folder)
        if found == NO_FOLDER:
            yield set_aside(folder)
        if found in (MISSING, NO_FOLDER):
            yield StringCommand(f"mkdir -m 755 {shlex.quote(folder)}")


def _unfinished(entry: ManagedFile) -> str:
    return entry.path + RUN + NEW


def put(entry: ManagedFile, check: str = "") -> Generator[Command, None, None]:
    """Put one file, link or folder in place, a file only if ``check`` accepts it; see :func:`diff`."""
    path, new = shlex.quote(entry.path), shlex.quote(_unfinished(entry))
    if entry.link:
        yield StringCommand(f"ln -sfT {shlex.quote(entry.link)} {new} && mv -fT {new} {path}")
        return
    if entry.content is None:
        # The owner of the folder above could have put a link here, and would be given what it points to.
        refused = refuse(f"{entry.path} is a symbolic link: it must be a folder").get_raw_value()
        yield StringCommand(
            f"if [ -L {path} ]; then {refused}; fi;"
            f" mkdir -p {path} && chown -h root:root {path} && chmod {entry.mode} {path}/."
        )
        return
    yield upload(entry.content, _unfinished(entry))
    if check:
        yield StringCommand(f"{{ {check.replace('{}', new)}; }} || {{ rm -f {new}; exit 1; }}")
    yield StringCommand(f"chown root:root {new} && chmod {entry.mode} {new} && mv -fT {new} {path}")


def _packed(contents: Iterable[Tuple[ManagedFile, bytes]]) -> bytes:
    """Return a tar archive of unfinished files: a connector takes longer for a file than for what is in it."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for entry, content in contents:
            member = tarfile.TarInfo(_unfinished(entry).lstrip("/"))
            member.size, member.mode, member.uname, member.gname = len(content), int(entry.mode, 8), "root", "root"
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def _put_all(entries: Sequence[ManagedFile]) -> Generator[Command, None, None]:
    """Do what :func:`put` does for each, with one upload and one command for all files."""
    for entry in entries:
        if entry.content is None:
            yield from put(entry)
    contents = [(entry, entry.content) for entry in entries if entry.content is not None]
    yield fresh(FOLDER, "700")
    yield upload(_packed(contents), PACKED)
    # The time of unpacking, as of a file that is copied; what lies in the way of a name is removed, not written to.
    script = [ENTER, f"tar -C / -xpmf {PACKED} --unlink-first"]
    for entry, _ in contents:
        new = shlex.quote(_unfinished(entry))
        script.append(f"mv -fT {new} {shlex.quote(entry.path)}")
    # Last: what is unfinished belongs to a run that works in the folder.
    yield StringCommand(" && ".join([*script, f"cd / && rm -rf {FOLDER}"]))


def diff(entries: Sequence[ManagedFile], present: Stats, check: str = "") -> Generator[Command, None, None]:
    """Say the commands that make each entry be as it shall.

    Args:
        entries: in the order they are made; a directory before what lies in it.
        present: what the fact PathStats found.
        check: a command that must accept a file before it is put in place; ``{}`` stands for the file under its temporary name.
    """
    yield from joined(_each(entries, present, check))


def _each(entries: Sequence[ManagedFile], present: Stats, check: str) -> Generator[Command, None, None]:
    for folder in _given_away(entries, present):
        quoted = shlex.quote(folder)
        # What a link leads to is not given to root with it, and may be anybody's to move.
        refused = refuse(f"{folder} is a link to a folder that others may write to: expected one that is root's alone")
        say(f"{folder} was not root's alone: a folder is given back to root")
        yield StringCommand(
            f"if [ -L {quoted} ]; then {refused.get_raw_value()}; fi; chown -h root:root {quoted} && chmod o-w {quoted}/."
        )
    made = with_way_made(entries, present)
    pending = [entry for entry in entries if not _is_in_sync(entry, made)]
    yield from make_way(pending, present)
    if not check and sum(entry.content is not None for entry in pending) > 1:
        yield from _put_all(pending)
        return
    for entry in pending:
        yield from put(entry, check)


def has_block(text: str, marker: str, content: str) -> bool:
    """Say whether a text holds the block as it shall. A missing line end at the end of the file is nobody's concern."""
    return textfiles.set_block(text, marker, content) in (text, text + "\n")


def overruled(text: str, marker: str, content: str) -> str:
    """Name the first variable of a block that a line below it sets again, or nothing. The last one counts (pam_env(8))."""
    _, end, below = text.rpartition(f"# END {marker}\n")
    names = "|".join(line.partition("=")[0] for line in content.splitlines())
    found = re.search(rf"^\s*(?:export\s+)?({names})\s*=", below, re.MULTILINE)
    return found[1] if end and found else ""


def block_diff(
    path: str, old: str, marker: str, content: str, present: Stats, mode: str = "644", kept: bool = False
) -> Generator[Command, None, None]:
    """Say the commands that keep one block in a file whose text is ``old``; see ``managed_files.block`` of tasks/operations.

    Args:
        present: what the fact PathStats found.
        kept: shall the file stay without a line, because a link leads to it?
    """
    new, same = textfiles.set_block(old, marker, content), has_block(old, marker, content)
    if same and (not content or present.get(path, ())[:4] == ("file", mode, "root", "root")):
        return
    if present.get(path, ())[:1] == ("link",) and old:
        say(f"{path} was a link to {present[path][1]}, and is a file now, with what that holds")
    if new.strip() or kept:
        yield from diff([ManagedFile(path, (old if same else new).encode("utf-8", "surrogateescape"), mode)], present)
    else:  # nothing but ours was in it: then it goes as it came
        yield StringCommand(f"rm -f {shlex.quote(path)}")
