"""The rows of the table, one module each.

A row module has ``NAME`` (for ``--only``), ``NOTE`` (how it is measured, for the table), ``REPEATS`` and
``measure(workbench, repeats)``, which returns its results and leaves nothing behind.
"""

from __future__ import annotations

from typing import Protocol, cast

from bench.results import Result
from bench.rows import (
    cold_build,
    container_start,
    datascience,
    first_cell,
    fleet,
    fork,
    image_layers,
    memory,
    nothing_to_do,
    products,
    project_folder,
    r_packages,
    upgrade,
    user_install,
    versions,
)
from bench.workbench import Workbench


class Row(Protocol):
    """What a row module has."""

    NAME: str
    NOTE: str
    REPEATS: int

    def measure(self, workbench: Workbench, repeats: int) -> list[Result]:
        """Measure, say what is going on, and clean up."""


ROWS: tuple[Row, ...] = cast(
    "tuple[Row, ...]",
    (
        cold_build,
        nothing_to_do,
        fleet,
        image_layers,
        container_start,
        first_cell,
        versions,
        memory,
        products,
        project_folder,
        user_install,
        datascience,
        r_packages,
        fork,
        upgrade,
    ),
)
