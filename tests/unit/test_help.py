"""``make help``, as somebody reads it who has just cloned the repository: without any of what make installs."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = re.findall(r"^([a-z-]+):.*##", MAKEFILE, re.MULTILINE)
VARIABLES = re.findall(r"^([A-Z]+) \?=", MAKEFILE, re.MULTILINE)


def said(*arguments: str) -> str:
    done = subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=ROOT,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout


def test_make_alone_is_make_help() -> None:
    assert said() == said("help")


def test_every_target_stands_in_a_group_with_what_it_does() -> None:
    groups = re.findall(r"^(\w[^\n]*):\n((?:  make [^\n]+\n)+)\n", said().partition("\nExamples:")[0], re.MULTILINE)
    found = [re.match(r"  make ([a-z-]+) +(\S.*)", line) for _, lines in groups for line in lines.splitlines()]
    assert [match[1] for match in found if match] == [name for name in TARGETS if name != "help"]


@pytest.mark.parametrize("name", VARIABLES)
def test_every_variable_is_explained_beside_what_it_is_now(name: str) -> None:
    assert re.search(rf"^  {name}=here\n      \S", said("help", f"{name}=here"), re.MULTILINE)


def test_examples_are_of_what_there_is() -> None:
    examples = said().partition("\nExamples:\n")[2].splitlines()
    assert len(examples) > 1
    for line in examples:
        words = line.strip().partition("  ")[0].split()
        assert words[0] == "make"
        for word in words[1:]:
            name, assigned, _ = word.partition("=")
            assert name in (VARIABLES if assigned else TARGETS), line


def test_nothing_is_wider_than_a_terminal() -> None:
    assert max(len(line) for line in said().splitlines()) <= 130
