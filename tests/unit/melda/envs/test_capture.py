"""A capture: what is there, where it came from, in a stable order; valid against the schema; in no time."""

from __future__ import annotations

import time
from typing import Any

import pytest
from melda.envs import capture, document
from melda.envs.capture import python, r

from tests.unit.melda.envs.conftest import VERSION, Image, R, distribution, r_package

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def packages(found: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {entry["name"]: entry for entry in found[kind]["packages"]}


def test_empty(image: Image) -> None:
    found = image.capture()
    assert found["python"] == {"version": VERSION, "packages": [], "image": {}}
    assert found["r"] == {"version": R, "packages": [], "image": {}}
    assert document.check(found, "x") == found


def test_beyond_the_image_and_the_image(image: Image) -> None:
    distribution(image.image_python, "pandas", "1.0")
    distribution(image.image_python, "Flask", "2.0")
    distribution(image.own_python, "pandas", "2.0")
    found = image.capture()
    assert list(packages(found, "python")) == ["pandas"]
    assert packages(found, "python")["pandas"]["version"] == "2.0"
    assert found["python"]["image"] == {"flask": "2.0", "pandas": "1.0"}
    document.check(found, "x")


@pytest.mark.parametrize(
    ("direct", "source"),
    [
        (None, {"type": "index"}),
        ("{", {"type": "index"}),
        ("[]", {"type": "index"}),
        (
            {"url": "https://ada:secret@example.org/x.whl", "archive_info": {"hash": "sha256=" + "a" * 64}},
            {"type": "url", "url": "https://example.org/x.whl", "hashes": ["sha256:" + "a" * 64], "dropped": ["user info"]},
        ),
        (
            {"url": "https://example.org/x.git", "vcs_info": {"vcs": "git", "commit_id": COMMIT}, "subdirectory": "a/b"},
            {"type": "vcs", "vcs": "git", "url": "https://example.org/x.git", "commit": COMMIT, "subdirectory": "a/b"},
        ),
        (
            {"url": "file:///home/a%20b/x.whl", "archive_info": {"hashes": {"sha256": "b" * 64, "md5": "c" * 32}}},
            {"type": "local", "path": "/home/a b/x.whl", "editable": False, "hashes": ["sha256:" + "b" * 64]},
        ),
        (
            {"url": "file:///home/x", "dir_info": {"editable": True}},
            {"type": "local", "path": "/home/x", "editable": True},
        ),
    ],
)  # fmt: skip
def test_where_a_python_package_came_from(image: Image, direct: object, source: dict[str, object]) -> None:
    distribution(image.own_python, "zebra", "1.0", direct)
    found = image.capture()
    assert packages(found, "python")["zebra"]["source"] == source
    document.check(found, "x")


def test_the_record_is_the_same_whoever_installed_it_and_differs_with_the_content(image: Image) -> None:
    info = distribution(image.own_python, "zebra", "1.0")
    one = packages(image.capture(), "python")["zebra"]["record"]
    (info / "INSTALLER").write_text("uv\n")
    record = (info / "RECORD").read_text()
    (info / "RECORD").write_text(
        record.replace("../../../bin/zebra,sha256=abc,3", "../../../bin/zebra,sha256=def,9")
        + "zebra/x.pyc,sha256=1,2\n"
    )
    assert packages(image.capture(), "python")["zebra"]["record"] == one
    (info / "RECORD").write_text(record.replace("zebra/__init__.py,sha256=", "zebra/__init__.py,sha256=x"))
    assert packages(image.capture(), "python")["zebra"]["record"] != one


def test_a_record_without_hashes_says_nothing(image: Image) -> None:
    distribution(image.own_python, "zebra", "1.0", hashed=False)
    record = "zebra/__init__.py,,\n"
    assert python.record_digest(record) == ""


def test_what_is_broken_costs_its_own_entry_and_of_two_the_whole_one_counts(image: Image) -> None:
    distribution(image.own_python, "good", "1.0")
    (image.own_python / "empty-1.0.dist-info").mkdir()
    (image.own_python / "odd-1.0.dist-info").mkdir()
    (image.own_python / "odd-1.0.dist-info" / "METADATA").write_bytes(b"\xff\x00garbage")
    distribution(image.own_python, "twice", "1.0")
    partial = image.own_python / "twice-2.0.dist-info"
    partial.mkdir()
    (partial / "METADATA").write_text("Name: twice\nVersion: 2.0\n")
    found = packages(image.capture(), "python")
    assert {name: entry["version"] for name, entry in found.items()} == {"good": "1.0", "twice": "1.0"}


@pytest.mark.parametrize(
    ("fields", "source"),
    [
        ({"Repository": "CRAN"}, {"type": "cran", "repository": "CRAN"}),
        ({"Repository": "RSPM", "RemoteType": "standard"}, {"type": "cran", "repository": "RSPM"}),
        ({"Repository": "CRAN", "biocViews": "Software"}, {"type": "cran", "repository": "CRAN"}),
        (
            {"biocViews": "Software", "git_url": "https://git.bioconductor.org/packages/x", "git_branch": "RELEASE_3_16"},
            {"type": "bioconductor", "release": "3.16"},
        ),
        (
            {"RemoteType": "github", "RemoteHost": "api.github.com", "RemoteUsername": "ada", "RemoteRepo": "x",
             "RemoteRef": "HEAD", "RemoteSha": COMMIT},
            {"type": "github", "host": "api.github.com", "owner": "ada", "repository": "x", "ref": "HEAD", "commit": COMMIT},
        ),
        (
            {"RemoteType": "xgit", "RemoteUrl": "https://example.org/x.git", "RemoteSha": COMMIT},
            {"type": "git", "url": "https://example.org/x.git", "commit": COMMIT},
        ),
        ({"RemoteType": "url", "RemoteUrl": "https://example.org/x.tgz"}, {"type": "url", "url": "https://example.org/x.tgz"}),
        ({"RemoteType": "local", "RemoteUrl": "/tmp/x"}, {"type": "local"}),
        ({}, {"type": "local"}),
    ],
)  # fmt: skip
def test_where_an_r_package_came_from(image: Image, fields: dict[str, str], source: dict[str, str]) -> None:
    r_package(image.own_r, "zebra", "1.0-3", **fields)
    found = image.capture()
    assert packages(found, "r")["zebra"]["source"] == source
    document.check(found, "x")


def test_what_bspm_brought_through_apt(image: Image) -> None:
    brought = ("r-cran-xts", "r-cran-zoo", "libgsl27", "gone")
    debian = {"bash": "5.2", "r-cran-xts": "0.12.2-1+b1", "r-cran-zoo": "1.8-11-1", "libgsl27": "2:2.7.1+dfsg-5"}
    for name, version in (("xts", "0.12.2"), ("zoo", "1.8-11"), ("jsonlite", "1.8.4")):
        r_package(image.system_r, name, version, Repository="CRAN")
    r_package(image.own_r, "zoo", "1.8-9", Repository="CRAN")
    image.debian(debian, brought, gone=("gone",))
    found = image.capture()
    assert packages(found, "r")["xts"]["source"] == {"type": "apt", "package": "r-cran-xts", "version": "0.12.2-1+b1"}
    assert packages(found, "r")["zoo"]["version"] == "1.8-9", "the user's own wins"
    assert found["r"]["image"] == {"jsonlite": "1.8.4"}
    assert found["system"]["packages"] == {"libgsl27": "2:2.7.1+dfsg-5"}
    document.check(found, "x")


def test_compiled_and_needed(image: Image) -> None:
    r_package(
        image.own_r, "native", "1.0", Depends="R (>= 3.5), methods", Imports="a.b (>= 1),\n  cc", LinkingTo="Rcpp, cc, d",
        Built="R 4.2.2; x86_64-pc-linux-gnu; 2026-01-01 00:00:00 UTC; unix",
    )  # fmt: skip
    entry = packages(image.capture(), "r")["native"]
    assert (entry["compiled"], entry["built"], entry["needs"]) == (True, "4.2.2", ["Rcpp", "a.b", "cc", "methods"])


def test_what_is_being_installed_is_not_there_yet(image: Image) -> None:
    (image.own_r / "00LOCK-zebra").mkdir()
    (image.own_r / "half").mkdir()
    r_package(image.own_r, "unbuilt", "1.0", Built="")
    (image.own_r / "unbuilt" / "DESCRIPTION").write_text("Package: unbuilt\nVersion: 1.0\n")
    assert image.capture()["r"]["packages"] == []


def test_the_image_is_the_same_whatever_the_user_installs(image: Image) -> None:
    image.debian({"bash": "5.2"})
    before = image.capture()["system"]["image"]
    image.debian({"bash": "5.2", "libgsl27": "2"}, ("libgsl27",))
    distribution(image.own_python, "zebra", "1.0")
    r_package(image.own_r, "zebra", "1.0")
    assert image.capture()["system"]["image"] == before
    image.debian({"bash": "5.3"})
    assert image.capture()["system"]["image"] != before


def test_the_same_text_at_another_time(image: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("b", "A", "c.d"):
        distribution(image.own_python, name, "1.0")
        r_package(image.own_r, name + "x", "1.0")
    now = capture.text(image.capture())
    monkeypatch.setattr("time.time", lambda: 2e9)
    assert capture.text(image.capture()) == now
    assert [entry["name"] for entry in image.capture()["python"]["packages"]] == ["a", "b", "c-d"]


def test_three_hundred_packages_in_two_seconds(image: Image) -> None:
    for number in range(150):
        distribution(image.own_python, f"p{number}", "1.0")
        r_package(image.own_r, f"p{number}", "1.0")
    began = time.monotonic()
    assert len(image.capture()["python"]["packages"]) == 150
    assert time.monotonic() - began <= 2


def test_a_description_with_continued_lines() -> None:
    assert r.description("Package: x\nTitle: a\n  b: c\n\nVersion: no\n") == {"Package": "x", "Title": "a b: c"}
