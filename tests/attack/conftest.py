"""The fixtures of the container tests, some of the attackers' own, and a table at the end: which attack held, which broke."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.container import fixtures
from tests.container.machines import Machine
from tests.container.services import BUCKET, MOUNT, Service, bucket_variables
from tests.fakes.s3 import Server, serve_all

from .tools import Target

HERE = Path(__file__).parent
STATES = {"passed": "held", "failed": "BROKEN", "error": "BROKEN", "skipped": "not tried"}


def pytest_configure(config: pytest.Config) -> None:
    """Have the fixtures of the container tests, once if both folders run."""
    if not config.pluginmanager.is_registered(fixtures):
        config.pluginmanager.register(fixtures)


def told(item: pytest.Item) -> tuple[str, str]:
    """What an attack tries, and what it proves, as its docstring says."""
    lines = " ".join((getattr(item, "obj", None).__doc__ or "").split())
    tries, _, proves = lines.partition(" Proves: ")
    case = re.search(r"\[(.*)\]$", item.name)
    return f"{item.path.stem.removeprefix('test_')}: {tries.rstrip('.')}{f' [{case[1]}]' if case else ''}", proves


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let each report carry what its attack tries and proves."""
    for item in items:
        if HERE in item.path.parents:
            item.user_properties += zip(("tries", "proves"), told(item), strict=True)


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """The table."""
    rows: dict[str, tuple[str, str, str]] = {}
    for outcome, state in STATES.items():
        for report in terminalreporter.stats.get(outcome, ()):
            of = dict(getattr(report, "user_properties", ()))
            if "tries" in of and (report.when == "call" or outcome != "passed"):
                rows[report.nodeid] = (state, of["tries"], of["proves"])
    if rows:
        terminalreporter.section("attacks")
        for state, tries, proves in sorted(rows.values(), key=lambda row: row[1]):
            terminalreporter.line(f"{state:9}  {tries}\n           proves: {proves}")
        count = [sum(row[0] == state for row in rows.values()) for state in ("held", "BROKEN", "not tried")]
        terminalreporter.line("{} held, {} broken, {} not tried".format(*count))


@pytest.fixture(scope="session")
def stranger(docker: str, image: str) -> Iterator[Machine]:
    """A neighbour on the default bridge: another address than this machine's, and programs to attack with."""
    machine = Machine(docker, image, command=("tail", "-f", "/dev/null"))
    yield machine
    machine.remove()


@pytest.fixture(scope="module")
def run(docker: str, image: str) -> Iterator[Callable[..., Service]]:
    """Run the image with ``run(*options, VARIABLE="value")``; the containers are removed at the module's end."""
    made: list[Target] = []

    def start(*options: str, **values: str) -> Service:
        made.append(Target(docker, image, options, **values))
        return made[-1]

    yield start
    for service in made:
        service.remove()


@pytest.fixture(scope="module")
def mounted(run: Callable[..., Service], module_s3: Server) -> Iterator[Callable[..., Service]]:
    """The same with a project in the bucket, of which ``folder`` is the name."""
    keys = module_s3.credentials(f"melda-test-{secrets.token_hex(4)}", BUCKET)

    def start(folder: str, *options: str, **values: str) -> Service:
        return run(*MOUNT, *options, **bucket_variables(module_s3, BUCKET, keys, f"users/{folder}"), **values)

    yield start
    module_s3.judge = serve_all


@pytest.fixture
def alone(mounted: Callable[..., Service]) -> Iterator[Callable[..., Service]]:
    """The same, removed when the test ends: a container that nobody uses any more checks its health all the same."""
    made: list[Service] = []

    def start(folder: str, *options: str, **values: str) -> Service:
        made.append(mounted(folder, *options, **values))
        return made[-1]

    yield start
    for service in made:
        service.remove()
