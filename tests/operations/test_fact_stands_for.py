"""tasks/lib/fact_cache.py: a fact of ours asked in the place of one of pyinfra's that asks too much."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra import host, state
from pyinfra.api import FactBase, deploy, operation

from tasks.lib import fact_cache

from .conftest import Run


class Whole(FactBase[str]):
    """What takes long."""

    def command(self) -> str:
        raise NotImplementedError("a table answers")


class Part(FactBase[str]):
    """All of it that anybody looks at."""

    stands_for = Whole

    def command(self, path: str) -> str:
        return path


@operation()
def look(seen: list[str], change: bool) -> Generator[str, None, None]:
    """Note the fact while the run is executed, and change the host if told."""
    answer = host.get_fact(Whole)
    if state.is_executing:
        seen.append(answer)
    if change:
        yield "true"


def test_the_part_also_once_something_has_changed(run: Run) -> None:
    seen: list[str] = []

    @deploy("Steps")
    def task() -> None:
        fact_cache.prefetch(Part, path="a part")
        look(name="First", seen=seen, change=True)
        look(name="Second", seen=seen, change=False)

    run(task, {Part: lambda path: path, Whole: "all"})
    assert seen == ["a part", "a part"], "the whole may be what pyinfra cannot read: NIS's line +:::::: among the users"
