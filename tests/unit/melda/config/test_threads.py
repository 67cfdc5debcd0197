"""How many threads libraries start, and every way in which they are told."""

from __future__ import annotations

import os
import subprocess

import pytest
from melda.base import cpus
from melda.config import environ, threads
from melda.config.environ import Settings

BOTH = {"OMP_NUM_THREADS": "2", "NUMBA_NUM_THREADS": "2"}


@pytest.fixture(autouse=True)
def _two_of_sixteen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpus, "limit", lambda: 2)
    monkeypatch.setattr(os, "cpu_count", lambda: 16)


def test_no_more_than_the_container_may_use() -> None:
    assert threads.filled_in({"LANG": "C"}) == {"LANG": "C", **BOTH}
    assert threads.filled_in({"OMP_NUM_THREADS": ""}) == BOTH, "nothing is no number"


def test_who_has_set_one_keeps_it() -> None:
    assert threads.filled_in({"OMP_NUM_THREADS": "4,2"}) == {**BOTH, "OMP_NUM_THREADS": "4,2"}


def test_nothing_is_set_where_all_may_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpus, "limit", lambda: 16)
    assert threads.filled_in({"LANG": "C"}) == {"LANG": "C"}


def test_the_settings_of_a_container_have_them(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environ, "image_layout", lambda _: settings.layout)
    found = environ.settings({"PATH": "/bin"})
    assert BOTH.items() <= found.variables.items()
    assert BOTH.items() <= environ.for_user(found, "/p").items()


@pytest.mark.parametrize("value", ["3", "$(touch /tmp/melda-threads)'\"", "a b"])
def test_a_login_shell_gets_them(value: str) -> None:
    text = threads.login({**BOTH, "OMP_NUM_THREADS": value, "LANG": "C"})
    show = f'{text}printf %s "$OMP_NUM_THREADS|$NUMBA_NUM_THREADS"'
    shell = ["/bin/sh", "-euc", show]
    assert subprocess.check_output(shell, env={"PATH": os.defpath}, text=True) == f"{value}|2"
    kept = subprocess.check_output(shell, env={"PATH": os.defpath, "OMP_NUM_THREADS": "7"}, text=True)
    assert kept == "7|2", "docker exec gave it the container's"
    assert threads.login({"LANG": "C"}) == ""


def test_sshd_gets_them() -> None:
    assert threads.ssh(BOTH) == "SetEnv OMP_NUM_THREADS=2 NUMBA_NUM_THREADS=2"
    assert threads.ssh({"OMP_NUM_THREADS": "2\nPermitRootLogin yes"}) == ""
