"""What a row of the table measured, and whether that reaches its targets."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

OURS = "ours"


def spread(samples: list[float]) -> float:
    """Distance of the slowest from the fastest sample, as a fraction of the median (0 if that is 0)."""
    return (max(samples) - min(samples)) / median(samples) if median(samples) else 0.0


@dataclass(frozen=True)
class Target:
    """A limit for the median of ours.

    Attributes:
        limit: a factor of the alternative's median, or without ``of`` a number in the row's unit.
        of: the alternative's name.
    """

    limit: float
    of: str = ""


@dataclass(frozen=True)
class Result:
    """One quantity, measured for ours and its alternatives in the same run.

    Attributes:
        what: what was measured, for the table.
        unit: ``s`` or ``MB`` (10^6 bytes); less is better.
        samples: alternative -> one number a repeat; ours is among them.
        targets: what is to be reached.
        invalid: why the numbers do not count; empty: they do.
        given_up: alternatives that were killed at a limit: they need more than their samples say.
    """

    what: str
    unit: str
    samples: dict[str, list[float]]
    targets: list[Target] = field(default_factory=list)
    invalid: str = ""
    given_up: list[str] = field(default_factory=list)

    def median(self, name: str = OURS) -> float:
        """Median of one alternative's samples."""
        return median(self.samples[name])

    def ratio(self, name: str) -> float:
        """Our median as a factor of an alternative's."""
        return self.median() / self.median(name)

    def reached(self, target: Target) -> bool:
        """Is the target met? Not by a result that does not count."""
        measured = self.ratio(target.of) if target.of else self.median()
        return not self.invalid and measured <= target.limit

    def as_json(self) -> dict[str, Any]:
        """Everything there is to know, with the derived figures beside every sample."""
        known = asdict(self)
        known["median"] = {name: self.median(name) for name in self.samples}
        known["spread"] = {name: spread(samples) for name, samples in self.samples.items()}
        known["ratio"] = {name: self.ratio(name) for name in self.samples if name != OURS}
        known["targets"] = [{**asdict(target), "met": self.reached(target)} for target in self.targets]
        return known

    @classmethod
    def from_json(cls, known: dict[str, Any]) -> Result:
        """Return what :meth:`as_json` made; the derived figures are derived again."""
        targets = [Target(target["limit"], target["of"]) for target in known["targets"]]
        # Not in files of before there was such an alternative.
        given_up = known.get("given_up", [])
        return cls(known["what"], known["unit"], known["samples"], targets, known["invalid"], given_up)
