"""The limit of a container and the kills for want of memory, of both versions of cgroups."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from melda.base import memory

V2 = ("memory.max", "memory.events", "low 0\noom 3\noom_kill {}\noom_group_kill 9\n")
V1 = ("memory/memory.limit_in_bytes", "memory/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill {}\n")


@pytest.fixture(params=[V2, V1], ids=["v2", "v1"])
def group(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, Path, str]:
    """A group's limit, its events, and how they are written."""
    limit, events, text = request.param
    (tmp_path / "memory").mkdir()
    return tmp_path / limit, tmp_path / events, text


def folder(path: Path) -> str:
    return str(path.parent.parent if path.parent.name == "memory" else path.parent)


@pytest.mark.parametrize(
    ("text", "limit"), [("268435456\n", 1 << 28), ("max\n", None), ("9223372036854771712\n", None), ("", None)]
)
def test_the_limit(group: tuple[Path, Path, str], text: str, limit: int | None) -> None:
    group[0].write_text(text)
    assert memory.limit(folder(group[0])) == limit


def test_what_is_used(group: tuple[Path, Path, str]) -> None:
    name = {"memory.max": "memory.current", "memory.limit_in_bytes": "memory.usage_in_bytes"}[group[0].name]
    group[0].with_name(name).write_text("7\n")
    assert memory.used(folder(group[0])) == 7


def test_files_that_the_kernel_would_drop_are_not_in_use(group: tuple[Path, Path, str]) -> None:
    """As docker stats and the kubelet count."""
    v2 = group[0].name == "memory.max"
    group[0].with_name("memory.current" if v2 else "memory.usage_in_bytes").write_text("1000\n")
    stat = group[0].with_name("memory.stat")
    stat.write_text("anon 1\ninactive_file 300\n" if v2 else "inactive_file 1\ntotal_inactive_file 300\n")
    assert memory.used(folder(group[0])) == 700
    stat.write_text("inactive_file 2000\n")
    assert memory.used(folder(group[0])) == 0, "both were not read at one moment"


def test_each_kill_is_logged_once(
    group: tuple[Path, Path, str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    limit, events, text = group
    limit.write_text(str(3 << 29))
    events.write_text(text.format(1))
    monkeypatch.setenv("LOG_FORMAT", "json")
    look = memory.watch(folder(events))
    for count in (1, 2, 2, 4):
        events.write_text(text.format(count))
        assert look() == memory.PAUSE
    lost = "as the container's limit of 1.5 GiB was used up; a notebook whose kernel it was has lost its variables"
    found = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert {(line["level"], line["step"]) for line in found} == {("error", "memory")}, (
        "a notebook has lost its variables"
    )
    said = [line["message"].partition("memory: ")[2] for line in found]
    assert said == [f"1 process killed by the kernel, {lost}", f"2 processes killed by the kernel, {lost}"]


def test_nothing_is_known(tmp_path: Path) -> None:
    assert (memory.limit(str(tmp_path)), memory.used(str(tmp_path)), memory.killed(str(tmp_path))) == (None, None, 0)
    assert memory.sentence(2, str(tmp_path)).endswith("as the host's memory was used up")
