"""A capture: what is there, where it came from, in a stable order; valid against the schema; in no time."""

from __future__ import annotations

import copy
import json
import time
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from melda.envs import capture, document, entries
from melda.envs.capture import python, r
from melda.envs.errors import UsageError

from tests.unit.melda.envs.conftest import VERSION, Image, R, distribution, r_package
from tests.unit.melda.envs.strategies import captures

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


GOOD: dict[str, Any] = {
    "schema": 1,
    "system": {"distribution": "debian", "release": "12"},
    "python": {"version": "3.11.2", "packages": [{"name": "zebra", "version": "1.0", "source": {"type": "index"}}]},
    "r": {"version": "4.2.2", "packages": [{"name": "xts", "version": "0.12", "source": {"type": "cran"}}]},
}


def changed(**entry: object) -> dict[str, Any]:
    found = copy.deepcopy(GOOD)
    found["python"]["packages"][0].update(entry)
    return found


def changed_r(**entry: object) -> dict[str, Any]:
    found = copy.deepcopy(GOOD)
    found["r"]["packages"][0].update(entry)
    return found


URL = {"type": "url", "hashes": ["sha256:" + "a" * 64]}


@pytest.mark.parametrize(
    "bad",
    [
        changed(name="../zebra"), changed(name="-e"), changed(name="zebra\n"), changed(name="zebra[x]"), changed(name=""),
        changed(name="z" * 300), changed(version="1.0 --index-url https://evil.example"), changed(version="--pre"),
        changed(version="1.0\n-e ."), changed(version="1.0;x"), changed(version=1), changed(version="*"),
        changed(source={"type": "index", "url": "https://evil.example"}), changed(source={"type": "evil"}),
        changed(source={**URL, "url": "file:///etc/passwd"}), changed(source={**URL, "url": "http://example.org/x.whl"}),
        changed(source={**URL, "url": "https://169.254.169.254/latest"}), changed(source={**URL, "url": "https://[::1]/"}),
        changed(source={**URL, "url": "https://[::ffff:169.254.169.254]/"}),
        changed(source={**URL, "url": "https://0xa9fea9fe/"}), changed(source={**URL, "url": "https://2852039166/"}),
        changed(source={**URL, "url": "https://metadata.google.internal/"}), changed(source={**URL, "url": "https://localhost/"}),
        changed(source={**URL, "url": "https://%31%32%37.0.0.1/x"}), changed(source={**URL, "url": "https://example.org/x y"}),
        changed(source={**URL, "url": "https://example.org/${AWS_SECRET_ACCESS_KEY}"}),
        changed(source={**URL, "url": "https://"}), changed(source={**URL, "url": "https://example.org:x/"}),
        changed(source={"type": "vcs", "vcs": "git", "url": "ext::sh -c id", "commit": COMMIT}),
        changed(source={"type": "vcs", "vcs": "git", "url": "https://example.org/x", "commit": "main"}),
        changed(source={"type": "vcs", "vcs": "git", "url": "https://example.org/x", "commit": COMMIT, "subdirectory": "../a"}),
        changed(file={"name": "../x.whl", "sha256": "sha256:" + "a" * 64}),
        changed(file={"name": "x.sh", "sha256": "sha256:" + "a" * 64}),
        changed(hashes=["md5:" + "a" * 32]), changed(record="x"),
        changed_r(name="../xts"), changed_r(name="xts'); system('id"), changed_r(name="--help"), changed_r(version="0.12; x"),
        changed_r(version="0.12/../../x"), changed_r(version="latest"), changed_r(needs=["a b"]),
        changed_r(source={"type": "github", "owner": "a/b", "repository": "x", "commit": COMMIT}),
        changed_r(source={"type": "gitlab", "owner": "a/../b", "repository": "x", "commit": COMMIT}),
        changed_r(source={"type": "github", "owner": "a", "repository": "..", "commit": COMMIT}),
        changed_r(source={"type": "git", "url": "file:///x", "commit": COMMIT}),
        changed_r(source=None), changed(source=[]), changed(version="2013b-x"), changed(version="1.0-rcx"),
    ],
)  # fmt: skip
def test_one_entry_costs_one_entry(bad: dict[str, Any]) -> None:
    for language, good in (("python", {"name": "good", "version": "1.0", "source": {"type": "index"}}),
                           ("r", {"name": "good", "version": "1.0", "source": {"type": "cran"}})):  # fmt: skip
        bad[language]["packages"].append(good)
    found = document.check(bad, "environment.json")
    (problem,) = found[document.PROBLEMS]
    assert len(problem["reason"].splitlines()) == 1 and len(problem["reason"]) < 700
    assert [len(found[one]["packages"]) for one in ("python", "r")] in ([1, 2], [2, 1])
    assert all("good" in [one["name"] for one in found[kind]["packages"]] for kind in ("python", "r"))
    assert document.PROBLEMS not in document.check({**found, document.PROBLEMS: []}, "x")


@pytest.mark.parametrize("bad", [[], None, "x", {}, {**GOOD, "schema": 2}, {"python": 1, "r": "x"}])
def test_what_is_no_capture_at_all_is_refused_in_one_line(bad: object) -> None:
    with pytest.raises(UsageError) as refused:
        document.check(bad, "environment.json")
    assert len(str(refused.value).splitlines()) == 1 and len(str(refused.value)) < 700


def test_of_two_entries_of_one_name_the_first_is_taken_and_the_other_told() -> None:
    twice = changed()
    twice["python"]["packages"] += [
        dict(twice["python"]["packages"][0]),
        {**twice["python"]["packages"][0], "version": "2.0"},
    ]
    found = document.check(twice, "x")
    assert [one["version"] for one in found["python"]["packages"]] == ["1.0"]
    assert [(one["name"], one["version"]) for one in found[document.PROBLEMS]] == [("zebra", "2.0")]


def test_what_is_right_is_taken() -> None:
    assert document.check(GOOD, "x") == GOOD
    document.check(changed(source={**URL, "url": "https://files.example.org/x%20y.whl#sha256=1"}), "x")
    document.check(changed(source={**URL, "url": "https://10.1.2.3/x.whl"}), "x")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        '{"schema": 1',
        '{"a": 1, "a": 2}',
        '{"a": NaN}',
        "[" * 100_000,
        "{" * 100_000,
        '{"schema": 1' + "0" * 5000 + "}",
    ],
)
def test_what_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        document.check(document.parse_json(text, "x"), "x")


def test_truncated_anywhere_is_refused() -> None:
    text = json.dumps(GOOD)
    for end in range(len(text)):
        with pytest.raises(UsageError):
            document.check(document.parse_json(text[:end], "x"), "x")


def test_the_schema_is_a_schema() -> None:
    schema = json.loads(Path(entries.SCHEMA).read_text())
    jsonschema.Draft7Validator.check_schema(schema)


@settings(max_examples=20, deadline=None)
@given(captures(), st.data())
def test_what_fits_at_a_glance_fits_the_schema(found: dict[str, Any], data: st.DataObject) -> None:
    found = copy.deepcopy(found)  # a strategy's constants are the same objects in each example
    validators = {language: document._validators()[language] for language in document.LANGUAGES}
    for language, validator in validators.items():
        for entry in found[language]["packages"]:
            assert entries.fits(language, entry)
            target = data.draw(st.sampled_from([entry, entry["source"]]))
            field = data.draw(
                st.sampled_from([*target, "more", "ref", "host", "subdirectory", "hashes", "file", "needs"])
            )
            target[field] = data.draw(
                st.one_of(st.text(max_size=5), st.none(), st.just([]), st.integers(), st.just("a/b"))
            )
            assert not entries.fits(language, entry) or validator.is_valid(entry)
