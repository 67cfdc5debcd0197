"""What an earlier version of the project put on a target and this one has no more is removed. pyinfra forgets what it made."""

from __future__ import annotations

import shlex
from typing import Dict, Generator, List, Sequence, Set, Tuple

from melda.base.paths import SHARE
from pyinfra import host, state
from pyinfra.api import StringCommand, operation

from tasks.facts.files import WRITERS, FileContents, PathStats, folders_above
from tasks.lib import fact_cache, managed_files, managed_list
from tasks.lib.managed_files import ManagedFile, Stats
from tasks.lib.managed_list import BLOCK, Managed
from tasks.lib.progress import say
from tasks.lib.staging import Command
from tasks.operations import certificates

UNITS = "/etc/systemd/system"
# What must be told of a file that is gone from a folder.
AFTER: Dict[str, str] = {
    UNITS: "[ ! -d /run/systemd/system ] || systemctl daemon-reload",
    certificates.FOLDER: certificates.UPDATE,
}


def _is_roots(path: str, present: Stats) -> bool:
    """Are all folders above a path root's alone? Else it may lead elsewhere by the time it is removed."""
    return all(
        found[:1] == ("directory",)
        and found[2] == "root"
        and not int(found[1], 8) & (0o002 if found[3] in WRITERS else 0o022)
        for folder in folders_above([path])
        for found in [present.get(folder, ())]
    )


def _removed(gone: Sequence[Managed]) -> List[str]:
    """Say in shell how to remove files and links, and folders if nobody else has anything in them."""
    files = [one.path for one in gone if one.kind != "directory"]
    folders = sorted((one.path for one in gone if one.kind == "directory"), reverse=True)
    touched = {path.rsplit("/", 1)[0] for path in files}
    script = [certificates.BEGIN] if certificates.FOLDER in touched else []
    for path in files:
        folder, name = path.rsplit("/", 1)
        if folder == UNITS:
            unit = shlex.quote(name)
            script.append(f"systemctl --quiet disable {unit} || :")
            script.append(f"[ ! -d /run/systemd/system ] || systemctl --quiet stop {unit} || :")
        script.append(f"rm -f -- {shlex.quote(path)}")
        if name.endswith(".py"):
            cache = f"{folder}/__pycache__"
            script.append(f"rm -f -- {shlex.quote(f'{cache}/{name[:-3]}')}.*.pyc")
            script.append(f"[ ! -d {shlex.quote(cache)} ] || rmdir --ignore-fail-on-non-empty {shlex.quote(cache)}")
    # Some of them belong to a Debian package.
    script += [
        f"dpkg-query --search {path} >/dev/null 2>&1 || rmdir --ignore-fail-on-non-empty {path}"
        for path in map(shlex.quote, folders)
    ]
    return script + [command for folder, command in AFTER.items() if folder in touched]


def _sorted_out(former: Set[Managed], present: Stats) -> Tuple[List[Managed], List[Managed]]:
    """Return what of ``former`` is there and as it was made, and what is there as another kind, or may lead elsewhere."""
    there = [one for one in sorted(former) if one.path in present]
    same = {one for one in there if present[one.path][0] == (one.kind if one.kind != BLOCK else "file")}
    gone = [one for one in there if one in same and _is_roots(one.path, present)]
    return gone, [one for one in there if one not in gone]


@operation()
def former_removed(whole: bool) -> Generator[Command, None, None]:
    """Remove what is written down and no task of this run wants, and write down what they want.

    Args:
        whole: do all tasks stand before this one? If not, only the run itself knows what they want, not what prepares it.
    """
    if not (whole or state.is_executing):
        return
    wanted = managed_list.wanted()
    paths = {one.path for one in wanted}
    former = {one for one in managed_list.recorded() - wanted if one.kind == BLOCK or one.path not in paths}
    if former:
        asked = {one.path for one in former}
        present = host.get_fact(PathStats, paths=sorted(asked | folders_above(asked)))
        gone, left = _sorted_out(former, present)
        for one in left:
            say(
                f"{one.path} is not the project's any more, and left: it is no {one.kind} now, or others than root may move it"
            )
        files = [one for one in gone if one.kind != BLOCK]
        if files:
            say("not the project's any more, and removed: " + " ".join(one.path for one in files))
            yield StringCommand("\n".join(_removed(files)))
        for one in gone:
            if one.kind == BLOCK:
                text, about = host.get_fact(FileContents, path=one.path), host.get_fact(PathStats, paths=[one.path])
                mode = about[one.path][1]
                yield from managed_files.block_diff(one.path, text, one.marker, "", about, mode)
    entries = [ManagedFile(SHARE, mode="755"), managed_list.written()]
    # It comes first of all: what was asked before it would be asked again, one by one.
    with fact_cache.only_below(SHARE):
        yield from managed_files.diff(entries, host.get_fact(PathStats, paths=[entry.path for entry in entries]))
