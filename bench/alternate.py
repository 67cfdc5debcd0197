"""Measuring several things in turn, so that what changes on the machine meanwhile changes all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence


def order(names: Sequence[str], repeats: int) -> Iterator[str]:
    """The names in turn, ``repeats`` times; each round starts one name later, so that none always follows the same one."""
    for round_ in range(repeats):
        shift = round_ % len(names)
        yield from [*names[shift:], *names[:shift]]


def samples(names: Sequence[str], measure: Callable[[str], float], repeats: int, unit: str) -> dict[str, list[float]]:
    """Measure each name ``repeats`` times in turn and say each result.

    Args:
        names: what is compared.
        measure: takes a name and returns a number in ``unit``.
        repeats: calls for each.
        unit: for the message.
    """
    found: dict[str, list[float]] = {name: [] for name in names}
    for name in order(names, repeats):
        found[name].append(measure(name))
        print(f"    {name}: {found[name][-1]:.2f} {unit}", flush=True)
    return found
