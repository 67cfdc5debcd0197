"""Files of ours, and blocks in others' files, put in place at one moment: whole, checked, with owner and mode."""

from __future__ import annotations

import shlex
from typing import Any, Dict, Generator, List, Sequence, Type

from melda.base import textfiles
from pyinfra import host
from pyinfra.api import FactBase, StringCommand, operation

from tasks.facts.files import FileContents, PathStats
from tasks.facts.server import LedTo
from tasks.lib import managed_files, managed_list
from tasks.lib.fact_cache import prefetch
from tasks.lib.managed_files import ManagedFile
from tasks.lib.progress import say
from tasks.lib.staging import Command, refuse


@operation()
def _put(entries: Sequence[ManagedFile], check: str) -> Generator[Command, None, None]:
    present = host.get_fact(PathStats, paths=[entry.path for entry in entries])
    yield from managed_files.diff(entries, present, check)


def put(name: str, entries: Sequence[ManagedFile], check: str = "") -> None:
    """Make each entry be as it shall, as one operation.

    pyinfra's files.put writes a file where it is read, and sets its owner and mode after it; over sudo it travels through a
    name in /tmp that others can guess.

    Args:
        entries: in the order they are made; a directory before what lies in it.
        check: a command that must accept a file before it is put in place; ``{}`` stands for the
            file under its temporary name. Used for files whose mistakes lock everybody out.
    """
    managed_list.keep(entries)
    _put_known(name, entries, check)


def _put_known(name: str, entries: Sequence[ManagedFile], check: str = "") -> None:
    prefetch(PathStats, paths=[entry.path for entry in entries])
    _put(name=name, entries=entries, check=check)


@operation()
def _block(
    path: str, marker: str, content: str, mode: str, linked: bool, variables: bool
) -> Generator[Command, None, None]:
    text, present = host.get_fact(FileContents, path=path), host.get_fact(PathStats, paths=[path])
    name = managed_files.overruled(text, marker, content) if variables else ""
    if name:
        say(f"{path} sets {name} again below what is the deploy's, which is put at its end: the last line counts")
        text = textfiles.set_block(text, marker, "")
    if not (linked and present.get(path, ())[:1] == ("link",)):
        yield from managed_files.block_diff(path, text, marker, content, present, mode)
        return
    if managed_files.has_block(text, marker, content):
        return
    led = host.get_fact(LedTo, path=path)
    if not led:
        # Left as it is, a key that was rotated or withdrawn would stay valid.
        yield refuse(
            f"{path} is a link to {present[path][1]}, and the block {marker} is not as it shall be there: expected a file,"
            " or a link straight to one that is root's alone, as all above it"
        )
        return
    there = host.get_fact(PathStats, paths=led)
    yield from managed_files.block_diff(led[0], text, marker, content, there, mode, kept=True)


def block(
    name: str, path: str, marker: str, content: str, mode: str = "644", linked: bool = False, variables: bool = False
) -> None:
    """Keep one block of lines in a file that belongs to somebody else, as one operation.

    pyinfra's files.block takes a marker that begins like another for the same, and writes over the other's block.

    Args:
        path: the file; made if missing. It is root's.
        marker: what the block is called; see ``textfiles.set_block``.
        content: the block's lines; empty removes it, and the file if nothing else is in it.
        mode: the file's mode, if the block is in it.
        linked: may it be a link? Then the file that it leads to gets the block, if that is root's alone; else the run ends.
        variables: are the lines variables, of which no line below may set one again? Then the block comes last.
    """
    managed_list.keep_block(path, marker)
    prefetch(FileContents, path=path)
    prefetch(PathStats, paths=[path])
    _block(name=name, path=path, marker=marker, content=content, mode=mode, linked=linked, variables=variables)


@operation()
def _absent(paths: Sequence[str]) -> Generator[StringCommand, None, None]:
    present = host.get_fact(PathStats, paths=paths)
    for path in paths:
        if present.get(path, ("",))[0] in ("file", "link"):
            folder = path.rsplit("/", 1)[0]
            # rmdir refuses a link to a folder, which is not ours to remove.
            yield StringCommand(f"rm -f {path} && {{ test -L {folder} || rmdir --ignore-fail-on-non-empty {folder}; }}")


def optional(name: str, wanted: Dict[str, str]) -> None:
    """Put files in place, and take away those without content, as two operations.

    pyinfra's files.file leaves the folder that was made for a file.

    Args:
        wanted: path -> content, empty for none. The files are ours alone, each in a folder of the same sort.
    """
    entries: List[ManagedFile] = []
    for path, content in wanted.items():
        if content:
            entries += [
                ManagedFile(path.rsplit("/", 1)[0], mode="755"),
                ManagedFile(path, ("# Managed by melda-jupyter.\n" + content).encode()),
            ]
    # Those without content too: a setting that is changed changes no list. Their folders go with them.
    managed_list.keep(ManagedFile(path, b"") for path in wanted)
    _put_known(name, entries)
    paths = [path for path, content in wanted.items() if not content]
    prefetch(PathStats, paths=paths)
    _absent(name=name + ", or no longer", paths=paths)


@operation()
def _found_absent(fact: Type[FactBase[List[str]]], arguments: Dict[str, Any]) -> Generator[StringCommand, None, None]:
    found = host.get_fact(fact, **arguments)
    if found:
        yield StringCommand("rm -rf -- " + " ".join(shlex.quote(path) for path in found))


def found_absent(name: str, fact: Type[FactBase[List[str]]], **arguments: Any) -> None:
    """Remove the paths that a fact finds, as one operation.

    pyinfra's files.file and files.directory remove a path that is known while the run is prepared; these come with packages.
    """
    prefetch(fact, **arguments)
    _found_absent(name=name, fact=fact, arguments=arguments)
