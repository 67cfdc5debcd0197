"""The tree as a whole: files one can read in a sitting, and checks that leave none of them out."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.container import fixtures

ROOT = Path(__file__).resolve().parents[2]
LONGEST = 300
MAKEFILE = (ROOT / "Makefile").read_text().replace("\\\n", " ")


def listed() -> list[str]:
    """Every file of the repository, by what git knows."""
    output = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [name for name in output.split("\0") if (ROOT / name).is_file()]


def begins(name: str, how: str) -> bool:
    """Does the first line of a file start a program so?"""
    return re.match(how.encode(), (ROOT / name).read_bytes()[:80]) is not None


def programs() -> list[str]:
    """Python programs whose names have no ending."""
    found = (name for name in listed() if not name.endswith(".py") and not (ROOT / name).is_symlink())
    return [name for name in found if begins(name, r"#!\S*python")]


def scripts() -> list[str]:
    """Shell scripts, those included that a shell only reads."""
    return [name for name in listed() if name.endswith(".sh") or begins(name, r"#!\S*/(env )?(ba)?sh\b")]


def variable(name: str) -> set[str]:
    """The words of a variable of the Makefile."""
    output = subprocess.run(["make", "-pnr", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    (value,) = re.findall(rf"^{name} := (.*)$", output, re.MULTILINE)
    return set(value.split())


def lint() -> set[str]:
    """The tools of ``make lint``."""
    recipe = MAKEFILE.split("\nlint:")[1].split("\n\n")[0]
    return set(re.findall(r"\$\(BIN\)/([a-z-]+)", recipe))


def hooks() -> list[dict[str, Any]]:
    """The hooks of pre-commit."""
    (repo,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert repo["repo"] == "local", "nothing is fetched"
    return list(repo["hooks"])


@pytest.mark.parametrize("module", [name for name in listed() if name.endswith(".py")] + programs() + scripts())
def test_no_module_is_longer_than_one_reads(module: str) -> None:
    assert len((ROOT / module).read_text().splitlines()) <= LONGEST


def refusals(module: str) -> list[str]:
    """The messages of a module that refuse a value."""
    tree = ast.parse((ROOT / module).read_text())
    # A part of a message is none.
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in ast.walk(node)} - {
        id(node) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)
    }
    strings = [node for node in ast.walk(tree) if isinstance(node, (ast.JoinedStr, ast.Constant))]
    said = [ast.unparse(node) for node in strings if id(node) not in parts]
    return [text for text in said if re.match(r"""f?['"]+invalid """, text)]


def test_what_refuses_a_value_says_what_is_expected() -> None:
    """Of the runtime: tests/unit/docs/test_reference.py."""
    modules = [name for name in listed() if re.match(r"(builder|deployments|tasks)/.*\.py$|[a-z]+\.py$", name)]
    found = {module: refusals(module) for module in modules}
    assert sum(map(len, found.values())) > 30
    assert [(module, text) for module in modules for text in found[module] if ": expected " not in text] == []


def test_every_program_is_linted() -> None:
    assert variable("PROGRAMS") == set(programs())


def test_every_shell_script_is_linted() -> None:
    assert variable("SCRIPTS") == set(scripts())


def test_a_commit_is_checked_by_the_tools_of_make_lint() -> None:
    tools = {re.match(r"\.venv/bin/([a-z-]+)", hook["entry"])[1] for hook in hooks()}  # type: ignore[index]
    # They look at all modules together: seconds, and nothing that a commit alone could show.
    assert tools == lint() - {"pylint", "lint-imports"}


@pytest.mark.parametrize("hook", hooks(), ids=lambda hook: hook["id"])
def test_a_hook_uses_what_is_there(hook: dict[str, Any]) -> None:
    assert hook["language"] == "system" and not hook.get("additional_dependencies")
    if "files" in hook:
        assert any(re.search(hook["files"], name) for name in listed()), hook["files"]


def test_six_lines_that_stand_in_two_modules_are_found(tmp_path: Path) -> None:
    code = "".join(f"value_{number} = compute_{number}({number})\n" for number in range(6))
    for name in ("one.py", "two.py"):
        (tmp_path / name).write_text(f"{name[:3]} = 1\n{code}")
    command = [Path(sys.executable).parent / "pylint", "--rcfile", ROOT / "pyproject.toml", tmp_path]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    assert done.returncode != 0 and "duplicate-code" in done.stdout, done.stdout + done.stderr


def test_the_longest_container_tests_are_there() -> None:
    there = {
        Path(name).stem.removeprefix("test_")
        for name in listed()
        if name.startswith(("tests/container", "tests/attack"))
    }
    assert [name for name in fixtures.LONGEST if name not in there] == []
