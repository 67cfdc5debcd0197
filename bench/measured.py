"""What was measured, row by row: each with the machine, the date and the revision of its own run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.results import Result

# Of a run, not of the machine.
RUNS = ("date", "revision", "load before")


@dataclass(frozen=True)
class Measured:
    """One row's run: ours and the alternatives, side by side.

    Attributes:
        name: the row's.
        note: how it is measured.
        facts: about the machine and the run, name -> value.
        results: in the order of the table.
    """

    name: str
    note: str
    facts: dict[str, str]
    results: list[Result]

    @property
    def machine(self) -> dict[str, str]:
        """The facts that are not the run's own."""
        return {name: value for name, value in self.facts.items() if name not in RUNS}

    def as_json(self) -> dict[str, Any]:
        """Everything there is to know."""
        return {
            "name": self.name,
            "note": self.note,
            "facts": self.facts,
            "results": [result.as_json() for result in self.results],
        }


def read(file: Path) -> dict[str, Measured]:
    """Return the rows of a file by name; none if there is no file."""
    if not file.exists():
        return {}
    return {
        row["name"]: Measured(row["name"], row["note"], row["facts"], [Result.from_json(one) for one in row["results"]])
        for row in json.loads(file.read_text())["rows"]
    }


def as_text(rows: list[Measured]) -> str:
    """Return the rows as JSON."""
    return json.dumps({"rows": [row.as_json() for row in rows]}, indent=2, ensure_ascii=False) + "\n"
