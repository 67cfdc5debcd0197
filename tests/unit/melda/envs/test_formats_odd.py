"""Files whose fields have another shape than their format's: what they say is read or refused, and never a traceback."""

from __future__ import annotations

import collections
import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from melda.envs import formats
from melda.envs.errors import Unusable, UsageError

tomllib = pytest.importorskip("tomllib")
CASES = Path(__file__).parent / "cases"
ODD: tuple[Any, ...] = (True, 1, "x", [], {}, None)


KINDS: tuple[tuple[str, str, Any], ...] = (
    ("json", r".*\.(json|ipynb)|(Pipfile|renv|pkg)\.lock", json.loads),
    ("toml", r".*\.toml|(uv|poetry|pdm)\.lock|Pipfile", tomllib.loads),
    ("yaml", r".*\.ya?ml", yaml.safe_load),
)


def loaded(name: str, text: str) -> tuple[str, Any] | None:
    """The kind of a structured text and what it says; None: it is none, or broken."""
    for kind, names, load in KINDS:
        if re.fullmatch(names, name):
            try:
                return kind, load(text)
            except (ValueError, yaml.YAMLError):
                return None
    return None


LOADED = [
    (case["file"], case["why"], *found)
    for part in ("files", "shapes")
    for case in yaml.safe_load((CASES / f"{part}.yaml").read_text())
    for found in [loaded(case["file"], case["text"])]
    if found
]


def toml(found: dict[str, Any]) -> str:
    """TOML of tables, whose lists of tables stand under headings of their own."""
    plain, below = [], []
    for key, value in found.items():
        if isinstance(value, dict):
            below.append(
                f"[{json.dumps(key)}]\n" + "".join(f"{json.dumps(k)} = {inline(v)}\n" for k, v in value.items())
            )
        elif isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
            rows = ("".join(f"{json.dumps(k)} = {inline(v)}\n" for k, v in one.items()) for one in value)
            below += [f"[[{key}]]\n{row}" for row in rows]
        else:
            plain.append(f"{json.dumps(key)} = {inline(value)}\n")
    return "".join([*plain, *below])


def inline(value: Any) -> str:
    """A value of TOML in one line."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {inline(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(inline, value)) + "]"
    return json.dumps(value, default=str, ensure_ascii=False)


def places(found: Any) -> list[tuple[Any, ...]]:
    """Where values are, one of each field: what stands in lists has the same fields again."""

    def all_of(value: Any, at: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
        for key, one in (
            value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        ):
            yield (*at, key)
            yield from all_of(one, (*at, key))

    return list({(len(at), at[-1] if isinstance(at[-1], str) else ""): at for at in all_of(found, ())}.values())


def changed(found: Any, at: tuple[Any, ...], value: Any) -> Any:
    """A copy in which one value is another."""
    found = inner = copy.copy(found)  # only what leads to it is copied: nobody changes the rest
    for key in at[:-1]:
        inner[key] = inner = copy.copy(inner[key])
    inner[at[-1]] = value
    return found


WRITE: dict[str, Any] = {"json": json.dumps, "toml": toml, "yaml": yaml.safe_dump}


def tried() -> list[list[tuple[tuple[Any, ...], Any]]]:
    """Where each text gets which values: all where two texts have a place of a format; others one there, another each time."""
    times: collections.Counter[object] = collections.Counter()
    lists = []
    for name, _, kind, found in LOADED:
        lists.append(listed := [])
        values = ODD if kind != "toml" else ODD[:-1]  # TOML has no null
        for at in places(found):
            same = (name, *(key if isinstance(key, str) else 0 for key in at))
            seen, times[same] = times[same], times[same] + 1
            listed += [(at, odd) for odd in ([values[seen % len(values)]] if seen > 1 else values)]
    return lists


@pytest.mark.parametrize(
    ("case", "tries"), list(zip(LOADED, tried(), strict=True)), ids=[f"{one[0]}-{one[1]}"[:60] for one in LOADED]
)
def test_a_value_of_another_shape_is_no_traceback(
    case: tuple[str, str, str, Any], tries: list[tuple[tuple[Any, ...], Any]]
) -> None:
    name, _, kind, found = case
    for at, odd in tries:
        try:
            formats.parse(WRITE[kind](changed(found, at, odd)), name)
        except UsageError as error:
            assert len(str(error).splitlines()) == 1, (at, odd)
            assert "not understood" not in str(error), (at, odd, str(error))


@pytest.mark.parametrize("error", [TypeError("'bool' object\nis not iterable"), Unusable("https://a:S3cr3t@host\n")])
def test_what_no_reader_thought_of_is_one_line_without_secrets(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(reading: object, text: str) -> None:
        raise error

    monkeypatch.setattr(formats.requirements, "read", broken)
    with pytest.raises(UsageError, match="^invalid 'x.txt': .+$") as found:
        formats.parse("zebra==1.0", "x.txt")
    assert len(str(found.value).splitlines()) == 1 and "S3cr3t" not in str(found.value)
