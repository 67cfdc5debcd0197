"""Locks and lists of packages: what the deploy reads in them, and that those in the repository are whole."""

from __future__ import annotations

import re
import string
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from pyinfra.api import DeployError

from tasks.lib.locks import beginning, pins
from tasks.operations.r import debian_name
from tasks.packages import SETS, names, up_to
from tasks.releases import RELEASES

FILES = Path(__file__).resolve().parents[3] / "files"
PYTHONS = sorted({row.python for row in RELEASES.values()})
LOCKS = [FILES / f"packages/locks/{chosen}-{python}.txt" for chosen in SETS for python in PYTHONS]

LETTERS, DIGITS = string.ascii_letters, string.digits
NAME = st.text(LETTERS + DIGITS + "._-", min_size=1, max_size=14).map(lambda drawn: drawn.strip("._-") or "x")
VERSION = st.builds(
    lambda epoch, numbers, *more: epoch + ".".join(numbers) + "".join(more),
    st.sampled_from(["", "1!", "0!"]),
    st.lists(st.text(DIGITS, min_size=1, max_size=3), min_size=1, max_size=4),
    st.sampled_from(["", "a1", "b2", "rc0", ".post9", ".dev5"]),
    st.sampled_from(["", "+cu1"]),
)


@given(st.dictionaries(NAME.map(canonicalize_name), VERSION, max_size=6), st.booleans())
def test_pins_reads_what_a_lock_says(wanted: dict[str, str], markers: bool) -> None:
    marker = ' ; python_version < "3.9"' if markers else ""
    text = "# a comment==1\n" + "".join(
        f"{name}=={version}{marker} \\\n    --hash=sha256:{'0' * 64} \\\n    --hash=sha256:{'f' * 64}\n"
        f"    # via other==9.9\n"
        for name, version in wanted.items()
    )
    assert pins(text.encode()) == wanted
    halves = [pins(beginning(text.encode(), initials)) for initials in ("a-o", "p-z")]
    assert halves[0] | halves[1] == wanted and not halves[0].keys() & halves[1].keys()
    assert all("p" <= name[0] <= "z" for name in halves[1])
    assert beginning(text.encode(), "") == text.encode()


@pytest.mark.parametrize("initials", ["a", "a-", "A-Z", "a-o p-z", "-"])
def test_initials_that_are_none_are_refused(initials: str) -> None:
    with pytest.raises(DeployError, match=f"^invalid INITIALS={initials}: expected two letters such as a-o$"):
        beginning(b"", initials)


@given(NAME, VERSION)
def test_pins_gives_canonical_names(name: str, version: str) -> None:
    assert pins(f"{name}=={version}\n".encode()) == {canonicalize_name(name): version}


R_NAME = st.tuples(st.sampled_from(LETTERS), st.text(LETTERS + DIGITS + ".", max_size=10)).map("".join)


@given(
    st.lists(
        st.tuples(R_NAME, st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=9)), max_size=6
    )
)
def test_names_reads_lists_with_comments(lines: list[tuple[str, str]]) -> None:
    text = "# head\n\n" + "".join(f"  {name} # {comment}\n   # {comment}\n" for name, comment in lines)
    assert names(text.encode()) == [name for name, _ in lines]


@given(R_NAME)
def test_debian_names(name: str) -> None:
    found = debian_name(name)
    assert found.startswith("r-cran-") and set(found) <= set(string.ascii_lowercase + string.digits + ".-")


@pytest.mark.parametrize(
    ("chosen", "sets"), [("none", []), ("core", ["core"]), ("datascience", ["core", "datascience"])]
)
def test_sets_contain_each_other(chosen: str, sets: list[str]) -> None:
    assert up_to(chosen) == sets


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_every_lock_is_there_and_pins_every_line_with_a_hash(lock: Path) -> None:
    text = lock.read_text()
    # Registries come from the client's own configuration.
    assert "://" not in text and not re.search(r"^-", text, re.MULTILINE)
    entries = [entry.strip() for entry in re.split(r"\n(?=\S)", text) if entry.strip() and not entry.startswith("#")]
    assert entries, "a lock pins something"
    for entry in entries:
        first, *rest = [part.strip() for part in entry.replace("\\\n", "\n").splitlines()]
        assert re.fullmatch(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?==[0-9][a-z0-9.!+]*( ; .*)?", first), first
        hashes = [part for part in rest if not part.startswith("#")]
        assert hashes and all(re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", part) for part in hashes), first
    assert len(pins(text.encode())) == len(entries), "each package once"


def test_no_lock_is_there_for_nothing() -> None:
    assert sorted((FILES / "packages/locks").iterdir()) == sorted(LOCKS)


@pytest.mark.parametrize("python", PYTHONS)
def test_the_locks_of_one_python_agree(python: str) -> None:
    """The sets are installed into one environment, one after the other."""
    found: dict[str, set[str]] = {}
    for chosen in SETS:
        for name, version in pins((FILES / f"packages/locks/{chosen}-{python}.txt").read_bytes()).items():
            found.setdefault(name, set()).add(version)
    assert {name: versions for name, versions in found.items() if len(versions) > 1} == {}


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("chosen", [chosen for chosen in SETS if chosen != "none"])
def test_a_lock_has_every_name_of_its_list(chosen: str, python: str) -> None:
    wanted = [Requirement(line) for line in names((FILES / f"packages/python-{chosen}.txt").read_bytes())]
    asked = {
        canonicalize_name(one.name)
        for one in wanted
        if not one.marker or one.marker.evaluate({"python_version": python})
    }
    # A lock leaves out what the smaller sets bring.
    found = {
        name
        for smaller in ("none", *up_to(chosen))
        for name in pins((FILES / f"packages/locks/{smaller}-{python}.txt").read_bytes())
    }
    assert asked - found == set()


def test_jupyter_is_the_specifications() -> None:
    for python in PYTHONS:
        found = pins((FILES / f"packages/locks/none-{python}.txt").read_bytes())
        assert found["jupyter"] == "1.0.0"
        assert {"flask", "tornado", "pip"} <= set(found)


R_RIGHT = re.compile(r"[A-Za-z][A-Za-z0-9.]*[A-Za-z0-9]").fullmatch


def _python_right(line: str) -> bool:
    return bool(Requirement(line).name) and line == line.strip()


@pytest.mark.parametrize(
    ("language", "right", "same"),
    [("r", R_RIGHT, str.lower), ("python", _python_right, lambda line: canonicalize_name(Requirement(line).name))],
)
def test_every_name_in_the_lists_is_well_formed_and_there_once(
    language: str, right: Callable[[str], object], same: Callable[[str], str]
) -> None:
    listed = [name for chosen in SETS[1:] for name in names((FILES / f"packages/{language}-{chosen}.txt").read_bytes())]
    assert [name for name in listed if not right(name)] == []
    keys = [same(name) for name in listed]
    assert sorted({key for key in keys if keys.count(key) > 1}) == []


def test_every_list_and_lock_belongs_to_a_set() -> None:
    lists = {path.name for path in (FILES / "packages").glob("*.txt")}
    assert lists == {f"{language}-{chosen}.txt" for language in ("r", "python", "debian") for chosen in SETS[1:]}
