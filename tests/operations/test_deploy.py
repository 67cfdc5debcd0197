"""deploy.py as a whole: the concerns in their order, names a person can read, a test for every task, and settings first."""

from __future__ import annotations

import ast
import re
import runpy
from pathlib import PurePosixPath
from typing import Any

import pytest
from melda.base.paths import SHARE, STATE
from pyinfra.api import DeployError
from pyinfra.facts.server import OsRelease

from tasks import leftovers
from tasks.facts import server
from tasks.facts.apt import Reachable
from tasks.facts.files import folders_above
from tasks.jupyter import EXTENSIONS
from tasks.lib import release

from .conftest import BOOKWORM, FOCAL, PUBLIC_KEY, ROOT, Commands, Run, settings

ORDER = [
    "Former files",
    "apt sources",
    "System",
    "Certificates",
    "Package index",
    "r2u",
    "User",
    "Mount",
    "ssh",
    "Firewall",
    "Jupyter",
    "bspm",
    "Sync",
    "Runtime",
    "Environment snapshots",
    "Bytecode",
    "Fonts",
    "Packages",
    "Privileges",
    "systemd",
    "Leftovers",
]
# What an operation's name may begin with: what it does, as one would tell somebody to do it.
VERBS = [
    "Add",
    "Compile",
    "Configure",
    "Enable",
    "Finish",
    "Generate",
    "Give",
    "Install",
    "Let",
    "Make",
    "Put",
    "Refresh",
    "Register",
    "Remove",
    "Set",
    "Take",
    "Tell",
    "Upgrade",
    "Write",
]


def whole() -> None:
    runpy.run_path(str(ROOT / "deploy.py"))


@pytest.fixture(params=[BOOKWORM, FOCAL], ids=["bookworm", "focal"])
def fresh(request: pytest.FixtureRequest, run: Run) -> Commands:
    return run(whole, {OsRelease: request.param, Reachable: True}, ssh_public_key=PUBLIC_KEY)


def test_the_concerns_in_their_order(fresh: Commands) -> None:
    concerns = [name.split(" | ")[0] for name in fresh.names]
    assert list(dict.fromkeys(concerns)) == ORDER
    assert concerns == sorted(concerns, key=ORDER.index), "no concern comes back"


def test_every_operation_has_a_name_that_says_what_it_does(fresh: Commands) -> None:
    for name in fresh.names:
        concern, _, title = name.partition(" | ")
        assert concern in ORDER and title.split()[0] in VERBS, name
        assert len(title) <= 100 and not re.search(r"[{}/]|Operation", title), name
    assert len(set(fresh.names)) == len(fresh.names)


def test_what_the_user_reads_is_looked_at_from_the_root_on(fresh: Commands) -> None:
    """/usr/local/share/jupyter closed to others: no R kernel, and the run ended with 0."""
    looked_at = {*server._READ.split(), *folders_above(server._READ.split())}
    ours = {str(settings()["src"]), str(settings()["python_env"]), SHARE, STATE, "/etc/jupyter", EXTENSIONS}
    roots = ("/root/", "/etc/apt/", "/etc/dpkg/", "/etc/ssh/", "/var/lib/melda-jupyter.provision/")
    folders = {path.rpartition("/")[0] for path in fresh.uploads if not path.startswith(roots)}
    above = {folder for folder in folders if not any(f"{folder}/".startswith(f"{own}/") for own in ours)}
    managed = {"/usr/local/share/jupyter/kernels/ir"}
    assert folders_above(above) | above - managed <= looked_at


def test_what_a_killed_run_leaves_is_looked_for_wherever_a_file_is_put(fresh: Commands) -> None:
    source = str(settings()["src"])
    patterns = [*leftovers.patterns(source, str(settings()["python_env"])), leftovers.UPLOADS + "/*"]
    assert len(fresh.uploads) > 20
    lost = [path for path in fresh.uploads if not any(PurePosixPath(path).match(pattern) for pattern in patterns)]
    assert lost == []


def test_deploy_is_a_table_of_contents() -> None:
    tree = ast.parse((ROOT / "deploy.py").read_text())
    checked = tree.body[-1]
    assert {type(node) for node in tree.body[1:-1]} == {ast.ImportFrom, ast.Expr}
    assert isinstance(checked, ast.If) and ast.unparse(checked.test) == "settings.accepted()" and not checked.orelse
    assert all(re.fullmatch(r"(\w+)\.\1\(\)", ast.unparse(node)) for node in checked.body), "each concern has one name"


@pytest.mark.parametrize(
    "task",
    sorted(
        path.stem
        for path in (ROOT / "tasks").glob("*.py")
        if path.stem not in ("__init__", "debian_packages", "releases")
    ),
)
def test_every_task_is_in_the_deploy_and_has_its_test(task: str) -> None:
    assert re.search(rf"\b{task}\.({task}|accepted)\(\)", (ROOT / "deploy.py").read_text())
    assert (ROOT / f"tests/operations/test_{task}.py").is_file()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"packages": "all"}, "invalid packages='all'"),
        ({"r2u_fingerprint": "0" * 40}, "invalid r2u_key=.*: expected the key with"),
    ],
)
def test_what_is_wrong_stops_the_deploy_before_anything_changes(
    run: Run, changed: dict[str, Any], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[object] = []
    monkeypatch.setattr("tests.operations.conftest.run_ops", ran.append)
    with pytest.raises(DeployError, match=words):
        run(whole, {OsRelease: FOCAL}, **changed)
    assert ran == []


def test_a_host_that_is_refused_stops_no_other(run_two: Any, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", "pyinfra"):
        one, two = run_two(whole, {OsRelease: {"id": "arch", "version_id": "1"}}, {OsRelease: BOOKWORM})
    assert one == {} and len(two) > 10
    assert "[@fake/0] " in caplog.text and "arch" in caplog.text


def test_two_different_hosts_in_one_run(run_two: Any) -> None:
    release._TARGETS.clear()
    one, two = run_two(whole, {OsRelease: BOOKWORM}, {OsRelease: FOCAL, Reachable: True}, packages="core")
    assert "Add r2u's repository, its key and its pin" in two
    assert "Add r2u's repository, its key and its pin" not in one
    assert "Python packages of core" in str(list(one)) and "Python packages of core" in str(list(two))
    for commands in (one, two):
        concerns = [name.split(" | ")[0] for name in commands.names]
        assert concerns == sorted(concerns, key=ORDER.index)
