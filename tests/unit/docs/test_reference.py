"""The reference says what the code says, and all of it."""

from __future__ import annotations

import ast
import re
import runpy

import pytest

from builder import container
from docs.tools import ROOT
from docs.tools.reference import PARTS, REGION, filled, makefile, options, pages, paths, refusals, runtime, settings
from tasks.settings import RULES

REFERENCE = {path.stem: path.read_text() for path in sorted((ROOT / "docs" / "reference").glob("*.md"))}


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.stem)
def test_no_page_is_out_of_date(page: object) -> None:
    text = page.read_text()  # type: ignore[attr-defined]
    assert text == filled(text), "run: make reference"


def test_every_part_stands_on_a_page() -> None:
    shown = {found["name"] for page in pages() for found in REGION.finditer(page.read_text())}
    assert shown == set(PARTS)


def test_every_setting_has_a_row_and_a_rule() -> None:
    defined = runpy.run_path(str(settings.FILE))
    names = {name for name in defined if name.islower() and name[0] != "_"} - {"os"}
    rows = {
        name
        for row in settings.table().splitlines()
        for name in re.findall(r"`(\w+)`", row.split("|")[1] if "|" in row else "")
    }
    assert rows == names == set(RULES)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("# --- a ---\nx = 1", "x has no comment"),
        ("# What x is.\nx = 1\n\ny = 2", "y has no comment"),
    ],
)
def test_a_setting_without_a_comment_is_found(text: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        settings.found(text)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("''", "empty"),
        ("False", "`false`"),
        ("86400", "`86400`"),
        ("'core'", "`core`"),
        ("os.environ.get('http_proxy', '')", "`$http_proxy`"),
    ],
)
def test_a_default(value: str, shown: str) -> None:
    assert settings.default(ast.parse(value, mode="eval").body) == shown


def test_every_target_and_variable_of_the_makefile_is_there() -> None:
    text = makefile.FILE.read_text()
    phony = set(" ".join(re.findall(r"^\.PHONY: (.+)$", text, re.MULTILINE)).split())
    assert {
        re.sub("`make |`", "", row.split(" | ")[0].strip("| ")) for row in makefile.targets().splitlines()[2:]
    } == phony
    exported = set(re.findall(r"^export ([A-Z ]+)$", text, re.MULTILINE)[0].split())
    assert {row.split("`")[1] for row in makefile.variables().splitlines()[2:]} == exported


def test_every_option_says_what_it_is_for() -> None:
    for name in ("melda-env", "get-versions", "builder", "refresh", "ecs", "bench"):
        empty = [row for row in PARTS[name]().splitlines() if re.search(r"\|\s*\|$", row)]
        assert empty == [], name


def test_an_option_is_said_of_the_commands_that_have_it() -> None:
    rows = {
        row.split("`")[1].split()[0]: row.split(" | ")[-1].strip(" |")
        for row in options.builder_().splitlines()
        if "`--" in row
    }
    assert (rows["--base"], rows["--repository"], rows["--old"]) == ("all but compare and down", "publish", "compare")


def test_every_command_of_melda_env_is_there() -> None:
    assert re.findall("^`melda-env (\\w+)`", options.melda_env(), re.MULTILINE) == [
        "capture",
        "diff",
        "restore",
        "upgrade",
        "history",
        "back",
    ]


def test_the_steps_are_those_of_the_log() -> None:
    log = (ROOT / "tests" / "container" / "test_start.py").read_text()
    names = re.findall(r"^\| \d+ \| `(.+?)` \|", runtime.steps(), re.MULTILINE)
    assert names[0] == "firewall" and names[-1] == "jupyter"
    assert all(f'"{name}"' in log for name in names)
    assert all(row.split(" | ")[2].strip(" |") for row in runtime.steps().splitlines()[2:])


def test_every_variable_is_on_the_page_and_no_other() -> None:
    rows = REFERENCE["variables"].split("## What stops")[0]
    table = {
        name
        for row in rows.splitlines()
        if row.startswith("| `")
        for name in re.findall("`([A-Z][A-Z0-9_]+)`", row.split("|")[1])
    }
    assert table == {*container.PASSED, "FORK_OF"}
    left_out = {"LANG", "http_proxy", "https_proxy", "all_proxy"}
    assert left_out <= set(re.findall(r"`([A-Za-z_]+)`", rows)) and not left_out & set(container.PASSED)
    mentioned = set(re.findall(r"`([A-Za-z][A-Za-z0-9_]+)`", rows))
    lower = {"no_proxy", "https_proxy", "http_proxy"}
    assert runtime.read() - lower - {"PATH", "LANG", "LC_ALL", "NO_PROXY"} <= mentioned
    assert {name for name, _ in refusals.refused()} - {"PATH", "all_proxy"} <= mentioned


@pytest.mark.parametrize(
    "name",
    [
        "BUCKET_NAME", "PROJECT_FOLDER", "FORK_OF", "DATA_BUCKET", "DATA_FOLDER", "http_proxy", "AWS_SECRET_ACCESS_KEY",
        "AWS_WEB_IDENTITY_TOKEN_FILE", "JUPYTERHUB_API_TOKEN", "JUPYTER_TOKEN_FILE",
    ],
)  # fmt: skip
def test_a_variable_that_is_checked_under_several_names_is_refused_under_each(name: str) -> None:
    assert any(
        line.startswith(f"invalid {name}") and "expected" in line for of, line in refusals.refused() if of == name
    )


def test_what_stops_nothing_is_not_among_what_does() -> None:
    assert "LANG" not in dict(refusals.refused())


def test_what_a_variable_must_be_is_said_as_expected() -> None:
    """S3's own answers say what is wrong, and the workdir's what the system says."""
    odd = [line for _, line in refusals.refused() if not (line.startswith("invalid ") and ": expected " in line)]
    assert [line for line in odd if not line.startswith(("JUPYTER_WORKDIR", "invalid JUPYTER_WORKDIR"))] == [
        line
        for line in odd
        if line.partition(": ")[2].startswith(("S3 does", "it does not", "it has", "there is", "these"))
    ]


def test_every_concern_is_there() -> None:
    tree = ast.parse((ROOT / "deploy.py").read_text())
    (imported,) = (node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module == "tasks")
    assert sorted(paths.order()) == sorted(name.name for name in imported.names)


@pytest.mark.parametrize(
    "path",
    [
        "/etc/gitconfig",
        "/etc/systemd/system",
        "/usr/local/share/ca-certificates",
        "/usr/local/share/jupyter/labextensions/melda-status",
    ],
)
def test_what_a_task_puts_among_the_systems_files_is_there(path: str) -> None:
    rows = [row for row in paths.concerns().splitlines() if f"`{path}`" in row]
    assert [row for row in rows if "[leftovers]" not in row], path


def test_every_file_of_tests_that_a_page_names_is_there() -> None:
    wrong = []
    for page in sorted((ROOT / "docs").rglob("*.md")):
        named = re.findall(r"`(?:tests/)?((?:attack|container|operations|unit|vm)/[\w/]+\.py)", page.read_text())
        wrong += [f"{page.name}: {file}" for file in named if not (ROOT / "tests" / file).is_file()]
    assert wrong == []


def test_every_test_that_a_page_names_is_there() -> None:
    for name, text in REFERENCE.items():
        for file, test in re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", text):
            assert re.search(rf"^def {test}\(", (ROOT / file).read_text(), re.MULTILINE), f"{name}: {file}::{test}"
