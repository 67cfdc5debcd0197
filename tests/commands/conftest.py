"""Runs a task against a target that exists only as a table of facts, and returns the commands it would run there.

Nothing is mocked but the answers: pyinfra's own state, deploys, operations and @fake connector do the rest. That a second
real run changes nothing is proved in tests/container; a table cannot prove it.
"""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api import Config, FileUploadCommand, Inventory, State
from pyinfra.api.connect import connect_all
from pyinfra.api.deploy import add_deploy
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.host import Host
from pyinfra.api.operations import run_ops
from pyinfra.api.state import StateStage

from tasks.lib import release
from tasks.lib.apt import AptState
from tasks.lib.apt import State as Apt
from tasks.lib.release import OsRelease

ROOT = Path(__file__).resolve().parents[2]
BOOKWORM = {"ID": "debian", "VERSION_ID": "12", "VERSION_CODENAME": "bookworm", "ARCHITECTURE": "amd64"}
FOCAL = {"ID": "ubuntu", "VERSION_ID": "20.04", "VERSION_CODENAME": "focal", "ARCHITECTURE": "amd64"}
FRESH_LISTS = Apt(interrupted=False, ages={"mirror_dists_bookworm_InRelease": 60})

Facts = dict[type, Any]
Commands = dict[str, list[str]]
Run = Callable[..., Commands]


def settings(**changed: Any) -> dict[str, Any]:
    """The settings of group_data/all.py, with some changed."""
    defaults = runpy.run_path(str(ROOT / "group_data" / "all.py"))
    return (
        {name: value for name, value in defaults.items() if name.islower() and name != "os"}
        | {"ca_bundle": ""}
        | changed
    )


def _text(command: Any) -> str:
    return f"put {command.dest}" if isinstance(command, FileUploadCommand) else command.get_masked_value()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """``run(task, facts, setting=value)`` -> the commands of each operation that has any, by the operation's name.

    ``facts`` maps a fact's class to its value, or to a function of the fact's arguments; a fact that is missing has its default.
    """

    def run_task(task: Callable[[], Any], facts: Facts | None = None, **changed: Any) -> Commands:
        table: Facts = {OsRelease: BOOKWORM, AptState: FRESH_LISTS} | (facts or {})

        def get_fact(self: Host, fact: type, **arguments: Any) -> Any:
            value = table.get(fact, fact.default())  # type: ignore[attr-defined]
            return value(**arguments) if callable(value) else value

        monkeypatch.setattr(Host, "get_fact", get_fact)
        release._TARGETS.clear()
        data = settings(**changed) | {"fake_delay": 0, "fake_delay_jitter": 0}
        state = State(Inventory((["@fake/target"], data)), Config(), check_for_changes=False)
        state.set_stage(StateStage.Connect)
        connect_all(state)
        state.set_stage(StateStage.Prepare)
        add_deploy(state, task)
        state.set_stage(StateStage.Execute)
        try:
            run_ops(state)
        except PyinfraError as error:  # pragma: no cover - @fake never fails a command
            raise AssertionError(error) from error
        host = state.inventory.get_host("@fake/target")
        commands: Commands = {}
        for op_hash in state.get_op_order():
            (name,) = state.get_op_meta(op_hash).names
            ran = state.ops[host][op_hash].operation_meta._commands or []
            if ran:
                commands[name.split(" | ")[-1]] = [_text(command) for command in ran]
        return commands

    return run_task
