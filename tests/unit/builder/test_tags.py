"""builder/tags.py: what a tag says, and that a registry takes it."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builder import tags

FOCAL = {"Ubuntu": "20.04", "Python": {"Python": "3.8.10", "Flask": "2.2.2"}, "R": {"R": "4.2.2", "dplyr": "1.0.10"}}
COMMIT = "0123456789abcdef0123456789abcdef01234567"
# https://pkg.go.dev/github.com/distribution/reference
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")


def test_as_the_platform_names_them_with_day_and_revision() -> None:
    what = "20.04_R-4.2.2_python-3.8.10"
    assert tags.tags(FOCAL, "2026-11-23T15:18:00.907280429Z", COMMIT) == [
        f"{what}_2026-11-23",
        f"{what}_git-0123456789ab",
        what,
    ]


def test_a_work_tree_that_no_commit_holds_stays_marked() -> None:
    assert "20.04_R-4.2.2_python-3.8.10_git-0123456789ab-dirty" in tags.tags(FOCAL, "", f"{COMMIT}-dirty")


def test_what_is_not_known_is_in_no_tag() -> None:
    assert tags.tags({"Debian": "12", "Python": {"Python": "3.11.2"}, "R": {}}, "", "") == ["12_python-3.11.2"]


@pytest.mark.parametrize("order", [("R", "Python", "Debian"), ("Python", "Debian", "R")])
def test_the_distribution_is_found_in_any_place(order: tuple[str, ...]) -> None:
    versions = {"Debian": "13", "R": {"R": "4.5.0"}, "Python": {"Python": "3.13.5"}}
    assert tags.inside({key: versions[key] for key in order}) == "13_R-4.5.0_python-3.13.5"


@given(st.text(), st.text(), st.text(min_size=1), st.text())
def test_a_registry_takes_every_tag(release: str, r: str, python: str, revision: str) -> None:
    versions = {"Debian": release, "R": {"R": r}, "Python": {"Python": python}}
    for tag in tags.tags(versions, "2026-11-23", revision):
        assert TAG.fullmatch(tag)
