"""What the pages tell somebody to type is there: modules, options, files, settings, variables, also where no test runs it."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name

from builder import container
from docs.tools import ROOT, links
from tasks.settings import RULES

from .test_blocks import TARGETS, VARIABLES

PAGES = [page for page in links.tracked("*.md") if "tests/" not in str(page) and page.name != "CHANGELOG.md"]
FENCE = re.compile(r"^ *```(\w*).*?\n(.*?)^ *```[ \t]*$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"(?<!`)`([^`]+)`(?!`)")


def commands(page: Path) -> list[str]:
    """The lines of a page's shell blocks and texts, and what stands in `these`; each as one line."""
    text = page.read_text()
    blocks = [found[2] for found in FENCE.finditer(text) if found[1] in ("sh", "text")]
    lines = [line for block in blocks for line in re.sub(r"\\\n", " ", block).splitlines()]
    prose = [" ".join(found.split()) for found in INLINE.findall(FENCE.sub("", text))]
    return [re.sub(r" +# .*$", "", line).strip() for line in lines] + prose


EVERY = [(page, line) for page in PAGES for line in commands(page)]


def shown(found: list[tuple[Path, object]]) -> list[str]:
    return [f"{page.relative_to(ROOT)}: {what}" for page, what in found]


def test_every_block_says_what_it_is() -> None:
    """One without a language is run by nobody, and is not missed."""
    openings = ((page, re.findall(r"^ *```(.*)$", page.read_text(), re.MULTILINE)[::2]) for page in PAGES)
    assert shown([(page, "```") for page, found in openings for one in found if not one.strip()]) == []


def test_make_knows_what_prose_asks_it_for() -> None:
    wrong: list[tuple[Path, object]] = []
    for page, line in EVERY:
        words = re.sub(
            r"\"[^\"]*\"", "", line.partition("make ")[2] if re.match(r"(?:[A-Z_]+=\S* )*make ", line) else ""
        )
        for word in words.replace("…", "").split():
            name, given, _ = word.partition("=")
            if not (name in VARIABLES if given else name in TARGETS):
                wrong.append((page, line))
    assert shown(wrong) == []


def test_settings_are_there() -> None:
    named = [
        (page, name)
        for page, line in EVERY
        for data in re.findall(r"(?:DATA=\"([^\"]+)\"|DATA=([^\s\"]\S*)|--data \"?(\w+=))", line)
        for name in re.findall(r"(\w+)=", " ".join(data))
    ]
    known = {*RULES, "ssh_strict_host_key_checking", "NAME"}
    assert len(named) > 8 and shown([(page, name) for page, name in named if name not in known]) == []


def test_variables_of_a_container_are_there() -> None:
    given = [
        (page, name)
        for page, line in EVERY
        for name in (
            *re.findall(r"--env ([A-Z][A-Z0-9_]+)=", line),
            *re.findall(r"([A-Z][A-Z0-9_]+)=", line.partition("make up")[0] if "make up" in line else ""),
        )
    ]
    known = {*container.PASSED, "FORK_OF", "DOCKER_HOST", "NAME"}
    assert len(given) > 5 and shown([(page, name) for page, name in given if name not in known]) == []


# What is in the image or in Python alone, and not where the tests run.
ELSEWHERE = "pip|venv|ipykernel|pytest|weasyprint|nltk|spacy"


@pytest.mark.parametrize(
    "line", sorted({line for _, line in EVERY if re.search(rf"python -m (?!{ELSEWHERE})\w", line)})
)
def test_modules_are_there_with_their_options(line: str) -> None:
    module, arguments = re.search(r"python -m ([\w.]+)(.*)", line).groups()  # type: ignore[union-attr]
    assert importlib.util.find_spec(module) is not None
    options = re.findall(r"(?<=\s)(--[a-z-]+)", arguments.partition(">")[0])
    if options:
        done = subprocess.run(
            [sys.executable, "-m", module, "--help"], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert [option for option in options if option not in done.stdout] == []


def test_files_are_there() -> None:
    """Paths that begin with a folder of the repository."""
    top = "bench|builder|deployments|docs|files|group_data|requirements|tasks|tests"
    made = re.compile(
        r"files/NAME|tests/\*\*|NAME|X\.Y|SET|\*|docs/\.|group_data/(staging|machines)\.py|\[|…|node_modules"
    )
    named = [
        (page, name)
        for page, line in EVERY
        for name in re.findall(rf"(?<![\w./@:-])((?:{top})/[^\s,;:'\"`)\]]+)", line)
    ]
    paths = [(page, name) for page, name in named if not made.search(name)]
    assert len(paths) > 100
    assert shown([(page, name) for page, name in paths if not (ROOT / name).exists()]) == []


def test_who_is_told_to_run_pytest_is_told_what_installs_it() -> None:
    """`make up` and `make image` do not."""
    told = {page for page, line in EVERY if re.search(r"\.venv/bin/(python -m )?pytest", line)}
    assert told
    assert [page.name for page in told if not re.search("make (lint|unit|test)", page.read_text())] == []


def test_a_build_by_hand_asks_for_buildkit() -> None:
    """Docker before 23 (Debian 12's is 20.10) builds without it, and our Dockerfiles need it."""
    found = [(page, line) for page, line in EVERY if re.search(r"docker build -.* \.( |$)", line)]
    assert len(found) >= 3
    assert shown([(page, line) for page, line in found if not re.search(r"DOCKER_BUILDKIT=1 docker build", line)]) == []


def test_aws_knows_each_command() -> None:
    wrong: list[tuple[Path, object]] = []
    found = [(page, line.split()) for page, line in EVERY if re.match(r"aws (?!configure)[a-z0-9]+ [a-z-]+ --", line)]
    for page, (_, service, operation, *words) in found:
        model = botocore.session.get_session().get_service_model({"s3api": "s3"}.get(service, service))
        known = {xform_name(name, "-"): name for name in model.operation_names}
        shape = model.operation_model(known[operation]).input_shape if operation in known else None
        options = {xform_name(name, "-") for name in shape.members} if shape else set()
        for word in words:
            if word.startswith("--") and word[2:] not in {*options, "cli-input-json"}:
                wrong.append((page, f"{operation} {word}"))
    assert len(found) >= 6 and shown(wrong) == []


def test_every_row_of_the_check_is_explained() -> None:
    source = (ROOT / "files/runtime/src/melda/boot/check.py").read_text()
    rows = set(re.findall(r"Row\(\s*f?\"([^\"{]+)(?:\{right)?", source)) - {"S3: "}
    rows |= {f"S3: {name}" for name in ("list", "put", "delete")}
    page = (ROOT / "docs/how-to/check-a-container.md").read_text()
    table = {name for line in page.splitlines() if line[:3] == "| `" for name in INLINE.findall(line.split("|")[1])}
    assert rows - table == set()
