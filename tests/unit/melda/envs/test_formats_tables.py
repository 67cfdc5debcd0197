"""TOML, YAML and INI with a broken line: what is said of it names no value, which may be a password."""

from __future__ import annotations

import contextlib
import json
import time

import pytest
from melda.envs import document, formats
from melda.envs.errors import UsageError
from melda.envs.formats import wheel_tags
from packaging import tags

from tests.unit.melda.envs.test_corpus import planned

CONDAS = "dependencies:\n  - zebra\n  - okapi\nvariables:\n"
PROJECT = "[project]\nname = 'x'\ndependencies = ['zebra', 'okapi']\n[tool.corp]\n"
SETUP = "[options]\ninstall_requires =\n  zebra\n  okapi\n[corp]\n"


@pytest.mark.parametrize(
    ("name", "text", "called"),
    [
        ("environment.yml", CONDAS + "  DB_PASSWORD: @hunter2\n", "DB_PASSWORD"),
        ("environment.yml", CONDAS + "  DB_PASSWORD: 'hunter2\n", "DB_PASSWORD"),
        ("environment.yml", CONDAS + "  DB_PASSWORD: !hunter2 x\n", "DB_PASSWORD"),
        ("environment.yml", CONDAS + "  - @hunter2\n", "line 5"),
        ("pyproject.toml", PROJECT + "password = hunter2\n", "password"),
        ("pyproject.toml", PROJECT + "password hunter2\n", "line 5"),
        ("setup.cfg", SETUP + "hunter2\n", "line 6"),
    ],
)
def test_of_a_broken_line_its_key_alone_is_told(name: str, text: str, called: str) -> None:
    found = formats.parse(text, name)
    assert "hunter2" not in json.dumps(found), found
    assert set(found[formats.WANTS]["requirements"]) == {"zebra", "okapi"}
    assert [one["name"] for one in found[document.PROBLEMS]] == [called]


@pytest.mark.parametrize(
    "deep",
    ["- " * 50_000, "? " * 50_000, "[1," * 50_000, "{a: " * 50_000, "\n".join(" " * at + "a:" for at in range(1500))],
)
def test_yaml_that_is_nested_too_deep_ends_no_process(deep: str) -> None:
    before = time.process_time()
    with contextlib.suppress(UsageError):
        formats.parse(f"dependencies:\n  - zebra\n  - x: {deep}\n", "environment.yml")
    assert time.process_time() - before < 4


@pytest.mark.parametrize("begins", ["\n" * 30, " \n" * 5000, "# why\n\n\n" * 30, "# /// script\n" * 8000])
def test_lines_before_what_may_be_a_lock_take_no_time(begins: str) -> None:
    before = time.process_time()
    with contextlib.suppress(UsageError):
        formats.parse(f"{begins}name: x\npackages:\n- a\n", "environment.yml")
    assert time.process_time() - before < 4


def test_a_lock_of_a_megabyte_takes_no_time() -> None:
    one = "- name: zebra{0}\n  version: 1.{0}\n  manager: conda\n  dependencies: {{}}\n  hash:\n    md5: {1}\n"
    text = "package:\n" + "".join(one.format(at, "d" * 300) for at in range(2000))
    before = time.process_time()
    assert len(planned(formats.parse(text, "conda-lock.yml"))) == 2000
    assert time.process_time() - before < 4


def test_what_fits_this_system_is_asked_once_for_all_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    wheel_tags.of_system.cache_clear()
    asked, compatible = [], tags.compatible_tags
    monkeypatch.setattr(tags, "compatible_tags", lambda **words: asked.append(1) or compatible(**words))
    wheel = "{{name = 'zebra{0}-1.{0}-py3-none-any.whl', hashes = {{sha256 = '{1}'}}}}"
    one = "[[packages]]\nname = 'zebra{0}'\nversion = '1.{0}'\nwheels = [" + wheel + "]\n"
    text = "lock-version = '1.0'\n" + "".join(one.format(at, "d" * 64) for at in range(20))
    assert len(planned(formats.parse(text, "pylock.toml"))) == 20
    assert len(asked) == 1
