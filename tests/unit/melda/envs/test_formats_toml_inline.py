"""Inline tables over several lines, as pixi and TOML 1.1 have them: their keys were asked of PyPI."""

from __future__ import annotations

import time

import pytest
from melda.envs import document, formats
from melda.envs.formats import toml_inline

from tests.unit.melda.envs.test_corpus import listed, planned

tomllib = pytest.importorskip("tomllib")
PIXI = """\
[workspace]
channels = ["conda-forge"]

[tasks]
start = { # a comment with {
  cmd = "echo }, #",
  depends-on = [
    "a",
  ],
}

[pypi-dependencies]
zebra = {
  git = "https://host.example/a/zebra",
  rev = "main",  # }
}
okapi = { version = ">=1", extras = [
  "a"
] , }

[dependencies]
ibex = "*"
"""


def test_their_keys_are_no_packages() -> None:
    found = formats.parse(PIXI, "pixi.toml")
    assert planned(found) == {"zebra", "okapi", "ibex"} and not listed(found)


def test_a_broken_line_beside_them_is_named_by_its_number() -> None:
    found = formats.parse(PIXI + 'lynx = "1\n', "pixi.toml")
    assert planned(found) == {"zebra", "okapi", "ibex"}
    assert [one["reason"].split(":")[0] for one in found[document.PROBLEMS]] == ["line 23"]


def test_one_that_is_not_closed_costs_no_other_heading() -> None:
    text = '[workspace]\nchannels = []\n[pypi-dependencies]\nzebra = {\n  version = "1",\n[dependencies]\nibex = {\n'
    text += ' version = "*",\n}\n'
    found = formats.parse(text, "pixi.toml")
    assert "ibex" in planned(found) and "zebra" in listed(found)


@pytest.mark.parametrize(
    "text",
    [
        "a = {b = 1, c = [1,\n2]}\n",
        "a = \"\"\"{\n,}\"\"\"\nb = '''\n{'''\n",
        "# {\na = [{b = '{'},\n  {c = 1}, # }\n]\n",
        'a = "\\"{"\n',
    ],
)
def test_what_1_0_reads_says_the_same(text: str) -> None:
    assert tomllib.loads(toml_inline.joined(text)) == tomllib.loads(text)
    assert toml_inline.joined(text).count("\n") == text.count("\n")


@pytest.mark.parametrize("text", ["{a=1,\n", "{,", "[", '"', "'", '\\"""', "{" * 9 + "}"])
def test_many_marks_take_no_time(text: str) -> None:
    before = time.process_time()
    toml_inline.joined(text * 90_000)
    assert time.process_time() - before < 3


def test_what_pixis_default_environment_has() -> None:
    text = '[feature.a.dependencies]\nzebra = "*"\n[feature.b.target.linux.pypi-dependencies]\nokapi = "*"\n'
    text += '[feature.c.dependencies]\nibex = "*"\n[package]\nname = "x"\n[environments]\ndefault = {0}\ntest = ["c"]\n'
    for default in ('["a", "b"]', '{features = ["a", "b"]}'):
        found = formats.parse(text.format(default), "pixi.toml")
        assert planned(found) == {"zebra", "okapi"} and not listed(found)


def test_tables_of_conda_lock_and_overrides_of_uv() -> None:
    text = '[tool.conda-lock.dependencies]\nzebra = "<3"\n[tool.uv]\noverride-dependencies = ["okapi==1.0"]\n'
    found = formats.parse(text, "pyproject.toml")
    assert planned(found) == {"zebra"} and any("okapi==1.0" in one for one in found[formats.NOTES])
