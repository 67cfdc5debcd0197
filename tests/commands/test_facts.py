"""tasks/lib/facts.py: a fact is asked once, and again when an operation changed its host."""

from __future__ import annotations

from collections.abc import Callable, Generator
from itertools import count

import pytest
from pyinfra import host, state
from pyinfra.api import FactBase, deploy, operation

from tasks.lib import facts

from .conftest import Commands, Run


class Asked(FactBase[int]):
    """How often it was asked."""

    def command(self, about: str) -> str:
        raise NotImplementedError("a table answers")


@operation()
def look(seen: list[int], about: str = "a", change: bool = False) -> Generator[str, None, None]:
    """Note the fact while the run is executed, and change the host if told."""
    answer = facts.get(Asked, about=about)
    if state.is_executing:
        seen.append(answer)
    if change:
        yield "true"


def counter() -> Callable[..., int]:
    answers = count()
    return lambda about: next(answers)


@pytest.mark.parametrize(
    ("steps", "asked"),
    [
        ("aaa", [0, 0, 0]),
        ("aba", [0, 1, 0]),
        ("aAa", [0, 0, 1]),
        ("Aaa", [0, 1, 1]),
        ("ABab", [0, 1, 2, 3]),
    ],
)
def test_asked_once_until_something_changes(run: Run, steps: str, asked: list[int]) -> None:
    """A letter is what is asked about; a capital one changes the host after it.

    Of the first operation that asks nobody noted whether it changed something, so one goes ahead.
    """
    seen: list[int] = []

    @deploy("Steps")
    def task() -> None:
        look(name="Ahead", seen=[])
        for number, step in enumerate(steps):
            look(name=f"Step {number}", seen=seen, about=step.lower(), change=step.isupper())

    run(task, {Asked: counter()})
    assert [number - seen[0] for number in seen] == asked


def test_what_changed_on_one_host_is_nothing_new_on_another(run_two: Callable[..., list[Commands]]) -> None:
    seen: dict[str, list[int]] = {"@fake/0": [], "@fake/1": []}

    @deploy("Steps")
    def task() -> None:
        mine = seen[host.name]
        look(name="Ahead", seen=[])
        look(name="First", seen=mine, change=host.name == "@fake/0")
        look(name="Second", seen=mine)

    run_two(task, {Asked: counter()}, {Asked: counter()})
    assert [last - first for first, last in seen.values()] == [1, 0]


class There(FactBase[dict[str, int]]):
    """What was asked about."""

    def command(self, paths: list[str]) -> str:
        raise NotImplementedError("a table answers")


@operation()
def look_at(path: str, change: bool = False) -> Generator[str, None, None]:
    """Ask about a path while the run is executed, and change the host if told."""
    facts.at(There, [path])
    if change:
        yield "true"


@pytest.mark.parametrize(
    ("steps", "asked"),
    [
        ("abc", ["abc"]),
        ("abA", ["ab"]),
        # From a change on each is asked about alone.
        ("aBca", ["abc", "c", "a"]),
        ("abx", ["ab", "x"]),
    ],
)
def test_all_that_is_foreseen_is_asked_at_once_until_something_changes(run: Run, steps: str, asked: list[str]) -> None:
    """A letter is a path; a capital one changes the host after it; x is not foreseen."""
    questions: list[str] = []

    def answer(paths: list[str]) -> dict[str, int]:
        if state.is_executing:
            questions.append("".join(paths))
        return {}

    @deploy("Steps")
    def task() -> None:
        look(name="Ahead", seen=[])
        look(name="And another", seen=[])
        for number, step in enumerate(steps):
            if step != "x":
                facts.foresee(There, [step.lower()])
            look_at(name=f"Step {number}", path=step.lower(), change=step.isupper())

    run(task, {Asked: counter(), There: answer})
    assert questions == asked
