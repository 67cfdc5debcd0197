"""Carrying over what a project had with another Python or R: what there is to do, and what is taken over as it is.

A patch release (the same X.Y) takes the other folder over as a whole: by hard links where the project is a local folder, from
the archives in the bucket where it is in one. The old folder stays as it is, for the day somebody goes back. What another X.Y
needs is installed package by package, see melda/envs/upgrade; nothing of that happens here.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
from typing import Collection, Dict, Iterable, Iterator, List, NamedTuple, Optional

from melda.base import folders, log, mounts
from melda.base.log import Say
from melda.base.paths import LOCAL_PLUGINS, PROJECT_STATE
from melda.plugins import image_record
from melda.sync import upgrade_record
from melda.sync.at_start import AtStart
from melda.sync.on_disk import distributions, local_index, tree
from melda.sync.on_disk.local_index import LocalIndex
from melda.sync.relocation import relocate
from melda.sync.restoring import brought
from melda.sync.upgrade_record import PACKAGES, WHOLE, Carried

WORK = "carried-over"  # folder for what is on its way, beside where it goes


class Due(NamedTuple):
    """A folder that is to be filled, from another one.

    Attributes:
        target, source: their names.
        how: see :class:`Carried`.
    """

    target: str
    source: str
    how: str


class Taken(NamedTuple):
    """What was taken over.

    Attributes:
        entries: how many.
        known: the archives of the other folder that hold them; nothing, if the project is a local folder.
    """

    entries: int
    known: LocalIndex


def _file(source: str, target: str) -> str:
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:  # a file system that has none
        shutil.copy2(source, target, follow_symlinks=False)
    return target


def link(source: str, target: str) -> None:
    """Give a file, or all in a folder, a second name. Installers never change a file: they replace it.

    Raises:
        OSError, RecursionError: it cannot be done.
    """
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if os.path.isdir(source) and not os.path.islink(source):
        shutil.copytree(source, target, symlinks=True, copy_function=_file)
    else:
        _file(source, target)


def link_each(source: str, target: str, entries: Iterable[str], say: Say) -> None:
    """Give entries of ``source`` a second name in ``target``. One that cannot be read costs itself alone, and is said."""
    for entry in entries:
        try:
            link(os.path.join(source, entry), os.path.join(target, entry))
        except (OSError, RecursionError) as error:
            say("{0}: not taken over: {1}".format(entry, getattr(error, "strerror", "") or error), log.WARNING)


class Project:
    """A project's folders, of this Python and R and of others.

    Args:
        workdir: the project.
        local: folder on local disk in which the folders lie that are kept in the bucket; empty: the project is none.
        say: takes lines for the log.
        known: what the bucket held, for the first time that it is found out what is due.
    """

    def __init__(self, workdir: str, local: str, say: Say, known: Optional[AtStart] = None) -> None:
        self._workdir, self._local, self._say, self._known = workdir, local, say, known
        self._ours = os.path.join(workdir, PROJECT_STATE)
        self._lists: Dict[str, List[str]] = {}  # folder -> names, while it is found out what is due

    def _listed(self, folder: str) -> List[str]:
        """Return the names in a folder, which in a bucket are a request or more."""
        if folder not in self._lists:
            below = os.path.relpath(folder, self._ours)
            names = self._known.names("" if below == "." else below) if self._known and below[:2] != ".." else None
            self._lists[folder] = tree.listed(folder) if names is None else names
        return self._lists[folder]

    def _root(self, name: str) -> str:
        return os.path.join(self._local or self._workdir, name)

    def _saved(self, name: str) -> bool:
        """Return whether the bucket has a generation of this folder."""
        return any(entry.endswith(".json") for entry in self._listed(os.path.join(self._ours, name)))

    def _holds(self, name: str) -> bool:
        if self._local:
            return self._saved(name)
        shape, root = tree.layout(name), os.path.join(self._workdir, name)
        return next(iter(shape.entries(root)), None) is not None

    def _used(self, name: str) -> bool:
        # On local disk first: most folders hold something, and the bucket takes its time.
        return next(iter(tree.layout(name).entries(self._root(name))), None) is not None or self._holds(name)

    def _lost(self, target: str, one: Carried) -> bool:
        """Return whether what was taken over did not come into the bucket: its container was killed, or stopped, too early."""
        if not self._local or one.how != WHOLE or os.path.exists(self._root(target) + local_index.TAKEN):
            return False  # this container has it all, also after a restart
        return not self._saved(target) and self._holds(one.source)

    def mark(self, name: str) -> str:
        """Return what is another one when something in a folder was installed or removed since; empty: it is not here.

        Raises:
            OSError: the project cannot be read.
        """
        if self._local:
            state = sorted(entry for entry in tree.listed(os.path.join(self._ours, name)) if entry.endswith(".json"))
        else:
            state = [str(moment) for moment in tree.layout(name).stamp(self._root(name)) if moment]
        return hashlib.sha256(" ".join(state).encode()).hexdigest()[:16] if state else ""

    def _captured(self, kind: str) -> Iterator[str]:
        """Return the folders' names of which there is a snapshot under its own name."""
        for name in self._listed(self._ours):
            found = re.fullmatch(rf"environment\.(?:.*_)?{kind}-(\d+\.\d+\.\d+)(?:_.*)?\.json", name)
            if found:
                yield f"{kind}-{found.group(1)}"

    def source(self, target: str) -> str:
        """Return the folder from which ``target`` is to be filled; empty: there is none.

        The one of the image that the project ran on last; else the newest of the same X.Y, else the newest.
        """
        kind, series, mine = upgrade_record.parts(target)
        listed = self._listed(self._ours if self._local else self._workdir)
        names = {name for name in listed if upgrade_record.FOLDER.fullmatch(name) and name != target}
        names = {name for name in names if upgrade_record.parts(name)[0] == kind and self._holds(name)}
        names |= set(self._captured(kind)) - {target}
        if not names:
            return ""
        record = image_record.read(self._workdir)
        for image in (record.last, record.before):
            version = image and (image.python if kind == "Python" else image.r)
            if version and f"{kind}-{version}" in names:
                return f"{kind}-{version}"

        def rank(name: str) -> object:
            _, other, numbers = upgrade_record.parts(name)
            return other == series, numbers < mine, numbers

        return max(names, key=rank, default="")  # type: ignore[arg-type]

    def due(self, targets: List[str]) -> List[Due]:
        """Return what there is to do: folders that were never used, or whose filling did not come to its end.

        Raises:
            OSError: the project cannot be read.
        """
        nothing = self._known and not self._known.holds(upgrade_record.NAME)
        known, found = {} if nothing else upgrade_record.read(self._workdir), []
        self._lists.clear()
        for target in targets:
            one = known.get(target)
            if (one and one.done and not self._lost(target, one)) or (not one and self._used(target)):
                continue
            source = one.source if one else self.source(target)
            if source:
                how = WHOLE if upgrade_record.same_series(target, source) and self._holds(source) else PACKAGES
                found.append(Due(target, source, how))
        self._known = None
        return found

    def take_over(self, due: Due) -> Taken:
        """Fill a folder with all that another one of the same X.Y has. Killed anywhere, it can be done again.

        Returns:
            What it has from there.

        Raises:
            OSError: something cannot be read or written.
        """
        upgrade_record.note(self._workdir, due.target, Carried(due.source, WHOLE))
        mark = self.mark(due.source)
        work = os.path.join(self._local or self._ours, WORK)
        folders.remove(work)
        folders.make(work)
        index = local_index.NOTHING
        try:
            whole = os.path.join(work, due.source)
            if self._local:
                index = brought(due.source, work, self._ours, self._say).index
            else:
                source = os.path.join(self._workdir, due.source)
                link_each(source, whole, tree.layout(due.source).entries(source), self._say)
            relocate(whole, *(os.path.join(self._workdir, name) for name in (due.source, due.target)))
            shape = tree.layout(due.target)
            had = tuple(sorted(distributions.distributions(shape, whole) if shape.packages else shape.entries(whole)))
            moved = distributions.adopt(shape, whole, self._root(due.target))
            self._remember(due.target, moved)
        finally:
            with contextlib.suppress(OSError):
                folders.remove(work)
        upgrade_record.note(self._workdir, due.target, Carried(due.source, WHOLE, done=True, mark=mark, had=had))
        return Taken(len(moved), local_index.only(index, moved))

    def _remember(self, name: str, moved: Collection[str]) -> None:
        """On local disk, for a restart before it is saved: what looks half installed there was so in the other folder."""
        if self._local:
            signatures = {entry: tree.signature(os.path.join(self._root(name), entry)) for entry in moved}
            known = local_index.NOTHING._replace(signatures=signatures)
            local_index.write(known, self._root(name) + local_index.TAKEN)


def local_folder(workdir: str, names: List[str]) -> str:
    """Return the folder on local disk with the folders that are kept in the bucket; empty: the project is none.

    By what is mounted: a login's environment does not say which bucket the container has.

    Args:
        workdir: the project.
        names: the plugin folders of this Python and R.
    """
    return LOCAL_PLUGINS if any(mounts.at(os.path.join(workdir, name)) for name in names) else ""
