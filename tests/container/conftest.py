"""What the container tests share: the engine, local bases, a provisioned container, the built image."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from .machines import Machine, provision

Machines = Callable[..., Machine]


@pytest.fixture(scope="session")
def docker() -> str:
    return "/usr/bin/docker"


@pytest.fixture(scope="session")
def bases() -> dict[str, str]:
    return {"bookworm": "base:bw", "bullseye": "base:bullseye", "trixie": "base:trixie"}


@pytest.fixture
def machines(docker: str) -> Iterator[Machines]:
    """Make containers with ``machines(image, options=, command=)``; they are removed when the test ends."""
    made: list[Machine] = []

    def make(image: str, options: tuple[str, ...] = (), command: tuple[str, ...] = ()) -> Machine:
        made.append(Machine(docker, image, options, command))
        return made[-1]

    yield make
    for machine in made:
        machine.remove()


@pytest.fixture(scope="session")
def provisioned(docker: str, bases: dict[str, str]) -> Iterator[Machine]:
    """A container on bookworm in which the deploy has run once, without the curated packages."""
    machine = Machine(docker, bases["bookworm"], command=("tail", "-f", "/dev/null"))
    try:
        done = provision(docker, f"@docker/{machine.name}", packages="none")
        assert done.code == 0, done.output
        yield machine
    finally:
        machine.remove()
