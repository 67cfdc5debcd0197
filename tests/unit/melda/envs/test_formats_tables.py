"""TOML, YAML and INI with a broken line: what is said of it names no value, which may be a password."""

from __future__ import annotations

import json

import pytest
from melda.envs import document, formats

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
