"""What people hand to melda-env restore, as data: what is planned, what is listed as not to be had, and the exit code.

cases/handed: one file a kind, with its right outcome in cases.json; cases/lines.yaml: lines of requirements; cases/files.yaml
and shapes.yaml: files of all formats; commands, shells and programs.yaml: programs and notebooks that install; brought.yaml: what
public repositories have. Names are invented.
"""

from __future__ import annotations

import functools
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from melda.envs import document, formats
from melda.envs.errors import UsageError
from melda.envs.restore.resolve import name_of

CASES = Path(__file__).parent / "cases"
HANDED = json.loads((CASES / "handed" / "cases.json").read_text())
LINES = yaml.safe_load((CASES / "lines.yaml").read_text())
FILES = [
    case
    for name in ("files", "shapes", "commands", "shells", "programs", "brought")
    for case in yaml.safe_load((CASES / f"{name}.yaml").read_text())
]
# Found only with an index, or with a network: tests/unit/melda/envs/test_restore_python.py.
RESOLVED = {"url-normalize", "cattrs", "httptools", "BiocGenerics", "S4Vectors", "inner", "example-pkg"}


def planned(found: dict[str, Any]) -> set[str]:
    names = {one["name"] for kind in document.LANGUAGES for one in found[kind]["packages"]}
    return names | {name_of(one) for one in found.get(formats.WANTS, {}).get("requirements", [])}


def listed(found: dict[str, Any]) -> set[str]:
    return {one["name"] for one in found.get(document.PROBLEMS, [])}


def accounted(found: dict[str, Any]) -> int:
    """How many entries a file has, planned or listed."""
    return len(planned(found)) + len(found.get(document.PROBLEMS, []))


def test_the_corpus_is_large_and_each_case_is_one_of_its_own() -> None:
    assert len(HANDED) + len(LINES) + len(FILES) >= 200
    assert len({one["line"] for one in LINES}) == len(LINES) and len({one["text"] for one in FILES}) == len(FILES)


@pytest.mark.parametrize("case", HANDED, ids=lambda case: str(case["file"]))
def test_handed(case: dict[str, Any], tmp_path: Path) -> None:
    path = shutil.copy(CASES / "handed" / case["file"], tmp_path)
    found = formats.parse(document.read_text(path), path)
    assert set(case["plans"]) - RESOLVED <= planned(found)
    assert set(case["lists"]) - RESOLVED <= listed(found) | planned(found)
    if case["exit"] == 0:
        assert not listed(found)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with files to be included."""
    found = tmp_path_factory.mktemp("requirements")
    (found / "beside.txt").write_text("okapi==2.0\n")
    (found / "ring.txt").write_text("ibex\n-r ring.txt\n-r requirements.txt\n")
    (found / "requirements.txt").touch()
    return found


@pytest.mark.parametrize("case", LINES, ids=lambda case: str(case["line"])[:60])
def test_a_line_costs_itself(case: dict[str, Any], folder: Path) -> None:
    path = folder / "requirements.txt"
    found = formats.parse(f"good==1.0\n{case['line']}\nfine>=2\n", str(path))
    assert planned(found) == {"good", "fine", *case.get("plans", [])}
    assert listed(found) == set(case.get("lists", []))
    assert bool(found.get(formats.NOTES)) >= case.get("notes", False)


@pytest.mark.parametrize("case", FILES, ids=lambda case: f"{case['file']}-{case['why']}"[:70])
def test_a_file(case: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / case["file"]
    path.write_bytes(case["text"].encode(case.get("encoding", "utf-8")))
    try:
        found = formats.parse(document.read_text(str(path)), str(path))
    except UsageError as error:
        assert case["exit"] == 2, error
        assert case["says"] in str(error) and len(str(error).splitlines()) == 1
        return
    assert planned(found) == set(case.get("plans", []))
    assert listed(found) == set(case.get("lists", []))
    assert case["exit"] == (1 if listed(found) else 0)
    entries = {one["name"]: one for kind in document.LANGUAGES for one in found[kind]["packages"]}
    for name, source in case.get("sources", {}).items():
        assert {**entries[name]["source"], "version": entries[name]["version"]}.items() >= source.items()


# Not notebooks: a broken line of code is one more that installs nothing.
GOOD = [case for case in FILES if case["exit"] == 0 and "encoding" not in case and not case["file"].endswith(".ipynb")]


read_whole = functools.cache(formats.parse)


# The same examples each time: among thousands of others one now and then finds a line that nobody could tell from a console's.
@settings(max_examples=300, derandomize=True)
@given(case=st.sampled_from(GOOD), data=st.data())
def test_one_broken_line_never_costs_the_file_nor_goes_unsaid(case: dict[str, Any], data: st.DataObject) -> None:
    """Whatever becomes of one line: no traceback, the others are there, and nothing is missing without a word."""
    lines = case["text"].splitlines()
    at = data.draw(st.integers(0, len(lines) - 1))
    line = lines[at]
    middle = data.draw(st.integers(min(1, len(line)), len(line)))
    odd = data.draw(st.text(min_size=1, max_size=10).map(lambda text: " ".join(text.split())))
    broken = data.draw(
        st.sampled_from([
            line + ";x", line[: len(line) // 2], "\x00" + line, line.replace("=", "=="), line.upper(), "<<<<<<< HEAD", line + '"',
            line.replace('"', ""), line.replace("1", "x"), line + "}", "{", "[" + line, " " * 7 + line, line.replace(":", ""),
            line[:middle] + odd + line[middle:], line[1:],
        ])
    )  # fmt: skip
    text = "\n".join([*lines[:at], broken, *lines[at + 1 :]]) + "\n"
    whole = read_whole(case["text"], case["file"])
    few = accounted(whole) < 4
    try:
        found = formats.parse(text, case["file"])
    except UsageError as error:
        assert len(str(error).splitlines()) == 1
        assert few or case.get("fragile"), f"{error}: {text}"
        return
    fewer = accounted(found) < len(planned(whole))
    cut_off = line.startswith(broken)  # and with it what stood there
    assert (
        not fewer
        or cut_off
        or listed(found)
        or names_nothing(line)
        or names_nothing(broken)
        or found.get(formats.NOTES)
    ), text


def names_nothing(line: str) -> bool:
    """Is this no entry: empty, a comment, or so short that nothing of a name is left?"""
    return len(line.strip()) < 2 or line.strip().startswith(("#", "-", "\\"))
