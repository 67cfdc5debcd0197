"""poetry.lock as Poetry before 2.0 wrote it: a package may stand in it twice, and it does not say what is for development."""

from __future__ import annotations

from pathlib import Path

import pytest
from melda.envs import document, formats

from tests.unit.melda.envs.test_formats import packages

HEAD = """
[metadata]
lock-version = "2.0"
python-versions = ">=3.6"
content-hash = "x"
"""


def package(name: str, version: str, pythons: str = "*", more: str = "") -> str:
    """One package of a lock."""
    return f'[[package]]\nname = "{name}"\nversion = "{version}"\noptional = false\npython-versions = "{pythons}"\n{more}\n'


@pytest.mark.parametrize("turn", [1, -1])
def test_of_those_for_this_python_the_highest_is_taken(turn: int) -> None:
    given = [package("zebra", "1.9", ">=3.6"), package("zebra", "1.21", ">=3.7"), package("zebra", "9.0", ">=99"),
             package("zebra", "2.0", "<3.5"), package("zebra", "0.5", ">=2.7,<2.8 || >=3.3")]  # fmt: skip
    found = formats.parse("".join(given[::turn]) + HEAD.replace("2.0", "1.1"), "poetry.lock")
    assert packages(found) == [("zebra", "1.21", "index")]
    assert document.PROBLEMS not in found


def test_where_none_is_for_this_python_it_is_said() -> None:
    text = package("zebra", "1.0", "<3.5") + package("zebra", "2.0", ">=99") + HEAD
    assert "twice" in formats.parse(text, "poetry.lock")[document.PROBLEMS][0]["reason"]


LOCK = (
    package("zebra", "1.0", more='[package.dependencies]\nMane = ">=1"\nhorn = {version = "*", optional = true}')
    + package("mane", "1.0") + package("horn", "1.0") + package("okapi", "1.0", more='[package.dependencies]\nibex = "*"')
    + package("ibex", "1.0", more='[package.dependencies]\nokapi = [{version = "*"}]\n') + package("pytest", "8.0")
    + HEAD
)  # fmt: skip


@pytest.mark.parametrize(
    ("project", "names"),
    [
        ('[tool.poetry.dependencies]\npython = "^3.6"\nZebra = "*"\nokapi = {version = "*"}', "ibex mane okapi zebra"),
        ('[tool.poetry.dependencies]\nzebra = {version = "*", extras = ["x"]}', "horn mane zebra"),
        ('[project]\ndependencies = ["okapi (>=1)"]', "ibex okapi"),
        ("[project]\ndependencies = [\"zebra[x] ; python_version > '3'\"]", "horn mane zebra"),
    ],
)
def test_what_the_project_beside_it_needs(project: str, names: str, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(project)
    found = formats.parse(LOCK, str(tmp_path / "poetry.lock"))
    assert [name for name, *_ in packages(found)] == names.split()
    assert formats.NOTES not in found


@pytest.mark.parametrize("project", [None, "[tool.poetry]\nname = 1", "[", '[project]\ndependencies = ["another"]'])
def test_where_nothing_says_what_is_for_development_it_is_said(project: str | None, tmp_path: Path) -> None:
    if project:
        (tmp_path / "pyproject.toml").write_text(project)
    found = formats.parse(LOCK, str(tmp_path / "poetry.lock"))
    assert len(packages(found)) == 6
    assert "only for development" in found[formats.NOTES][0]


def test_a_lock_that_says_it_needs_no_project() -> None:
    text = package("zebra", "1.0", more='category = "main"') + package("pytest", "8.0", more='category = "dev"') + HEAD
    found = formats.parse(text, "poetry.lock")
    assert [name for name, *_ in packages(found)] == ["zebra"] and formats.NOTES not in found
