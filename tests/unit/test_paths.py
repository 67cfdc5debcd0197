"""What two programs know is written once (melda.base.paths); files that are not Python repeat it, and are compared here."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest
from melda.base import paths

ROOT = Path(__file__).resolve().parents[2]
SOURCES = (
    "files",
    "tasks",
    "builder",
    "deployments",
    "config.py",
    "deploy.py",
    "inventory.py",
    "Dockerfile",
    "Dockerfile.base",
)
DEFINES = "files/runtime/src/melda/base/paths.py"
# Run by the user's Python, or put in place as they are: they cannot import.
ALONE = ("files/jupyter/",)
KNOWN = {value for name, value in vars(paths).items() if name.isupper() and isinstance(value, str) and "/" in value}


def tracked() -> list[str]:
    found = subprocess.run(["git", "ls-files", "--", *SOURCES], cwd=ROOT, capture_output=True, text=True, check=False)
    if found.returncode:
        pytest.skip("this is no checkout of git")
    return [path for path in found.stdout.splitlines() if (ROOT / path).is_file() and not (ROOT / path).is_symlink()]


def literals(path: str) -> set[str]:
    """The texts of a Python file that are no docstring."""
    tree = ast.parse((ROOT / path).read_text())
    documents = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documents
    }


@pytest.mark.parametrize("path", [path for path in tracked() if path.endswith(".py") and path != DEFINES])
def test_no_program_writes_down_what_it_could_import(path: str) -> None:
    if path.startswith(ALONE):
        assert {text for text in literals(path) if text.startswith((paths.RUN, paths.STATE, paths.SHARE))} <= KNOWN
    else:
        assert literals(path) & KNOWN == set()


@pytest.mark.parametrize("path", [path for path in tracked() if not path.endswith((".py", ".txt", ".json", ".md"))])
def test_other_files_say_the_same(path: str) -> None:
    text = (ROOT / path).read_bytes().decode("utf-8", "replace")
    ours = "|".join(map(re.escape, (paths.RUN, paths.STATE, paths.SHARE)))
    below = {found.rstrip("/.") for found in re.findall(rf"(?:{ours})[\w./-]*", text)}
    folders = {value.rsplit("/", 1)[0] for value in KNOWN} | {paths.RUN, paths.STATE, paths.SHARE}
    assert {
        found for found in below if found not in KNOWN | folders and not found.startswith(paths.SHARE + "/sources")
    } == set()
    for name in set(re.findall(r"\borg\.r_project\.[\w.]+", text)):
        assert name.removesuffix(".service") in {paths.BUS_NAME, paths.BUS_INTERFACE}


def test_the_ports_are_those_of_the_image() -> None:
    exposed = re.search(r"^EXPOSE (.*)$", (ROOT / "Dockerfile.base").read_text(), re.MULTILINE)
    assert exposed and exposed[1].split() == [
        str(port) for port in (paths.JUPYTER_PORT, paths.VERSIONS_PORT, paths.SSH_PORT)
    ]
