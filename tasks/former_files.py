"""Files, units, links and blocks that an earlier version of the project put here and this one no longer has are removed.

First of all, because an apt source or a unit that is gone from the project may keep the others from working.
"""

from __future__ import annotations

from melda.base.paths import LISTS_FETCHED, MANAGED, NOT_COMPILED, OMITTED, R_PACKAGES, SHARE

from tasks.facts.files import FileContents, PathStats
from tasks.lib import managed_list
from tasks.lib.fact_cache import prefetch
from tasks.lib.managed_files import ManagedFile
from tasks.operations import managed_list as operations
from tasks.settings import deploy

# Commands write them.
NOTED = (LISTS_FETCHED, MANAGED, NOT_COMPILED, OMITTED, R_PACKAGES)


@deploy("Former files")
def former_files() -> None:
    managed_list.begin()
    managed_list.keep(ManagedFile(path, b"") for path in NOTED)
    prefetch(FileContents, path=MANAGED)
    for paths in ([MANAGED], [SHARE, MANAGED]):
        prefetch(PathStats, paths=paths)
    operations.former_removed(name="Remove what the project no longer has", whole=False)
