"""tasks/firewall.py: the program and the rules' code; nothing is set while an image is built."""

from __future__ import annotations

from tasks import firewall
from tasks.lib import debian, files
from tasks.lib.apt import InstalledPackages

from .conftest import Run, arguments, in_place

SRC = "/usr/src/melda-jupyter"
NEEDS = set(debian.PACKAGES["firewall"])
DONE = {InstalledPackages: NEEDS, files.Paths: in_place(files.tree("firewall", SRC))}


def test_fresh(run: Run) -> None:
    commands = run(firewall.firewall)
    assert arguments(*commands["Install iptables"]) == ["iptables"]
    assert f"{SRC}/melda_firewall/rules.py.melda-new" in commands.uploads
    assert not any("iptables-restore" in command for each in commands.values() for command in each)


def test_already_there(run: Run) -> None:
    assert run(firewall.firewall, DONE) == {}


def test_half_there(run: Run) -> None:
    half = {**DONE[files.Paths], f"{SRC}/melda_firewall/rules.py": ("file", "666", "root", "root", "0" * 64)}
    commands = run(firewall.firewall, DONE | {files.Paths: half})
    assert list(commands.uploads) == [f"{SRC}/melda_firewall/rules.py.melda-new"]


def test_in_a_folder_of_ones_own(run: Run) -> None:
    commands = run(firewall.firewall, {InstalledPackages: NEEDS}, src="/opt/melda")
    assert "/opt/melda/melda_firewall/wanted.py.melda-new" in commands.uploads
