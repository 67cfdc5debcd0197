"""apt's R packages, through bspm's service: what it has, having it installed and removed, and why it was not."""

from __future__ import annotations

import pytest
from melda.envs.errors import PackageUnavailable
from melda.envs.restore import bspm

from tests.unit.melda.envs.r_machine import Machine, machine

__all__ = ["machine"]


def silent(line: str) -> None:
    """Nobody reads it."""


def test_what_apt_has_is_known_by_rs_version_and_the_name_in_lower_case(machine: Machine) -> None:
    machine.apt_has(Matrix="1.5-3", zoo="1.8-11+dfsg", xts="0.13~rc1")
    assert bspm.available(machine.env) == {"matrix": "1.5-3", "zoo": "1.8-11", "xts": "0.13"}


def test_what_the_service_shows_in_another_form_is_passed_over(machine: Machine) -> None:
    (machine.root / "available").write_text('as 3 "zoo;1.8-11;Debian" "partial" "a;b;c;d"\n')
    assert bspm.available(machine.env) == {"zoo": "1.8-11"}


def test_where_there_is_no_service_apt_has_nothing(machine: Machine) -> None:
    (machine.root / "bin" / "busctl").write_text("#!/bin/sh\necho 'Call failed: no such name' >&2\nexit 1\n")
    assert bspm.available(machine.env) == {}
    assert bspm.available({"PATH": str(machine.root / "nothing")}) == {}


def test_packages_are_installed_in_one_transaction_and_apts_lines_are_told(machine: Machine) -> None:
    machine.apt_has(zoo="1.8", xts="0.13")
    told: list[str] = []
    bspm.install(machine.env, ["zoo", "xts"], told.append)
    assert machine.versions(machine.system) == {"zoo": "1.8", "xts": "0.13"}
    assert machine.lines("asked") == ["install ias 2 zoo xts"]
    assert told == ["Get:1 http://debian\n"]


def test_packages_that_came_in_this_way_are_removed(machine: Machine) -> None:
    machine.apt_has(zoo="1.8", xts="0.13")
    bspm.install(machine.env, ["zoo", "xts"], silent)
    bspm.remove(machine.env, ["zoo"], silent)
    assert machine.versions(machine.system) == {"xts": "0.13"}


def test_apts_last_word_is_why_it_was_not_done(machine: Machine) -> None:
    machine.apt_fails()
    with pytest.raises(PackageUnavailable, match=r"^E: broken$"):
        bspm.install(machine.env, ["zoo"], silent)
    with pytest.raises(PackageUnavailable, match="No such file"):
        bspm.remove(machine.env, ["zoo"], silent)
