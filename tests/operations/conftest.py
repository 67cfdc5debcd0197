"""Runs a task against a target that exists only as a table of facts, and returns the commands it would run there.

Nothing is mocked but the answers: pyinfra's own state, deploys and operations do the rest. That a second
real run changes nothing is proved in tests/container; a table cannot prove it.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyinfra
import pytest
from melda.base.paths import OMITTED, R_PACKAGES
from pyinfra.api import Config, FileUploadCommand, Inventory, State, StringCommand, inventory
from pyinfra.api.connect import connect_all
from pyinfra.api.host import Host
from pyinfra.api.operations import run_ops
from pyinfra.api.state import StateStage
from pyinfra.connectors.base import BaseConnector
from pyinfra.connectors.util import CommandOutput
from pyinfra.context import ctx_host, ctx_state
from pyinfra.facts.deb import DebArch, DebPackages
from pyinfra.facts.files import Directory, File, Link
from pyinfra.facts.server import Command, Groups, Os, OsRelease, Users, Which

from builder import overrides
from tasks.facts.apt import AptState, AptStatus, Upgradable
from tasks.facts.dpkg import BrokenAlternatives, LackingFiles
from tasks.facts.files import FileContents, PathStats
from tasks.facts.kernels import StartProblems
from tasks.facts.r import PackageOrigins
from tasks.facts.server import Account, OneOfUsers, Unwritable
from tasks.facts.ssh import SshdProblem
from tasks.facts.venv import Damage, UncompiledSources, VenvDamage
from tasks.lib import fact_cache, managed_files, release
from tasks.lib.managed_files import ManagedFile

ROOT = Path(__file__).resolve().parents[2]
BOOKWORM = {"id": "debian", "version_id": "12", "version_codename": "bookworm"}
FOCAL = {"id": "ubuntu", "version_id": "20.04", "version_codename": "focal"}
# A whole one, though nobody's.
PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI" + "A" * 43
FRESH_LISTS = AptStatus(interrupted=False, lists=frozenset({"mirror_dists_bookworm_InRelease"}), age=60)

Facts = dict[Any, Any]  # of pyinfra's Command by a word of it
Run = Callable[..., "Commands"]


class Fake(BaseConnector):
    """A target on which every command succeeds and says nothing. pyinfra's own @fake is not in all versions."""

    handles_execution = True

    @staticmethod
    def make_names_data(name: str | None = None) -> Iterator[tuple[str, dict[str, Any], list[str]]]:
        yield f"@fake/{name}", {}, []

    def run_shell_command(self, *_: Any, **__: Any) -> tuple[bool, CommandOutput]:
        return True, CommandOutput([])

    def put_file(self, *_: Any, **__: Any) -> bool:
        return True

    def get_file(self, *_: Any, **__: Any) -> bool:
        raise NotImplementedError


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
    return overrides.defaults() | dict.fromkeys(("ca_bundle", "http_proxy", "https_proxy", "no_proxy"), "") | changed


def in_place(entries: list[ManagedFile]) -> dict[str, tuple[str, ...]]:
    """What the fact PathStats says where every entry is as it shall be."""
    return {entry.path: managed_files.expected(entry) for entry in entries}


def apart(command: str) -> list[str]:
    """The commands that staging.joined made one."""
    first, *others = command.split(" ) && ( ")
    return [first.removeprefix("( "), *others[:-1], others[-1].removesuffix(" )")] if others else [command]


def arguments(command: str) -> list[str]:
    """The package names at the end of an apt-get install command."""
    return command.partition(" install ")[2].partition(";")[0].removesuffix(" )").split()


def _pyinfras(kind: str) -> Callable[..., Any]:
    """What pyinfra's fact of a file, a folder or a link says where PathStats says that."""

    def answer(table: Facts, path: str) -> Any:
        found = table.get(PathStats, {}).get(path)
        if not found or found[0] != kind:
            return False if found else None
        if kind == "link":
            return {"link_target": found[1]}
        return {"mode": int(found[1]), "user": found[2], "group": found[3], "size": 1}

    return answer


def _users(table: Facts) -> Any:
    account = table.get(Account, {})
    if callable(account) or "name" not in account:
        return {}
    name, _, uid, gid, comment, home, shell = account["name"]
    return {
        name: {
            "uid": int(uid),
            "group": name if gid == uid else gid,
            "groups": [],
            "home": home,
            "shell": shell,
            "comment": comment,
        }
    }


def _groups(table: Facts) -> Any:
    account = table.get(Account, {})
    return [] if callable(account) or "group" not in account else [account["group"][0]]


def _stats(table: Facts, paths: list[str]) -> dict[str, tuple[str, ...]]:
    """What PathStats says of files whose text the table has, and whose owner and mode it does not mention."""
    texts = table.get(FileContents, "")
    known = dict.fromkeys(paths, texts) if isinstance(texts, str) else {}
    found = known if isinstance(texts, str) else {path: texts(path) for path in paths}
    listed = table.get(PackageOrigins, {})
    if R_PACKAGES in found and not callable(listed) and "listed" in listed:
        found[R_PACKAGES] = "".join(name + "\n" for name in sorted(listed["listed"]))
        found[R_PACKAGES.rpartition("/")[0]] = ""
    entries = [
        ManagedFile(path, text.encode("utf-8", "surrogateescape"), mode="600" if path.startswith("/root/") else "644")
        for path, text in found.items()
        if text
    ]
    folders = [ManagedFile(path.rpartition("/")[0], mode="755") for path in (R_PACKAGES, OMITTED) if found.get(path)]
    return in_place([ManagedFile("/tmp", mode="1777"), *folders, *entries])


def _said(table: Facts, command: str) -> Any:
    """What a command says by a word of it: where nothing stands in for man, all else nothing."""
    words = {"dpkg-divert": "/usr/bin/man"} | {word: said for word, said in table.items() if isinstance(word, str)}
    said = next((said for word, said in words.items() if word in command), "")
    return said(command) if callable(said) else said


# What a table says of facts that take silence for no answer.
HEALTHY: Facts = {
    AptState: FRESH_LISTS, LackingFiles: {}, BrokenAlternatives: [], VenvDamage: Damage(), UncompiledSources: [], Upgradable: [],
    StartProblems: [], SshdProblem: [], Unwritable: [],
}  # fmt: skip
# What a table says of pyinfra's own facts by what it says of ours.
DERIVED: dict[type, Callable[..., Any]] = {
    Directory: _pyinfras("directory"),
    File: _pyinfras("file"),
    Link: _pyinfras("link"),
    Users: _users,
    OneOfUsers: lambda table, username: _users(table),
    Groups: _groups,
    Os: lambda table: "Linux",
    Which: lambda table, command: f"/usr/sbin/{command}",
    DebArch: lambda table: "amd64",
    Command: _said,
}


def _provision(
    monkeypatch: pytest.MonkeyPatch, task: Callable[[], Any], hosts: dict[str, Facts], data: Any, dry: bool = False
) -> State:
    def get_fact(self: Host, fact: type, *args: Any, **arguments: Any) -> Any:
        table = hosts[self.name]
        if fact is fact_cache.Several and fact not in table:
            return [get_fact(self, one, **wanted) for one, wanted in arguments["questions"]]
        if fact not in table and fact in DERIVED:
            return DERIVED[fact](table, *args, **arguments)
        value = table[fact] if fact in table else HEALTHY[fact] if fact in HEALTHY else fact.default()  # type: ignore[attr-defined]
        if fact is PathStats and not callable(value):
            value = {**_stats(table, arguments["paths"]), **value}
        if fact is DebPackages:
            value = dict.fromkeys(value, ["1"])
        return value(*args, **arguments) if callable(value) else value

    monkeypatch.setattr(Host, "get_fact", get_fact)
    monkeypatch.setattr(managed_files, "RUN", "")
    release._TARGETS.clear()
    connectors = lambda: {"fake": Fake, "ssh": Fake}  # noqa: E731
    monkeypatch.setattr(inventory, "get_all_connectors", connectors)
    monkeypatch.setattr(inventory, "get_execution_connectors", connectors)
    state = State(Inventory((list(hosts), data)), Config(), check_for_changes=dry)
    state.set_stage(StateStage.Connect)
    connect_all(state)
    state.set_stage(StateStage.Prepare)
    # As the command line does it: operations of several hosts are one if they stand in the same line.
    monkeypatch.setattr(pyinfra, "is_cli", True)
    with ctx_state.use(state):
        for host in [one for one in state.inventory if one in state.active_hosts]:
            with ctx_host.use(host):
                fact_cache.enable()
                task()
    monkeypatch.setattr(pyinfra, "is_cli", False)
    if dry:
        return state
    state.set_stage(StateStage.Execute)
    run_ops(state)
    return state


def _unpacked(packed: bytes) -> Iterator[tuple[str, bytes, str]]:
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        for member in archive:
            found = archive.extractfile(member)
            yield "/" + member.name, found.read() if found else b"", f"{member.mode:o}"


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
            texts = apart(command.get_masked_value()) if isinstance(command, StringCommand) else []
            if isinstance(command, FileUploadCommand):
                content = command.src.getvalue()
                together = command.dest == managed_files.PACKED
                for path, part, mode in _unpacked(content) if together else [(command.dest, content, "")]:
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


@pytest.fixture
def dry_run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """``dry_run(task, facts)`` -> how many operations ``pyinfra --dry`` says would change something."""

    def run_task(task: Callable[[], Any], facts: Facts | None = None, **changed: Any) -> int:
        table: Facts = {OsRelease: BOOKWORM, AptState: FRESH_LISTS} | (facts or {})
        state = _provision(monkeypatch, task, {"@fake/target": table}, settings(**changed), dry=True)
        (host,) = state.inventory
        return int(state.get_meta_for_host(host).ops_change)

    return run_task
