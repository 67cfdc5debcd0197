"""tasks/fonts.py: fonts, and matplotlib told of them, unless a setting leaves them out."""

from __future__ import annotations

from typing import Any

import pytest
from pyinfra.facts.deb import DebPackages

from tasks import fonts
from tasks.debian_packages import FONTS
from tasks.facts.files import PathStats
from tasks.lib import managed_files
from tasks.lib.managed_files import ManagedFile

from .conftest import Run, arguments, in_place

INSTALL = "Install fonts for more scripts"
TELL = "Let matplotlib draw the letters of these fonts"
CONFIGURATION = ManagedFile(
    "/opt/jupyter/etc/ipython/ipython_config.py", managed_files.source("fonts/ipython_config.py")
)
DONE: dict[type, Any] = {
    DebPackages: set(FONTS),
    PathStats: in_place([ManagedFile("/opt/jupyter/etc/ipython", mode="755"), CONFIGURATION]),
}


def test_fresh(run: Run) -> None:
    commands = run(fonts.fonts)
    assert list(commands) == [INSTALL, TELL]
    assert set(arguments(commands[INSTALL][0])) == set(FONTS)
    assert commands.uploads == {f"{CONFIGURATION.path}.melda-new": CONFIGURATION.content}


def test_already_there(run: Run) -> None:
    assert run(fonts.fonts, DONE) == {}


def test_half_there_only_the_rest_is_done(run: Run) -> None:
    assert list(run(fonts.fonts, DONE | {DebPackages: {FONTS[0]}})) == [INSTALL]
    assert list(run(fonts.fonts, DONE | {PathStats: {}})) == [TELL]


@pytest.mark.parametrize("settings", [{"fonts": False}, {"packages": "none"}])
def test_left_out(run: Run, settings: dict[str, Any]) -> None:
    assert run(fonts.fonts, **settings) == {}
