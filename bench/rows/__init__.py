"""The rows of the table, one module each.

A row module has ``NAME`` (for ``--only``), ``NOTE`` (how it is measured, for the table), ``REPEATS`` and
``measure(workbench, repeats)``, which returns its results and leaves nothing behind.
"""

from __future__ import annotations

import importlib
from typing import Protocol, cast

from bench.results import Result
from bench.workbench import Workbench

# In the order of the table.
_MODULES = (
    "cold_build", "nothing_to_do", "fleet", "image_layers", "container_start", "first_cell", "versions", "memory", "products",
    "project_folder", "user_install", "datascience", "r_packages", "fork", "upgrade",
)  # fmt: skip


class Row(Protocol):
    """What a row module has."""

    NAME: str
    NOTE: str
    REPEATS: int

    def measure(self, workbench: Workbench, repeats: int) -> list[Result]:
        """Measure, say what is going on, and clean up."""


ROWS = tuple(cast("Row", importlib.import_module(f"bench.rows.{name}")) for name in _MODULES)
