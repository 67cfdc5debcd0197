"""What differs: what a notebook gets, wherever it comes from."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from melda.envs import diff

BASE: dict[str, Any] = {
    "schema": 1,
    "system": {"distribution": "debian", "release": "12", "image": "sha256:a", "packages": {"libgsl27": "2"}},
    "python": {
        "version": "3.11.2",
        "image": {"flask": "3.0", "numpy": "1.0"},
        "packages": [{"name": "zebra", "version": "1.0", "source": {"type": "index"}, "record": "sha256:" + "1" * 64}],
    },
    "r": {
        "version": "4.2.2",
        "image": {"jsonlite": "1.8"},
        "packages": [{"name": "zoo", "version": "1.8-11", "source": {"type": "cran"}, "built": "4.2.2"}],
    },
}


def other(**python: Any) -> dict[str, Any]:
    found = copy.deepcopy(BASE)
    found["python"]["packages"][0].update(python)
    return found


def lines(before: dict[str, Any], after: dict[str, Any], everything: bool = False) -> list[str]:
    return [change.line() for change in diff.compare(before, after, everything)]


def test_nothing() -> None:
    assert lines(BASE, copy.deepcopy(BASE)) == []


def test_versions_and_what_is_only_in_one() -> None:
    after = other(version="2.0")
    after["r"]["packages"] = []
    after["python"]["packages"].append({"name": "yak", "version": "1", "source": {"type": "index"}})
    assert lines(BASE, after) == ["+ python yak 1", "~ python zebra 1.0 -> 2.0", "- r zoo 1.8-11"]
    assert lines(after, BASE) == ["- python yak 1", "~ python zebra 2.0 -> 1.0", "+ r zoo 1.8-11"]


def test_python_r_and_the_release() -> None:
    after = copy.deepcopy(BASE)
    after["python"]["version"], after["r"]["version"], after["system"]["release"] = "3.12.1", "", "13"
    assert lines(BASE, after) == ["~ system release 12 -> 13", "~ python 3.11.2 -> 3.12.1", "- r 4.2.2"]


def test_apts_binary_and_crans_source_of_one_version_are_one_package() -> None:
    after = copy.deepcopy(BASE)
    after["r"]["packages"][0].update(
        version="1.8.11", source={"type": "apt", "package": "r-cran-zoo", "version": "1.8-11-1"}
    )
    assert lines(BASE, after) == []


def test_another_commit_is_another_package() -> None:
    one = other(source={"type": "vcs", "vcs": "git", "url": "https://example.org/x", "commit": "a" * 40})
    two = other(source={"type": "vcs", "vcs": "git", "url": "https://example.org/x", "commit": "b" * 40})
    assert len(lines(one, two)) == 1 and "b" * 40 in lines(one, two)[0]
    assert lines(BASE, one) == [f"~ python zebra 1.0 (repository) -> 1.0 (vcs https://example.org/x {'a' * 40})"]


def test_another_content_under_the_same_version() -> None:
    assert lines(BASE, other(record="sha256:" + "2" * 64)) == [
        "~ python zebra 1.0 (sha256:111111111111) -> 1.0 (sha256:222222222222)"
    ]
    without = other()
    del without["python"]["packages"][0]["record"]
    assert lines(BASE, without) == [], "nothing says that it differs"


def test_beyond_the_image_in_one_and_with_the_image_in_the_other() -> None:
    newer = copy.deepcopy(BASE)
    newer["python"]["image"]["zebra"] = "1.0"
    newer["python"]["packages"] = []
    assert lines(BASE, newer) == []


def test_the_images_own_are_compared_when_asked() -> None:
    after = copy.deepcopy(BASE)
    after["python"]["image"]["numpy"] = "2.0"
    after["system"].update(image="sha256:b", packages={})
    assert lines(BASE, after) == []
    assert lines(BASE, after, True) == [
        "~ system image sha256:a -> sha256:b", "- system libgsl27 2", "~ python numpy 1.0 -> 2.0"
    ]  # fmt: skip


@pytest.mark.parametrize(("one", "two", "same"), [("1.2-3", "1.2.3", True), ("1.2", "1.20", False)])
def test_rs_two_spellings(one: str, two: str, same: bool) -> None:
    assert diff.same_version(one, two) is same
