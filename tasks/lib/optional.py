"""Files that are there only if a setting asks for them, and go when it no longer does."""

from __future__ import annotations

from typing import Dict, Generator, List, Sequence

from pyinfra.api import StringCommand, operation

from tasks.lib import facts, files


@operation()
def _absent(paths: Sequence[str]) -> Generator[StringCommand, None, None]:
    present = facts.at(files.Paths, paths)
    for path in paths:
        if path in present:
            folder = path.rsplit("/", 1)[0]
            yield StringCommand("rm -f {0} && rmdir --ignore-fail-on-non-empty {1}".format(path, folder))


def installed(name: str, wanted: Dict[str, str]) -> None:
    """An operation that puts files in place, and one that takes away those without content.

    Args:
        name: of the first operation.
        wanted: path -> content, empty for none. The files are ours alone, each in a folder of the same sort.
    """
    entries: List[files.Entry] = []
    for path, content in wanted.items():
        if content:
            entries += [
                files.Entry(path.rsplit("/", 1)[0], mode="755"),
                files.Entry(path, ("# Managed by melda-jupyter.\n" + content).encode()),
            ]
    files.installed(name=name, entries=entries)
    paths = [path for path, content in wanted.items() if not content]
    facts.foresee(files.Paths, paths)
    _absent(name=name + ", or no longer", paths=paths)
