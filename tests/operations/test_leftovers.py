"""tasks/leftovers.py: what a killed run left is removed, and nothing else."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tasks import leftovers
from tasks.facts.files import Leftovers
from tasks.lib import staging

from .conftest import Run

REMOVE = "Remove what a killed run left"


@pytest.mark.parametrize(
    ("found", "command"),
    [
        (["/var/lib/melda-jupyter.provision"], "rm -rf -- /var/lib/melda-jupyter.provision"),
        (
            ["/tmp/melda-jupyter.x", "/etc/environment.melda-new"],
            "rm -rf -- /tmp/melda-jupyter.x /etc/environment.melda-new",
        ),
        (["/tmp/melda-jupyter.a b; reboot"], "rm -rf -- '/tmp/melda-jupyter.a b; reboot'"),
    ],
)
def test_left_by_a_killed_run(run: Run, found: list[str], command: str) -> None:
    assert run(leftovers.leftovers, {Leftovers: found}) == {REMOVE: [command]}


def test_nothing_left(run: Run) -> None:
    assert run(leftovers.leftovers) == {}


def test_also_where_the_programs_are(run: Run) -> None:
    asked: list[list[str]] = []
    run(
        leftovers.leftovers,
        {Leftovers: lambda patterns: asked.append(patterns) or []},
        src="/opt/melda",
        python_env="/srv/py",
    )
    assert asked == [leftovers.patterns("/opt/melda", "/srv/py")]


def test_the_question_on_a_real_file_system(tmp_path: Path) -> None:
    packages = "env/lib/python3.11/site-packages"
    for folder in ("melda/base", packages):
        (tmp_path / folder).mkdir(parents=True)
    left = {"start-jupyter.melda-new", "melda/base/log.py.melda-new", f"{packages}/melda_plugins.pth.melda-new"}
    for name in ("start-jupyter", *left):
        (tmp_path / name).touch()
    fact = Leftovers()
    shown = subprocess.run(
        ["sh", "-c", fact.command(leftovers.patterns(str(tmp_path), f"{tmp_path}/env"))],
        capture_output=True,
        text=True,
        check=True,
    )
    found = {line for line in fact.process(shown.stdout.splitlines()) if line.startswith(str(tmp_path))}
    assert found == {f"{tmp_path}/{name}" for name in left}


def test_what_another_run_works_with_stays(tmp_path: Path) -> None:
    folder = tmp_path / "provision"
    folder.mkdir()
    fact, patterns = Leftovers(), [str(tmp_path / "*.melda-new"), str(folder)]
    (tmp_path / "x.melda-new").touch()
    command = fact.command(patterns).replace(staging.FOLDER, str(folder))
    for there, found in ((folder, []), (tmp_path, ["provision", "x.melda-new"])):
        with subprocess.Popen(["cat"], cwd=there, stdin=subprocess.PIPE) as other:
            shown = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True).stdout
            other.communicate(b"")
        assert sorted(Path(line).name for line in shown.splitlines()) == found
