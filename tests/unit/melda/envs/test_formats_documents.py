"""What was typed into a shell, and documents: the commands that install packages, and nothing beside them."""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path

import pytest
from melda.envs import document, formats
from melda.envs.errors import UsageError
from melda.envs.formats.reading import Reading

from tests.unit.melda.envs.test_corpus import listed, planned

TYPED = (
    "ls",
    "cd project",
    "pip install zebra==1.0",
    "CMAKE_ARGS='-DX=on -DY=off' pip install okapi",
    "source env/bin/activate && env/bin/pip install ibex; exit",
    "sudo apt install -y gnu",
    "/opt/conda/bin/conda install -y -c conda-forge lynx",
    "curl -u ada:hunter2 https://host.example/x",
    "docker login -u ada -p hunter2",
    "export TOKEN=hunter2",
    "echo 'done; pip install eland'",
    "clear",
    "exit",
)
WANTED = {"zebra", "okapi", "ibex", "lynx"}
SHELLS = {
    "bash": "{0}",
    "history": "  {1}  {0}",
    "history with times": " {1}  2026-01-02 03:04:05 {0}",
    "zsh": ": 1700000000:0;{0}",
    "fish": "- cmd: {0}\n  when: 1700000000",
    "a prompt": "(base) ada@host:~/project$ {0}",
    "Fedora's prompt": "[ada@host project]$ {0}",
}


@pytest.mark.parametrize("shell", SHELLS)
def test_of_a_shell_what_its_commands_install(shell: str) -> None:
    text = "".join(SHELLS[shell].format(line, at) + "\n" for at, line in enumerate(TYPED, 1))
    found = formats.parse(text, "history.txt")
    assert planned(found) == WANTED and not listed(found)
    assert "hunter2" not in json.dumps(found)
    assert any("typed into a shell" in one for one in found[formats.NOTES])


def test_a_dockerfile_without_versions() -> None:
    text = "FROM debian:12\nRUN apt-get update && \\\n    apt-get install -y pip && \\\n    pip install zebra okapi\nCOPY . /x\n"
    text += "RUN --mount=type=cache,target=/x pip install ibex\n"
    assert planned(formats.parse(text, "Dockerfile")) == {"zebra", "okapi", "ibex"}


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        ("requirements.txt", "zebra\nokapi\n%pip install ibex\n", {"zebra", "okapi", "ibex"}),
        ("list.txt", "zebra==1.0\nokapi\npip install ibex\n", {"zebra", "okapi", "ibex"}),
        ("list.txt", "zebra\nokapi\n# pip install ibex\n", {"zebra", "okapi"}),
    ],
)
def test_a_list_with_a_command_is_still_a_list(name: str, text: str, wanted: set[str]) -> None:
    assert planned(formats.parse(text, name)) == wanted


DOCUMENT = """\
Zebra
=====
Installation
------------
    pip install zebra

- okapi==1.0
- A camera
Usage
License
MIT
"""


@pytest.mark.parametrize("name", ["README.md", "README", "index.rst", "notes.qmd"])
def test_of_a_document_without_fences_its_commands_and_versions(name: str) -> None:
    found = formats.parse(DOCUMENT, name)
    assert planned(found) == {"zebra", "okapi"} and not listed(found) and found[formats.NOTES]


def test_a_document_that_installs_nothing() -> None:
    with pytest.raises(UsageError, match="names no packages"):
        formats.parse("Zebra\n=====\n\nUsage\n-----\nRun\n\n    python main.py\n\nLicense\n", "README.md")


@pytest.mark.parametrize(
    "line",
    ["docker login -u ada -p hunter2", "curl -H hunter2 https://host.example", "-p hunter2", "--password=hunter2",
     "export TOKEN=hunter2", "-e TOKEN=hunter2", "zebra==1.0 --token hunter2", "mysql -phunter2",
     "pip install -U zebra&&curl -u ada:hunter2 https://host.example", "pip install --token hunter2 zebra",
     "pip install zebra -zhunter2 okapi", "pip install $(curl -u ada:hunter2 https://host.example)"],
)  # fmt: skip
def test_values_of_another_programs_options_are_not_told(line: str) -> None:
    found = formats.parse(f"good==1.0\n{line}\n", "requirements.txt")
    assert "hunter2" not in json.dumps(found), found
    assert found.get(document.PROBLEMS) or found[formats.NOTES]


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("history.txt", "pip install zebra && " * 5000),
        ("list.txt", "FROM x\n" * 20000),
        ("list.txt", "~" * 60000 + " pip install okapi"),
        ("list.txt", "git+https://host.example/x#egg=" + "[" * 50000),
        ("README.md", "pip install okapi " + "\u00e9" * 50000 + "!"),
        ("README.md", "\n" + "```\n@EXPLICIT\n```\n" * 5000),
        *(
            ("list.txt", f"pip install {one * 20000}")
            for one in ("$(", "<(", "f(", '"\\"', "` '", "a# #", "1> 2", "://")
        ),
    ],
)
def test_long_lines_take_no_time(name: str, line: str) -> None:
    before = time.process_time()
    with contextlib.suppress(UsageError):
        formats.parse(f"pip install zebra\n{line}\n", name)
    assert time.process_time() - before < 3


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("requirements.txt", "\n" * 35 + "zebra==1.0\n"),
        ("README.md", "```toml\n[project]\nname = 'x'\ndependencies = ['zebra']\n" + "\n" * 30 + "```\nokapi\n"),
        ("list.txt", "R version 4.2.1\n\nother attached packages:\n[1] zebra_1.0.0\n" + "\n[" * 2000),
        ("README.md", "pip install zebra\n" + "\n" * 20000),
        ("README.md", "pip install zebra\n" + "|\n" * 10000),
    ],
    ids=["first", "of a fence", "of a session", "of a page", "of a table"],
)
def test_empty_lines_take_no_time(name: str, text: str) -> None:
    before = time.process_time()
    found = formats.parse(text, name)
    assert "zebra" in planned(found) and time.process_time() - before < 3


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("- zebra==1.0\n\n```sh\npip install okapi\n```\nIt needs ibex >= 2.\n\n| lynx | 3.1 |\n", {"zebra", "okapi"}),
        ("````\n```\npip install zebra\n```\npip install okapi\n````\n", {"zebra", "okapi"}),
        ("~~~\n```\npip install zebra\n~~~\nokapi==1.0\n", {"zebra", "okapi"}),
    ],
    ids=["beside one", "within another", "of the other kind"],
)
def test_of_a_document_with_fences_the_same_outside_them(text: str, wanted: set[str]) -> None:
    assert planned(formats.parse(text, "README.md")) >= wanted


@pytest.mark.parametrize("sentence", ["Then run conda create -n x as you like.", "Run pip install okapi as you like."])
def test_a_sentence_after_a_fence_that_holds_a_mark_is_no_command(sentence: str) -> None:
    text = f"```sh\npip install zebra\n``` not the end\n```\n\n{sentence}\n"
    found = formats.parse(text, "README.md")
    assert planned(found) == {"zebra"} and not listed(found)


def test_each_of_many_lines_is_told_without_looking_through_all_others() -> None:
    def seconds(count: int) -> float:
        reading, before = Reading("x"), time.process_time()
        for at in range(count):
            reading.bad("python", f"INFO {at}", "no requirement")
            reading.say(f"zebra{at}: not for this Python and system")
        assert len(reading.problems) == len(reading.notes) == count
        return time.process_time() - before

    assert seconds(8000) < 8 * max(seconds(2000), 0.05)  # four times as many


@pytest.mark.parametrize("fence", ["", "```sh\npython train.py\n```\n"], ids=["alone", "beside a fence"])
def test_limits_of_a_document_may_be_of_what_pypi_has_not(fence: str) -> None:
    text = f"## Needs\n\n- CUDA >= 11.1\n- Node.js >= 14\n* Java>=8\n- `zebra==1.0`\n\n{fence}"
    found = formats.parse(text, "README.md")
    assert planned(found) == {"zebra"} and not listed(found)
    assert any("NAME==VERSION" in one for one in found[formats.NOTES])


def fenced(*parts: str) -> str:
    return "".join(f"# Part {number}\n\n```\n{text}\n```\n\n" for number, text in enumerate(parts, 1))


CONDA = "dependencies:\n  - {0}"


def test_each_fence_includes_files_by_itself(tmp_path: Path) -> None:
    (tmp_path / "beside.txt").write_text("okapi==2.0\n")
    limits, asked = (CONDA.format("pip:\n    - " + one + " beside.txt") for one in ("-c", "-r"))
    found = formats.parse(fenced(limits, asked), str(tmp_path / "README.md"))
    assert planned(found) == {"okapi"} and not listed(found)


@pytest.mark.parametrize(
    "parts",
    [
        (CONDA.format("zebra=1.2\n  - okapi"), CONDA.format("zebra=1.2")),
        (CONDA.format("zebra"), "dependencies: []\npip:\n  - zebra"),
    ],
)
def test_a_fence_that_repeats_another_is_not_empty(parts: tuple[str, ...]) -> None:
    found = formats.parse(fenced(*parts), "README.md")
    assert "zebra" in planned(found) and not listed(found)
    assert not any("names nothing" in one for one in found[formats.NOTES])


def test_what_is_said_of_a_project_is_said_of_its_own_fence() -> None:
    found = formats.parse(fenced("[project]\ndependencies = ['zebra']", "[options]\ninstall_requires ="), "README.md")
    assert [one for one in found[formats.NOTES] if one.endswith("extras and tests")] == []


@pytest.mark.parametrize("text", ["dependencies: {}", CONDA.format("pip: {}\n  - python=3.11")])
def test_conda_lists_that_are_empty_are_no_problem(text: str) -> None:
    assert not listed(formats.parse(text, "environment.yml"))


def test_of_two_versions_the_one_that_says_more_counts() -> None:
    for listed_versions in (("3.9", "3.9.16"), ("3.9.16", "3.9")):
        text = CONDA.format("\n  - ".join(["zebra=1.0.0", *(f"python={one}" for one in listed_versions)]))
        assert formats.parse(text, "environment.yml")["python"]["version"] == "3.9.16"


@pytest.mark.parametrize("option", ["--name", "--config", "--with", "--spec"])
def test_an_option_of_another_tool_may_hand_over_a_password(option: str) -> None:
    found = formats.parse(f"zebra\n{option} hunter2\n", "requirements.txt")
    assert planned(found) == {"zebra"} and "hunter2" not in json.dumps(found)
