"""Reading a snapshot that anybody may have written: one entry costs one entry."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from melda.envs import document, entries
from melda.envs.errors import UsageError

from tests.unit.melda.envs.strategies import captures

COMMIT = "0123456789abcdef0123456789abcdef01234567"

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


@settings(max_examples=20)
@given(captures(), st.data())
def test_what_fits_at_a_glance_fits_the_schema(found: dict[str, Any], data: st.DataObject) -> None:
    validators = {language: document._validators()[language] for language in document.LANGUAGES}
    for language, validator in validators.items():
        for given_entry in found[language]["packages"]:
            entry = copy.deepcopy(given_entry)  # a strategy's constants are the same object in each entry
            assert entries.fits(language, entry)
            target = data.draw(st.sampled_from([entry, entry["source"]]))
            field = data.draw(
                st.sampled_from([*target, "more", "ref", "host", "subdirectory", "hashes", "file", "needs"])
            )
            target[field] = data.draw(
                st.one_of(st.text(max_size=5), st.none(), st.just([]), st.integers(), st.just("a/b"))
            )
            assert not entries.fits(language, entry) or validator.is_valid(entry)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ({"PYTHON": {"version": "3.11.2", "packages": []}, "r": {"packages": []}}, "PYTHON"),
        ({"python": {"PACKAGES": []}, "r": {"packages": []}}, "PACKAGES"),
    ],
)
def test_packages_below_a_misspelt_field_are_missed(text: dict[str, Any], name: str) -> None:
    found = document.check({"schema": 1, **text}, "x.json")
    assert [(one["kind"], one["name"]) for one in found[document.PROBLEMS]] == [("python", name)]


def test_a_field_of_a_newer_capture_is_no_problem() -> None:
    later = {"schema": 1, "python": {"packages": [], "more": {}}, "r": {"packages": []}, "julia": "1.10"}
    assert document.PROBLEMS not in document.check(later, "x.json")
