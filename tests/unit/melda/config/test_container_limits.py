"""How many threads libraries start, how much memory R takes, and every way in which they are told."""

from __future__ import annotations

import os
import subprocess

import pytest
from melda.base import cpus, memory
from melda.config import container_limits, environ
from melda.config.environ import Settings

BOTH = {"OMP_NUM_THREADS": "2", "NUMBA_NUM_THREADS": "2"}


@pytest.fixture(autouse=True)
def _two_of_sixteen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpus, "limit", lambda: 2)
    monkeypatch.setattr(os, "cpu_count", lambda: 16)
    monkeypatch.setattr(memory, "limit", lambda: None)


def test_no_more_than_the_container_may_use() -> None:
    assert container_limits.filled_in({"LANG": "C"}) == {"LANG": "C", **BOTH}
    assert container_limits.filled_in({"OMP_NUM_THREADS": ""}) == BOTH, "nothing is no number"


def test_who_has_set_one_keeps_it() -> None:
    assert container_limits.filled_in({"OMP_NUM_THREADS": "4,2"}) == {**BOTH, "OMP_NUM_THREADS": "4,2"}


def test_nothing_is_set_where_all_may_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpus, "limit", lambda: 16)
    assert container_limits.filled_in({"LANG": "C"}) == {"LANG": "C"}


@pytest.mark.parametrize(("limit", "value"), [(1 << 30, "512M"), (4 << 30, "3584M"), (600 << 20, "300M")])
def test_r_knows_the_containers_memory(monkeypatch: pytest.MonkeyPatch, limit: int, value: str) -> None:
    monkeypatch.setattr(memory, "limit", lambda: limit)
    assert container_limits.filled_in({}) == {**BOTH, "R_MAX_VSIZE": value}
    assert container_limits.filled_in({"R_MAX_VSIZE": "1G"})["R_MAX_VSIZE"] == "1G", "who has set it keeps it"
    assert container_limits.ssh({"R_MAX_VSIZE": value}) == "SetEnv R_MAX_VSIZE=" + value


def test_the_settings_of_a_container_have_them(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environ, "image_layout", lambda _: settings.layout)
    found = environ.settings({"PATH": "/bin"})
    assert BOTH.items() <= found.variables.items()
    assert BOTH.items() <= environ.for_user(found, "/p").items()


@pytest.mark.parametrize("value", ["3", "$(touch /tmp/melda-threads)'\"", "a b"])
def test_a_login_shell_gets_them(value: str) -> None:
    text = container_limits.login({**BOTH, "OMP_NUM_THREADS": value, "LANG": "C"})
    show = f'{text}printf %s "$OMP_NUM_THREADS|$NUMBA_NUM_THREADS"'
    shell = ["/bin/sh", "-euc", show]
    assert subprocess.check_output(shell, env={"PATH": os.defpath}, text=True) == f"{value}|2"
    kept = subprocess.check_output(shell, env={"PATH": os.defpath, "OMP_NUM_THREADS": "7"}, text=True)
    assert kept == "7|2", "docker exec gave it the container's"
    assert container_limits.login({"LANG": "C"}) == ""


def test_sshd_gets_them() -> None:
    assert container_limits.ssh(BOTH) == "SetEnv OMP_NUM_THREADS=2 NUMBA_NUM_THREADS=2"
    assert container_limits.ssh({"OMP_NUM_THREADS": "2\nPermitRootLogin yes"}) == ""
