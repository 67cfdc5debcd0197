"""How many processors a container may use, of both versions of cgroups."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from melda.base import cpus


@pytest.fixture(autouse=True)
def _eight(monkeypatch: pytest.MonkeyPatch) -> None:
    """A host with processors, eight of which this process may run on."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))


def v2(folder: Path, quota: str, group: str = "") -> None:
    (folder / group).mkdir(parents=True, exist_ok=True)
    (folder / group / "cpu.max").write_text(f"{quota} 100000\n")


def v1(folder: Path, quota: str, group: str = "") -> None:
    (folder / "cpu" / group).mkdir(parents=True, exist_ok=True)
    (folder / "cpu" / group / "cpu.cfs_quota_us").write_text(quota.replace("max", "-1") + "\n")
    (folder / "cpu" / group / "cpu.cfs_period_us").write_text("100000\n")


@pytest.mark.parametrize("write", [v1, v2])
@pytest.mark.parametrize(
    ("quota", "number"), [("100000", 1), ("150000", 2), ("20000", 1), ("1600000", 8), ("max", 8), ("nonsense", 8)]
)
def test_a_quota(tmp_path: Path, write: Callable[..., None], quota: str, number: int) -> None:
    write(tmp_path, quota)
    assert cpus.limit(str(tmp_path), "/") == number


@pytest.mark.parametrize("write", [v1, v2])
def test_a_quota_of_a_group_above(tmp_path: Path, write: Callable[..., None]) -> None:
    write(tmp_path, "300000", "melda.slice")
    write(tmp_path, "max", "melda.slice/jupyter.service")
    assert cpus.limit(str(tmp_path), "/melda.slice/jupyter.service") == 3
    assert cpus.limit(str(tmp_path), "/another.slice/sshd.service") == 8


def test_no_cgroup(tmp_path: Path) -> None:
    assert cpus.limit(str(tmp_path)) == 8


def test_processors_it_may_run_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3, 5})
    v2(tmp_path, "600000")
    assert cpus.limit(str(tmp_path), "") == 2
