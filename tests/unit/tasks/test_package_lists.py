"""files/packages: lists a person edits, so what a person gets wrong is looked for."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tasks.lib.locks import pins
from tasks.packages import SETS, names, r_names

PACKAGES = Path(__file__).resolve().parents[3] / "files" / "packages"
LISTS = sorted(path.name for path in PACKAGES.glob("*.txt"))


def entries(language: str) -> list[str]:
    return [name for chosen in SETS[1:] for name in names((PACKAGES / f"{language}-{chosen}.txt").read_bytes())]


def test_every_set_has_its_lists() -> None:
    assert sorted(f"{language}-{chosen}.txt" for language in ("debian", "python", "r") for chosen in SETS[1:]) == LISTS


@pytest.mark.parametrize("language", ["debian", "python", "r"])
def test_no_package_is_there_twice(language: str) -> None:
    found = [
        canonicalize_name(Requirement(name).name) if language == "python" else name.lower()
        for name in entries(language)
    ]
    assert [name for name in found if found.count(name) > 1] == []


@pytest.mark.parametrize("name", LISTS)
def test_every_group_has_its_reason(name: str) -> None:
    lines = (PACKAGES / name).read_text().splitlines()
    assert lines[0].startswith("# ") and lines[1].startswith("# "), "what the list is, then the first group"
    assert [line for line in lines if line.strip() != line or not line or line == "#"] == []


def test_what_makes_jupyter_slow_is_in_no_lock() -> None:
    """Importing it takes longer than all the rest of Jupyter's start."""
    locks = sorted((PACKAGES / "locks").glob("*.txt"))
    assert len(locks) > 20
    assert [lock.name for lock in locks if "rfc3987-syntax" in pins(lock.read_bytes())] == []


def test_about_as_many_as_promised() -> None:
    assert 90 <= len(entries("r")) <= 140
    assert 55 <= len(entries("python")) <= 80


@pytest.mark.parametrize("chosen", SETS[1:])
def test_every_r_package_has_its_main_thing_tried(chosen: str) -> None:
    """In the order of the list, each by a function that calls the package."""
    text = (PACKAGES.parents[1] / "tests" / "container" / f"does_{chosen}.R").read_text()
    functions = dict(re.findall(r"^  ([\w.]+) = (function\(\).*?)(?=^  [\w.#]|^\)|\Z)", text, re.MULTILINE | re.DOTALL))
    assert list(functions) == names((PACKAGES / f"r-{chosen}.txt").read_bytes())
    lacking = [name for name, code in functions.items() if f"{name}::" not in code or "holds(" not in code]
    assert lacking == []


def test_names_of_r_packages() -> None:
    """Writing R Extensions, 1.1.1."""
    assert [name for name in entries("r") if not re.fullmatch(r"[A-Za-z][A-Za-z0-9.]*[A-Za-z0-9]", name)] == []
    assert [name for chosen in SETS[1:] for name in r_names(chosen)] == entries("r")


SIGNS = string.ascii_letters + string.digits
NAMES = st.tuples(st.sampled_from(string.ascii_letters), st.text(SIGNS + ".", max_size=30), st.sampled_from(SIGNS)).map(
    "".join
)
COMMENTS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=20)
SPACE = st.text(" \t", max_size=3)


@given(st.lists(st.tuples(SPACE, st.none() | NAMES, SPACE, st.none() | COMMENTS)), st.sampled_from(["\n", "\r\n"]))
def test_a_list_is_its_names_whatever_stands_around_them(
    lines: list[tuple[str, str | None, str, str | None]], end: str
) -> None:
    text = "".join(
        before + (name or "") + after + ("" if comment is None else f"#{comment}") + end
        for before, name, after, comment in lines
    )
    assert names(text.encode()) == [name for _, name, _, _ in lines if name]
    assert names(text.rstrip("\r\n").encode()) == names(text.encode())


@pytest.mark.parametrize("lock", sorted(path.name for path in (PACKAGES / "locks").glob("*.txt")))
def test_pypi_knows_every_name(lock: str) -> None:
    """A lock holds what PyPI answered, with hashes: who is in it exists."""
    chosen, version = lock.removesuffix(".txt").split("-")
    if chosen == "none":
        return
    # A set's lock holds what it adds to the sets below it.
    below = SETS[: SETS.index(chosen) + 1]
    pinned = {name for set_ in below for name in pins((PACKAGES / "locks" / f"{set_}-{version}.txt").read_bytes())}
    wanted = [Requirement(name) for name in names((PACKAGES / f"python-{chosen}.txt").read_bytes())]
    there = [need for need in wanted if not need.marker or need.marker.evaluate({"python_version": version})]
    assert [need.name for need in there if canonicalize_name(need.name) not in pinned] == []


def test_every_package_does_its_main_thing_in_the_test_on_an_image() -> None:
    """So that nobody has to build an image to hear that a new package has no entry."""
    container = PACKAGES.parents[1] / "tests" / "container"
    python = "".join(path.read_text() for path in (container / "does").glob("*.py"))
    r = "".join((container / f"does_{chosen}.R").read_text() for chosen in SETS[1:])
    called = [Requirement(name).name.replace("-", "_") for name in entries("python")]
    assert [name for name in called if f"\ndef {name}() -> None:" not in python] == []
    assert [name for name in entries("r") if f"\n  {name} = function() " not in r] == []
