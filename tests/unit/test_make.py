"""The Makefile reads nothing into a value: make runs no $(shell …) of a variable, and the builder gets each as it was given."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = re.findall(r"^([a-z-]+):.*##", MAKEFILE, re.MULTILINE)
# Those that the Makefile knows, some that it does not, and some that make itself refers to.
NAMES = sorted(
    {*re.findall(r"^(?:override )?([A-Z]+) (?:\?|:)?=", MAKEFILE, re.MULTILINE)}
    | {"PLATFORM", "VERBOSE", "OLD", "NEW", "JUPYTER_TOKEN", "UNKNOWN", "VPATH", "SHELL", "CC", "name"}
)
# What a recipe calls, recorded with its variables.
RECORDER = f"""#!{sys.executable} -S
import json, os, sys
with open({{log!r}}, "a") as stream:
    stream.write(json.dumps([sys.argv, dict(os.environ)]) + "\\n")
"""
ORIGINS = ("command line", "environment", "environment, -e")


class Tree:
    """A copy of the Makefile in a tree where every program that it calls is a recorder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log, self.marks = folder, folder / "log", folder / "marks"
        self.marks.mkdir()
        shutil.copy(ROOT / "Makefile", folder)
        for name in ("builder", "tests", "requirements", ".venv/bin"):
            (folder / name).mkdir(parents=True)
        (folder / "tests/host-packages.txt").touch()
        for name in {*re.findall(r"\$\(BIN\)/([a-z-]+)", MAKEFILE), "python"}:
            (folder / ".venv/bin" / name).write_text(RECORDER.format(log=str(self.log)))
            (folder / ".venv/bin" / name).chmod(0o755)
        # `sh builder/venv ...`: its arguments, and what it finds in the environment.
        (folder / "builder/venv").write_text(f'exec {folder}/.venv/bin/python venv "$@"\n')
        for lock in (ROOT / "requirements").glob("*.txt"):
            (folder / "requirements" / lock.name).touch()
            (folder / ".venv" / f"{lock.stem}.stamp").touch()
        self.interpreter = folder / ".venv/interpreter"
        self.interpreter.write_text(f"{folder}/.venv/bin/python {folder}/.venv\n")
        os.utime(self.interpreter, (1, 1))

    def make(self, *words: str, values: dict[str, str], origin: str = "command line") -> str:
        """Run make with variables from there; what it prints."""
        path = {"PATH": os.environ["PATH"]}
        given = [f"{name}={value}" for name, value in values.items()] if origin == "command line" else []
        flags = ["-e"] if origin.endswith("-e") else []
        done = subprocess.run(
            ["make", "--no-print-directory", *flags, *words, *given],
            cwd=self.folder,
            env=path if given else {**values, **path},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        return done.stdout

    def calls(self) -> list[tuple[list[str], dict[str, str]]]:
        """Arguments and environment of each program that was called."""
        return [tuple(json.loads(line)) for line in self.log.read_text().splitlines()]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Tree(tmp_path)


def command(tree: Tree, name: str) -> str:
    """A value for a variable that leaves a file when make, or a shell, reads something into it."""
    return f"$(shell touch {tree.marks}/{name})`touch {tree.marks}/{name}.sh`"


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("how", ["runs", "only says what it would", "prints its data base"])
def test_no_target_expands_a_variable(tree: Tree, origin: str, how: str) -> None:
    flags = {"runs": [], "only says what it would": ["-n"], "prints its data base": ["-p", "-n"]}[how]
    # Where SHELL is no shell nothing runs at all.
    values = {name: command(tree, name) for name in NAMES if name != "SHELL"}
    output = tree.make("-k", *flags, *TARGETS, values=values, origin=origin)
    assert [path.name for path in tree.marks.iterdir()] == []
    # It came to the last one.
    assert len(tree.calls()) > len(TARGETS) if how == "runs" else "builder.lock" in output, output


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("origin", ORIGINS)
def test_no_variable_is_expanded(tree: Tree, origin: str, name: str) -> None:
    """One alone: in company an error of make's could end the run before it is looked at."""
    output = tree.make("help", "image", values={name: command(tree, name)}, origin=origin)
    assert "***" not in output, output
    assert [path.name for path in tree.marks.iterdir()] == []


VALUES = (
    "$", "$$", "$(BASE)", "${HOME}", "$HOME", "$(shell echo no)", "`echo no`", "$(echo no)", "$(eval X=1)", "'", '"',
    "a'b\"c", "a#b", "#", "\\", "a\\", "a b", "a  b", "a;b", "a&b", "two\nlines", "three\n\nlines", "50%", "ümläut", "a,b)", ")",
    "endif", "-n", "--help", "=", "a=b", "*", "~", "\t|", "!", "$(error no)",
)  # fmt: skip


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("origin", ORIGINS[:2])
def test_the_builder_gets_each_value_as_it_was_given(tree: Tree, origin: str, value: str) -> None:
    names = ("BASE", "IMAGE", "PACKAGES", "PORT", "STRICT", "DATA", "MIRROR", "PLATFORM", "REPOSITORY")
    # With another letter in front: make leaves out blanks there, as a shell does between words.
    values = {name: f"{name[0]}{value}" for name in names}
    output = tree.make("publish", values={**values, "JUPYTER_TOKEN": value}, origin=origin)
    ((argv, environment),) = tree.calls()
    found = dict(word.removeprefix("--").split("=", 1) for word in argv[2:] if word.startswith("--"))
    assert {name: found[name.lower()] for name in names} == values, output
    assert environment["JUPYTER_TOKEN"].strip() == value.strip(), "what only the builder knows"


@pytest.mark.parametrize("origin", ORIGINS[:2])
def test_the_environment_is_made_by_the_python_that_was_named(tree: Tree, origin: str) -> None:
    (tree.folder / ".venv/build.stamp").unlink()
    value = "/opt/it's $(here)/`python`"
    tree.make("image", values={"PYTHON": value, "MIRROR": "a folder"}, origin=origin)
    (argv, environment), _ = tree.calls()
    assert argv[1:] == ["venv", value, ".venv", "requirements/build.txt"]
    assert environment["MIRROR"] == "a folder"


def with_pip(tree: Tree, place: Path | None) -> None:
    """Give the environment uv, and a pip that says that it is in ``place``."""
    shutil.copy(tree.folder / ".venv/bin/python", tree.folder / ".venv/bin/uv")
    pip = tree.folder / ".venv/bin/pip"
    says = f"pip 23.0.1 from {place}/lib/python3.11/site-packages/pip (python 3.11)" if place else ""
    pip.write_text(f'#!/bin/sh\n[ "$1" != --version ] || echo "{says}"\n')
    pip.chmod(0o755)


def test_the_environment_is_made_again_for_another_python(tree: Tree) -> None:
    """After an upgrade of the host .venv/bin/python is another one, and finds no packages there."""
    tree.make("image", values={})
    assert [argv[1] for argv, _ in tree.calls()] == ["-m"]
    python = tree.folder / ".venv/bin/python"
    python.rename(tree.folder / ".venv/bin/python3.99")
    python.symlink_to("python3.99")
    tree.log.unlink()
    for calls in (["venv", "-m"], ["-m"]):
        tree.make("image", values={})
        assert [argv[1] for argv, _ in tree.calls()] == calls
        tree.log.unlink()
    assert tree.interpreter.read_text() == f"{python}3.99 {tree.folder}/.venv\n"


def test_a_fresh_clone_is_told_nothing_that_went_wrong(tree: Tree) -> None:
    (tree.folder / ".venv").rename(tree.folder / "kept")
    (tree.folder / "builder/venv").write_text('mv kept .venv; exec .venv/bin/python venv "$@"\n')
    output = tree.make("image", values={})
    assert [argv[1] for argv, _ in tree.calls()] == ["venv", "-m"] and "cd" not in output, output


def test_the_environment_is_made_again_where_its_python_is_gone(tree: Tree) -> None:
    python, kept = tree.folder / ".venv/bin/python", tree.folder / "kept"
    python.rename(kept)
    python.symlink_to("nowhere")
    (tree.folder / "builder/venv").write_text('rm .venv/bin/python; cp kept .venv/bin/python; exec ./kept venv "$@"\n')
    tree.make("image", values={})
    assert [argv[1] for argv, _ in tree.calls()] == ["venv", "-m"]


def test_the_environment_is_made_again_in_another_place(tree: Tree) -> None:
    """A clone that was moved or copied has stamps, and programs that are those of the former place."""
    tree.folder = Path(shutil.copytree(tree.folder, tree.folder.with_name("moved"), symlinks=True))
    for calls in (["venv", "-m"], ["-m"]):
        tree.make("image", values={})
        assert [argv[1] for argv, _ in tree.calls()] == calls
        tree.log.unlink()


@pytest.mark.parametrize("made", ["there", "elsewhere", "gone", ""])
def test_an_environment_of_another_place_is_replaced(tree: Tree, made: str) -> None:
    (tree.folder / "elsewhere").mkdir()
    places = {"there": ".venv", "elsewhere": "elsewhere", "gone": "gone", "": ""}
    with_pip(tree, tree.folder / places[made] if made else None)
    (tree.folder / ".venv/former").touch()
    (tree.folder / "new").mkdir()
    shutil.copytree(tree.folder / ".venv/bin", tree.folder / "new/bin")
    # Stands for `python -m venv FOLDER`, and for what it is asked before.
    python = tree.folder / "python"
    python.write_text('#!/bin/sh\n[ "$2" != venv ] || cp -r new .venv\n')
    python.chmod(0o755)
    command = ["sh", ROOT / "builder/venv", python, ".venv", "requirements/build.txt"]
    subprocess.run(command, cwd=tree.folder, check=True, stdout=subprocess.DEVNULL)
    assert (tree.folder / ".venv/former").exists() == (made == "there")


def test_two_at_once_make_one_environment(tree: Tree) -> None:
    """Each removed what the other had begun."""
    with_pip(tree, tree.folder / ".venv")
    (tree.folder / ".venv").rename(tree.folder / "new")
    python = tree.folder / "python"
    python.write_text('#!/bin/sh\n[ "$2" != venv ] || { echo >>made; mkdir .venv; sleep 0.3; cp -r new/. .venv; }\n')
    python.chmod(0o755)
    command = ["sh", ROOT / "builder/venv", python, ".venv", "requirements/build.txt"]
    both = [subprocess.Popen(command, cwd=tree.folder, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    assert (tree.folder / "made").read_text() == "\n"


def test_what_is_set_for_other_environments_leads_nothing_elsewhere(tree: Tree) -> None:
    """PIP_USER=1 ended it, and with UV_SYSTEM_PYTHON=1 the packages were the host's."""
    with_pip(tree, tree.folder / ".venv")
    moving = (
        "PIP_TARGET",
        "PIP_PREFIX",
        "UV_SYSTEM_PYTHON",
        "UV_TARGET",
        "UV_PROJECT_ENVIRONMENT",
        "UV_EXCLUDE_NEWER",
        "PYTHONPATH",
    )
    kept = {"PIP_INDEX_URL": "https://index/x", "UV_CACHE_DIR": "/c", "PIP_CERT": "/dev/null", "UV_NATIVE_TLS": "1"}
    command = ["sh", ROOT / "builder/venv", sys.executable, ".venv", "requirements/build.txt"]
    given = {**dict.fromkeys(moving, "1"), **kept, "PIP_USER": "1", "PATH": os.environ["PATH"]}
    subprocess.run(command, cwd=tree.folder, env=given, check=True, stdout=subprocess.DEVNULL)
    argv, environment = tree.calls()[-1]
    assert argv[1:5] == ["pip", "install", "--python", ".venv/bin/python"]
    assert not set(moving) & set(environment) and environment["PIP_USER"] == "0"
    assert {name: environment[name] for name in kept} == kept


def test_the_environment_comes_from_the_folder_of_make_mirror(tree: Tree) -> None:
    with_pip(tree, tree.folder / ".venv")
    command = ["sh", ROOT / "builder/venv", sys.executable, ".venv", "requirements/build.txt"]
    for mirror, wheels in (("a folder", f"{tree.folder}/a folder/wheels"), ("/it's", "/it's/wheels"), ("", None)):
        tree.log.unlink(missing_ok=True)
        given = {"PATH": os.environ["PATH"], "MIRROR": mirror}
        subprocess.run(command, cwd=tree.folder, env=given, check=True, stdout=subprocess.DEVNULL)
        argv, environment = tree.calls()[-1]
        assert argv[1:3] == ["pip", "install"]
        names = ("PIP_FIND_LINKS", "UV_FIND_LINKS", "PIP_NO_INDEX", "UV_NO_INDEX", "UV_OFFLINE")
        assert [environment.get(name) for name in names] == [wheels] * 2 + ["1" if mirror else None] * 3


def test_help_says_a_value_as_it_was_given(tree: Tree) -> None:
    output = tree.make("help", values={"IMAGE": "$(shell echo no) $HOME `id`"})
    assert "  IMAGE=$(shell echo no) $HOME `id`\n" in output
