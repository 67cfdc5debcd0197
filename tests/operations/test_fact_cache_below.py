"""What is written below one folder leaves what else was asked of a host: tasks/lib/fact_cache.py."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra.api import deploy, operation

from tasks.lib import fact_cache

from .conftest import Run
from .test_fact_cache import Asked, counter, look


@operation()
def write_below(folder: str) -> Generator[str, None, None]:
    """Change the host below one folder alone."""
    with fact_cache.only_below(folder):
        yield "true"


def test_what_is_written_below_one_folder_changes_what_was_asked_of_it_alone(run: Run) -> None:
    seen: list[int] = []

    @deploy("Steps")
    def task() -> None:
        abouts = ("/etc/a", "/srv/b", "/srv")
        for about in abouts:
            look(name=f"Ahead {about}", seen=seen, about=about)
        write_below(name="Write", folder="/srv")
        for about in abouts:
            look(name=f"After {about}", seen=seen, about=about)
        look(name="Change", seen=[], change=True)
        look(name="At the end", seen=seen, about="/etc/a")

    run(task, {Asked: counter()})
    assert [number - seen[0] for number in seen] == [0, 1, 2, 0, 3, 4, 6]
