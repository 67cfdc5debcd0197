"""install.packages() of a user without root reaches apt over D-Bus.

CRAN cannot be reached where these tests run: a CRAN-like repository serves bspm. It is the real one if MELDA_TEST_BSPM
names its tarball; else a stand-in that takes the same road (system bus, service activation, busctl, apt on the root side).
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.standins import cran_repository
from tests.standins.serve import Server, gateway

from .machines import Machine, provision, until


@pytest.fixture(scope="module")
def cran(docker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    root = tmp_path_factory.mktemp("cran")
    cran_repository.build(root)
    with Server(root, gateway(docker=docker)) as server:
        yield server.url


@pytest.fixture(scope="module")
def machine(docker: str, bases: dict[str, str], cran: str) -> Iterator[Machine]:
    machine = Machine(docker, bases["bookworm"], ("--cap-add", "SYS_PTRACE"), ("tail", "-f", "/dev/null"))
    try:
        done = provision(docker, f"@docker/{machine.name}", packages="none", cran_mirror=cran, strict="true")
        assert done.code == 0, done.output
        machine.run("mkdir -p /run/dbus && dbus-daemon --system --fork")
        until(lambda: "socket" in machine.run("ls /run/dbus/system_bus_socket 2>&1"), "D-Bus listens")
        yield machine
    finally:
        machine.remove()


def test_enabled_once_and_quiet(docker: str, machine: Machine, cran: str) -> None:
    profile = machine.run("cat /etc/R/Rprofile.site")
    assert profile.count("bspm::enable()") == 1
    assert machine.run("Rscript -e 'cat(1)'", user="melda") == "1"
    again = provision(docker, f"@docker/{machine.name}", packages="none", cran_mirror=cran, strict="true")
    assert (again.code, again.changed) == (0, []), again.output


def test_nothing_is_left_out_any_more(machine: Machine) -> None:
    assert machine.run("cat /usr/local/share/melda-jupyter/omitted 2>/dev/null || true").strip() == ""


def test_a_user_installs_a_binary_without_root(machine: Machine) -> None:
    assert "root" not in machine.run("id", user="melda")
    machine.run("""Rscript -e 'install.packages("zoo")' 2>/tmp/progress""", user="melda")
    assert "installed" in machine.run("dpkg-query -W -f '${db:Status-Status}' r-cran-zoo")
    assert "zoo" in machine.run("""Rscript -e 'library(zoo); cat("loaded", "zoo")' 2>/dev/null""", user="melda")


def test_what_apt_has_not_got_comes_from_cran_as_source(machine: Machine) -> None:
    machine.run(
        'mkdir -p ~/R && R_LIBS_USER=~/R Rscript -e \'install.packages("meldanative", lib = "~/R")\'', user="melda"
    )
    machine.run("R_LIBS_USER=~/R Rscript -e 'library(meldanative)'", user="melda")


def test_a_user_cannot_reach_apt_itself(machine: Machine) -> None:
    assert "denied" in machine.run("apt-get install -y r-cran-xts 2>&1", user="melda", check=False)
    assert "not found" in machine.run("command -v sudo || echo not found", user="melda")
