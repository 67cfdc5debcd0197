"""Manifests that anybody may have written, whose descendants are whose, and what a new generation archives."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from melda.sync.in_bucket import generations
from melda.sync.in_bucket.generations import Archive, EntryRef, Generation

A, B, C, D = ("a" * 16, "b" * 16, "c" * 16, "d" * 16)
GOOD = Generation((A,), 2, 1.5, {B: Archive("0" * 64, 1, 1)}, {"bin/x": EntryRef(B, 2), "...": EntryRef(B, 1)})
Change = Callable[[dict[str, Any]], object]


def of(*parents: str, created: float = 0.0, parts: tuple[str, ...] = ()) -> Generation:
    return Generation(parents, 1, created, {part: Archive("0" * 64, 1, 1) for part in parts}, {})


def test_a_manifest_says_what_was_dumped() -> None:
    assert generations.parse(C, generations.dump(GOOD)) == GOOD
    assert generations.parse(C, generations.dump(GOOD._replace(created=1))) == GOOD._replace(created=1)


@pytest.mark.parametrize("sign", ["[", "{", ",", '"', "\\\\", '\\",[', "'"])
def test_names_are_not_counted(sign: str) -> None:
    # A million of them and more, in names as long as they may be: what costs time is how many names there are.
    entries = {(sign * 250)[:250] + str(number): EntryRef(B, 1) for number in range(8_000)}
    assert generations.parse(C, generations.dump(GOOD._replace(entries=entries))).entries == entries


def test_the_form_in_the_bucket_is_the_first_one_and_of_a_size_that_can_be_read() -> None:
    assert json.loads(generations.dump(GOOD))["schema"] == 1
    assert generations.LARGEST == 32 * 1024 * 1024


@pytest.mark.parametrize(
    "change",
    [
        lambda it: it.update(schema=3),
        lambda it: it.pop("schema"),
        lambda it: it.update(parents=[C]),  # its own
        lambda it: it.update(parents=[A + "0"]),
        lambda it: it.update(parents=["A" * 16]),
        lambda it: it.update(parents=[A, 7]),
        lambda it: it.update(parents=None),
        lambda it: it.update(number="2"),
        lambda it: it.update(number=2.0),
        lambda it: it.update(number=True),
        lambda it: it.update(created="now"),
        lambda it: it.update(created=None),
        lambda it: it["parts"].update({"../x": it["parts"][B]}),
        lambda it: it["parts"].update({"b" * 15: it["parts"][B]}),
        lambda it: it["parts"][B].update(sha256="0" * 63),
        lambda it: it["parts"][B].update(sha256="0" * 65),
        lambda it: it["parts"][B].update(sha256="G" * 64),
        lambda it: it["parts"][B].update(size=0),
        lambda it: it["parts"][B].update(size="1"),
        lambda it: it["parts"][B].update(size=1.5),
        lambda it: it["parts"][B].update(entries=0),
        lambda it: it["parts"][B].update(entries=-1),
        lambda it: it["parts"][B].update(entries=1.5),
        lambda it: it["parts"][B].update(more=1),
        lambda it: it["parts"][B].pop("size"),
        lambda it: it.update(parts=[]),
        lambda it: it["entries"].update({"x": [A, 1]}),
        lambda it: it["entries"].update({"x": [B, "1"]}),
        lambda it: it["entries"].update({"x": [B]}),
        lambda it: it["entries"].update({"x": [B, 1, 2]}),
        *(lambda it, path=path: it["entries"].update({path: [B, 1]}) for path in ("", "/x", "x/", "a//b", ".", "a/../b", "a\0")),
    ],
)  # fmt: skip
def test_another_manifest_is_none_of_ours(change: Change) -> None:
    found = json.loads(generations.dump(GOOD))
    change(found)
    with pytest.raises(ValueError, match=f"^{C}.json is no manifest: "):
        generations.parse(C, json.dumps(found))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "7", '"x"', "[" * 100_000])
def test_no_manifest_at_all(text: str) -> None:
    with pytest.raises(ValueError, match=f"^{C}.json is no manifest: "):
        generations.parse(C, text)


ODD = ("9" * 4300, "9" * 21, "-1", "NaN", "Infinity", "-Infinity", "1e308", "1e999", "true", str(1 << 60))


@pytest.mark.parametrize("number", ODD, ids=[number[:12] for number in ODD])
@pytest.mark.parametrize("where", ["number", "created", "size", "entries", "held"])
def test_a_number_that_none_of_ours_is(where: str, number: str) -> None:
    found = json.loads(generations.dump(GOOD._replace(created=7.25, number=61)))
    found["parts"][B].update(size=62, entries=63)
    found["entries"] = {"bin/x": [B, 64]}
    value = {"number": "61", "created": "7.25", "size": "62", "entries": "63", "held": "64"}[where]
    text = json.dumps(found)
    assert generations.parse(C, text) and text.count(f" {value}") == 1
    with pytest.raises(ValueError, match="is no manifest"):
        generations.parse(C, text.replace(f" {value}", f" {number}"))


def test_a_number_that_is_the_highest_can_be_written_again() -> None:
    highest = GOOD._replace(number=generations.MOST_NUMBER)
    assert generations.parse(C, generations.dump(highest)) == highest


@pytest.mark.parametrize(
    "text",
    [
        '{"schema": 1, "schema": 1}',
        "[" + "[]," * 10_000_000 + "[]]",
        '{"schema": 1, "parents": ' + json.dumps([A] * 1001) + "}",
        '{"x": ' * 100_000 + "1" + "}" * 100_000,
        "9" * 5_000_000,
        '["\\\\", ' + "[]," * 1_000_000 + '"\\"", []]',
        "[" + '"",' * 10_000_000 + "0]",
        '"' + '\\"' * 10_000_000,
    ],
    ids=["twice", "ten million", "parents", "deep", "long", "escapes", "strings", "no end"],
)
def test_a_text_that_costs_more_than_it_is_worth(text: str) -> None:
    with pytest.raises(ValueError, match="is no manifest"):
        generations.parse(C, text)


@pytest.mark.parametrize("path", ["\ud800", "x" * 256, "d/" * 3000 + "x"])
def test_an_entry_that_no_file_can_be(path: str) -> None:
    found = json.loads(generations.dump(GOOD))
    found["entries"] = {path: [B, 1]}
    with pytest.raises(ValueError, match="is no manifest"):
        generations.parse(C, json.dumps(found))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.sampled_from([A, B, "0" * 64]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3) | st.just(B), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES, st.sampled_from(["schema", "parents", "number", "created", "parts", "entries"]), st.text(max_size=50))
def test_whatever_it_says_it_is_a_manifest_that_can_be_written_again_or_none(value: Any, key: str, text: str) -> None:
    found = json.loads(generations.dump(GOOD))
    for one in (text, json.dumps(value), json.dumps({**found, key: value})):
        try:
            read = generations.parse(C, one)
        except ValueError:
            continue
        assert generations.parse(C, generations.dump(read)) == read


def test_heads_are_nobodys_parents_the_newest_first() -> None:
    known = {A: of(), B: of(A, created=1), C: of(A, created=2), D: of("e" * 16, created=1)}
    assert generations.heads(known) == [C, D, B]
    assert generations.heads({A: of(B), B: of(A, created=1)}) == [B, A], "garbage"
    assert generations.heads({}) == []


def test_who_descends_from_whom() -> None:
    known = {A: of("f" * 16), B: of(A), C: of(A, B), D: of(C)}
    assert generations.ancestors(known, D) == {A, B, C}
    assert generations.ancestors(known, "f" * 16) == set()
    assert generations.prunable(known, D) == {A, B}
    assert generations.prunable(known, C) == set(), "parents stay"
    assert generations.prunable({A: of(B), B: of(A)}, A) == set(), "nobody replaces itself"


def test_parts_that_nobody_needs() -> None:
    assert generations.unused([of(parts=(A, B)), of(parts=(C,))], [of(parts=(B, D))]) == {A, C}
    assert generations.unused([], [of(parts=(A,))]) == set()


def planned(used: dict[str, int], made: dict[str, tuple[int, int]], compact: bool = True) -> int:
    """How many entries are archived again: ``used`` of those that each archive, of (size, entries), was made with."""
    saved = {f"{part}{number}": EntryRef(part, 1) for part, count in used.items() for number in range(count)}
    parts = {name: Archive("", size, entries) for name, (size, entries) in made.items()}
    kept, again = generations.plan(saved, parts, [*saved, "new"], compact)
    assert sorted([*kept, *again]) == sorted([*saved, "new"]) and all(
        saved[entry] == where for entry, where in kept.items()
    )
    return len(again) - 1


def test_half_of_an_archive_may_be_of_no_use() -> None:
    assert planned({"a": 2}, {"a": (100, 4)}) == 0
    assert planned({"a": 1}, {"a": (100, 4)}) == 1
    assert planned({"a": 1}, {"a": (100, 4)}, compact=False) == 0
    assert planned({"a": 1, "b": 4}, {"a": (100, 4), "b": (100, 4)}) == 0
    assert planned({"a": 1, "b": 3}, {"a": (300, 4), "b": (100, 4)}) == 4, "by bytes"
    # More entries than it was made with are no more than all of it.
    assert planned({"a": 8, "b": 1}, {"a": (100, 1), "b": (300, 10)}) == 9


def test_archives_that_are_gone_or_of_no_use_count_for_nothing() -> None:
    assert planned({"a": 1}, {}) == 1
    assert planned({"a": 1}, {"a": (1, 1), "b": (1000, 1)}) == 0


def test_too_many_archives_are_made_one() -> None:
    few = {str(number): 1 for number in range(generations.MOST_PARTS - 1)}
    many = {**few, "x": 1}
    made = dict.fromkeys(many, (1, 1))
    assert (planned(few, made), planned(many, made), planned(many, made, compact=False)) == (0, 12, 0)
    assert generations.MOST_PARTS == 12
