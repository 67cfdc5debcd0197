"""What apt and dpkg are asked, by a real shell in a folder that stands in for a target's."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from tasks.facts.apt import UPGRADABLE, Upgradable
from tasks.facts.r import PackageOrigins

ORIGINS = {"users": "/var/lib/melda-jupyter/bspm.json", "listed": "/usr/local/share/melda-jupyter/r-packages"}


class Target:
    """A folder with the files of a target that the commands name, and programs that stand in for apt's."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.write("/bin/apt-get", "#!/bin/sh\nexit 1\n")
        for name in (
            "/etc/apt/sources.list",
            "/var/lib/dpkg/status",
            "/var/lib/apt/extended_states",
            "/etc/os-release",
        ):
            self.write(name, name)
        self.write("/var/lib/apt/lists/deb_InRelease", "the hashes")
        self.write("/var/lib/apt/lists/deb_Packages", "packages")
        self.write(UPGRADABLE, "")
        self.path(UPGRADABLE).unlink()

    def path(self, path: str) -> Path:
        return self.folder / path[1:]

    def write(self, path: str, text: str) -> None:
        self.path(path).parent.mkdir(parents=True, exist_ok=True)
        self.path(path).write_text(text)
        if path.startswith("/bin"):
            self.path(path).chmod(0o755)

    def ask(self, fact: Any, **arguments: str) -> Any:
        command = fact.command(**arguments)
        for top in ("var", "etc", "usr"):
            command = command.replace(f" /{top}/", f" {self.folder}/{top}/")
        shown = subprocess.run(
            ["sh", "-c", command], capture_output=True, text=True, check=True, env={"PATH": f"{self.folder}/bin:/usr/bin:/bin"}
        )  # fmt: skip
        assert shown.stderr == ""
        return fact.process(shown.stdout.splitlines())

    def upgrades(self, *names: str, status: int = 0) -> None:
        """Let apt-get plan to upgrade these, and count how often it is asked."""
        lines = "".join(f"echo 'Inst {name} [1] (2 Debian:12 [amd64])'\n" for name in names)
        self.write(
            "/bin/apt-get", f"#!/bin/sh\necho x >> {self.folder}/asked\n{lines}echo 'Conf libc6'\nexit {status}\n"
        )

    @property
    def asked(self) -> int:
        return len(self.path("/asked").read_text().split()) if self.path("/asked").exists() else 0


@pytest.fixture
def target(tmp_path: Path) -> Target:
    return Target(tmp_path)


@pytest.mark.parametrize("names", [(), ("bash", "libc6")])
def test_apt_plans_an_upgrade_once(target: Target, names: tuple[str, ...]) -> None:
    target.upgrades(*names)
    assert [target.ask(Upgradable()) for _ in range(3)] == [list(names)] * 3
    assert target.asked == 1


@pytest.mark.parametrize(
    "changed",
    [
        "/var/lib/dpkg/status", "/var/lib/apt/extended_states", "/var/lib/apt/lists/deb_InRelease",
        "/var/lib/apt/lists/new_Packages", "/etc/apt/sources.list", "/etc/apt/preferences.d/r2u", "/etc/os-release",
    ],
)  # fmt: skip
def test_and_again_when_something_changed_that_it_decides_by(target: Target, changed: str) -> None:
    target.upgrades()
    assert target.ask(Upgradable()) == []
    target.upgrades("bash")
    target.write(changed, "something else")
    assert target.ask(Upgradable()) == ["bash"]


def test_what_a_broken_apt_says_is_not_kept(target: Target) -> None:
    target.upgrades("bash", status=100)
    assert target.ask(Upgradable()) == []
    target.upgrades("bash")
    assert target.ask(Upgradable()) == ["bash"]


def test_a_cache_that_cannot_be_written_costs_time_alone(target: Target) -> None:
    target.path(UPGRADABLE).parent.rmdir()
    target.upgrades("bash")
    assert [target.ask(Upgradable()) for _ in range(2)] == [["bash"]] * 2


def test_who_brought_an_r_package(target: Target) -> None:
    target.write(
        "/bin/dpkg-query",
        "#!/bin/sh\necho 'installed:r-cran-zoo\ninstalled:r-cran-lattice\nconfig-files:r-cran-ape'\n",
    )
    states = "Package: {}\nArchitecture: amd64\nAuto-Installed: {}\n\n"
    text = states.format("r-cran-lattice", 1) + states.format("r-cran-zoo", 0) + states.format("libc6", 1)
    target.write("/var/lib/apt/extended_states", text)
    target.write(ORIGINS["listed"], "zoo\n")
    assert target.ask(PackageOrigins(), **ORIGINS) == {"manual": {"r-cran-zoo"}, "listed": {"zoo"}}
