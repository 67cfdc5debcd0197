"""Runs a task against a target that exists only as a table of facts, and returns the commands it would run there.

Nothing is mocked but the answers: pyinfra's own state, deploys, operations and @fake connector do the rest. That a second
real run changes nothing is proved in tests/container; a table cannot prove it.
"""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyinfra
import pytest
from pyinfra.api import Config, FileUploadCommand, Inventory, State, StringCommand
from pyinfra.api.connect import connect_all
from pyinfra.api.host import Host
from pyinfra.api.operations import run_ops
from pyinfra.api.state import StateStage
from pyinfra.context import ctx_host, ctx_state

from tasks.lib import archive, files, release
from tasks.lib.apt import AptState
from tasks.lib.apt import State as Apt
from tasks.lib.files import Entry
from tasks.lib.release import OsRelease

ROOT = Path(__file__).resolve().parents[2]
BOOKWORM = {"ID": "debian", "VERSION_ID": "12", "VERSION_CODENAME": "bookworm", "ARCHITECTURE": "amd64"}
FOCAL = {"ID": "ubuntu", "VERSION_ID": "20.04", "VERSION_CODENAME": "focal", "ARCHITECTURE": "amd64"}
FRESH_LISTS = Apt(interrupted=False, lists=frozenset({"mirror_dists_bookworm_InRelease"}), age=60)

Facts = dict[type, Any]
Run = Callable[..., "Commands"]


class Commands(dict[str, list[str]]):
    """The commands of each operation that has any, by the operation's name.

    Attributes:
        names: of all operations in order, each with the deploys it is in.
        uploads: path -> bytes of every file that is put there.
        modes: path -> mode of those that are put there together, by root and for root.
    """

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []
        self.uploads: dict[str, bytes] = {}
        self.modes: dict[str, str] = {}


def settings(**changed: Any) -> dict[str, Any]:
    """The settings of group_data/all.py, with some changed."""
    defaults = runpy.run_path(str(ROOT / "group_data" / "all.py"))
    return (
        {name: value for name, value in defaults.items() if name.islower() and name[0] != "_" and name != "os"}
        | dict.fromkeys(("ca_bundle", "http_proxy", "https_proxy", "no_proxy"), "")
        | changed
    )


def in_place(entries: list[Entry]) -> dict[str, tuple[str, ...]]:
    """What the fact Paths says where every entry is as it shall be."""
    return {entry.path: files._wanted(entry) for entry in entries}


def arguments(command: str) -> list[str]:
    """The package names at the end of an apt-get install command."""
    return command.partition(" install ")[2].removesuffix(" )").split()


def _provision(monkeypatch: pytest.MonkeyPatch, task: Callable[[], Any], hosts: dict[str, Facts], data: Any) -> State:
    def get_fact(self: Host, fact: type, **arguments: Any) -> Any:
        value = hosts[self.name].get(fact, fact.default())  # type: ignore[attr-defined]
        if fact is files.Texts and value != {}:
            # One text for all, or by path: a table need not say what else is asked for in the same question.
            return {path: value(path) if callable(value) else value for path in arguments["paths"]}
        return value(**arguments) if callable(value) else value

    monkeypatch.setattr(Host, "get_fact", get_fact)
    release._TARGETS.clear()
    state = State(
        Inventory((list(hosts), data | {"fake_delay": 0, "fake_delay_jitter": 0})), Config(), check_for_changes=False
    )
    state.set_stage(StateStage.Connect)
    connect_all(state)
    state.set_stage(StateStage.Prepare)
    # As the command line does it: operations of several hosts are one if they stand in the same line.
    monkeypatch.setattr(pyinfra, "is_cli", True)
    with ctx_state.use(state):
        for host in state.inventory.get_active_hosts():
            with ctx_host.use(host):
                task()
    monkeypatch.setattr(pyinfra, "is_cli", False)
    state.set_stage(StateStage.Execute)
    run_ops(state)
    return state


def _commands(state: State, name: str) -> Commands:
    host = state.inventory.get_host(name)
    commands = Commands()
    for op_hash in state.get_op_order():
        if op_hash not in state.ops[host]:
            continue
        names = state.get_op_meta(op_hash).names
        assert len(names) == 1, f"two operations are taken for one: {names}"
        (title,) = names
        commands.names.append(title)
        ran = state.ops[host][op_hash].operation_meta._commands or []
        for command in ran:
            texts = [command.get_masked_value()] if isinstance(command, StringCommand) else []
            if isinstance(command, FileUploadCommand):
                content = command.src.getvalue()
                together = command.dest == files.PACKED
                for path, part, mode in archive.unpack(content) if together else [(command.dest, content, "")]:
                    commands.uploads[path] = part
                    texts.append(f"put {path}")
                    if together:
                        commands.modes[path] = mode
            commands.setdefault(title.split(" | ")[-1], []).extend(texts)
    return commands


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """``run(task, facts, setting=value)`` -> its :class:`Commands`.

    ``facts`` maps a fact's class to its value, or to a function of the fact's arguments; a fact that is missing has its default.
    """

    def run_task(task: Callable[[], Any], facts: Facts | None = None, **changed: Any) -> Commands:
        table: Facts = {OsRelease: BOOKWORM, AptState: FRESH_LISTS} | (facts or {})
        state = _provision(monkeypatch, task, {"@fake/target": table}, settings(**changed))
        return _commands(state, "@fake/target")

    return run_task


@pytest.fixture
def run_two(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Commands]]:
    """Like ``run``, for two targets with facts of their own in one run."""

    def run_task(task: Callable[[], Any], *facts: Facts, **changed: Any) -> list[Commands]:
        hosts = {f"@fake/{number}": {AptState: FRESH_LISTS} | table for number, table in enumerate(facts)}
        state = _provision(monkeypatch, task, hosts, settings(**changed))
        return [_commands(state, name) for name in hosts]

    return run_task
