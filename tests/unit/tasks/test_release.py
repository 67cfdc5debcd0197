"""The release table and how a row is found."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyinfra.api import DeployError

from tasks.lib.release import Target, lookup
from tasks.releases import RELEASES

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("codename", RELEASES)
def test_every_row_is_found(codename: str) -> None:
    facts = {"version_codename": codename, "id": "whatever"}
    assert lookup(facts, "arm64") == Target(codename, "arm64", RELEASES[codename])


# What lines of a file can hold.
PRINTABLE = st.text(st.characters(categories=["L", "N", "P", "S"], include_characters=" "))


@given(st.dictionaries(st.sampled_from(["version_codename", "id", "pretty_name", "version_id"]), PRINTABLE))
def test_another_is_refused_in_one_line(facts: dict[str, str]) -> None:
    if facts.get("version_codename") in RELEASES:
        return
    with pytest.raises(DeployError) as error:
        lookup(facts, "amd64")
    shown = str(error.value)
    assert shown.startswith("release: ") and shown.isprintable()
    assert all(f"{codename} (" in shown for codename in RELEASES)


@pytest.mark.parametrize("codename", RELEASES)
def test_a_row_agrees_with_itself(codename: str) -> None:
    row = RELEASES[codename]
    assert re.fullmatch(r"3\.\d+", row.python)
    ubuntu = row.distribution == "Ubuntu"
    assert row.r2u_suite == (codename if ubuntu else None)
    assert row.r_suite == (f"{codename}-cran40" if ubuntu else None)
    assert bool(row.r2u_architectures) == ubuntu
    # The newest pyinfra of each Python: 3.8 has 3.2, 3.9 has 3.5, later ones have 3.10.
    assert row.pyinfra == {"3.8": "3.2", "3.9": "3.5"}.get(row.python, "3.10.0")


def test_every_python_has_the_pyinfra_of_its_row() -> None:
    for row in RELEASES.values():
        text = (ROOT / f"builder/pyinfra/{row.python}.txt").read_text()
        assert re.search(rf"^pyinfra=={re.escape(row.pyinfra)} ", text, re.MULTILINE), row
        assert "://" not in text


def test_the_table_of_the_page_is_the_tables() -> None:
    page = (ROOT / "docs" / "upgrading.md").read_text()
    for release in RELEASES.values():
        row = rf"^\| {release.distribution} {release.version}(, the specification's)? \| {release.support_ends} \|$"
        assert re.search(row, page, re.MULTILINE), release
