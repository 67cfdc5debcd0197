"""tasks/system.py: apt's settings, lists, upgrades, the packages of all concerns, the locale."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import certifi
import pytest
from pyinfra.facts.deb import DebArch, DebPackages
from pyinfra.facts.server import OsRelease

from tasks import debian_packages, packages, system
from tasks.facts.apt import BROKEN, REFUSED, AptState, AptStatus, Upgradable
from tasks.facts.files import PathStats
from tasks.lib import apt_get, managed_files, staging
from tasks.lib.managed_files import ManagedFile

from .conftest import BOOKWORM, FOCAL, Run, arguments, in_place

CONFIGURE = "Configure apt: no Recommends, try a failed download again, with manual pages"
MAN = "Remove the stub that stands in for man"
INSTALL = "Install the Debian packages of all concerns"
CONFIG = ManagedFile("/etc/apt/apt.conf.d/90melda-jupyter", managed_files.source("system/apt.conf"))
PAGES = ManagedFile("/etc/dpkg/dpkg.cfg.d/zz-melda-jupyter", managed_files.source("system/dpkg.cfg"))
ALL = {*packages.debian_names("datascience"), *debian_packages.FONTS} | {
    name for names in debian_packages.PACKAGES.values() for name in names
}
LISTS = frozenset({"mirror_dists_bookworm_InRelease"})
DEBCONF = dict.fromkeys((system.DEBCONF, system.FONTCONFIG), ("directory", "700", "root", "root"))
DONE: dict[type, Any] = {
    DebPackages: ALL,
    PathStats: in_place([CONFIG, PAGES]) | DEBCONF,
    "charmap": "UTF-8",
}


def test_fresh(run: Run) -> None:
    facts = {AptState: AptStatus(False, frozenset(), None), Upgradable: ["bash"], PathStats: DEBCONF}
    commands = run(system.system, facts)
    assert list(commands) == [
        CONFIGURE,
        "Refresh the package lists",
        "Upgrade installed packages",
        INSTALL,
        "Generate the locale",
    ]
    assert commands.uploads == {f"{entry.path}.melda-new": entry.content for entry in (CONFIG, PAGES)}
    (refresh,) = commands["Refresh the package lists"]
    assert refresh.endswith(f"; touch {apt_get.STAMP} )"), "the stamp is only written after a success"
    (install,) = commands[INSTALL]
    assert set(arguments(install)) == ALL, "one transaction"
    assert "-o APT::Install-Recommends=false" in install
    (generate,) = commands["Generate the locale"]
    assert "{ localedef -i en_US -f UTF-8 en_US.UTF-8 && " in generate


def test_only_root_can_lock_debconfs_databases(run: Run) -> None:
    """Before anything is installed: a package that asks, and cannot, stays half configured."""
    there = {PathStats: DONE[PathStats] | {system.DEBCONF: ("directory", "755", "root", "root")}}
    commands = run(system.system, DONE | there | {Upgradable: ["bash"]})
    assert list(commands) == ["Let only root lock debconf's databases", "Upgrade installed packages"]
    assert commands["Let only root lock debconf's databases"] == ["chmod 700 /var/cache/debconf"]


def test_only_root_can_lock_fontconfigs_caches(run: Run, tmp_path: Path) -> None:
    """Whoever read one could lock it: then fc-cache waited for ever, with it dpkg, each install of the user's and each run."""
    there = {PathStats: DONE[PathStats] | {system.FONTCONFIG: ("directory", "755", "root", "root")}}
    commands = run(system.system, DONE | there | {Upgradable: ["bash"]})
    assert list(commands) == ["Let only root lock fontconfig's caches", "Upgrade installed packages"]
    folder = tmp_path / "fontconfig"
    folder.mkdir()
    (folder / "held.cache-7").touch()
    (command,) = commands["Let only root lock fontconfig's caches"]
    command = command.replace(system.FONTCONFIG, str(folder)).replace("root:root", f"{os.getuid()}")
    subprocess.run(["sh", "-c", command], check=True)
    assert folder.stat().st_mode & 0o777 == 0o700 and not [*folder.iterdir()]


def test_already_there(run: Run) -> None:
    assert run(system.system, DONE) == {}


@pytest.mark.parametrize(
    ("state", "max_age", "fetched"),
    [
        (AptStatus(False, LISTS, 60), 86400, False),
        (AptStatus(False, LISTS, 86399), 86400, False),
        (AptStatus(False, LISTS, 86400), 86400, True),
        (AptStatus(False, LISTS, 0), 0, True),
        (AptStatus(False, LISTS, None), 86400, True),
        (AptStatus(False, frozenset(), 60), 86400, True),  # the lists were deleted
        (AptStatus(False, LISTS, -60), 86400, True),  # the clock was set back
    ],
)
def test_lists_are_fetched_when_missing_or_old(run: Run, state: AptStatus, max_age: int, fetched: bool) -> None:
    commands = run(system.system, DONE | {AptState: state}, apt_cache_time=max_age)
    assert list(commands) == (["Refresh the package lists"] if fetched else [])


def test_a_list_that_is_cut_off_is_removed_and_all_are_fetched(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    """apt-get update leaves it as long as the signed file is the server's."""
    cut = f"{apt_get.LISTS}/mirror_dists_bookworm_main_binary-amd64_Packages"
    commands = run(system.system, DONE | {AptState: AptStatus(False, LISTS, 60, (cut,))})
    removed, fetched = commands["Refresh the package lists"]
    assert removed == f"rm -rf {cut}" and " update " in fetched
    assert f"cut off or gone, and are fetched again: {cut}" in caplog.text


@pytest.mark.parametrize(
    ("half", "operation", "words"),
    [
        ({DebPackages: ALL - {"s3fs"}}, INSTALL, "install s3fs"),
        ({DebPackages: ALL - {"s3fs", "dbus"}}, INSTALL, "install dbus s3fs"),
        ({Upgradable: ["bash"]}, "Upgrade installed packages", " upgrade "),
        # It ends with apt's own line.
        ({Upgradable: [REFUSED]}, "Upgrade installed packages", " upgrade "),
        (
            {PathStats: in_place([PAGES]) | DEBCONF | {CONFIG.path: ("file", "600", "root", "root", "0")}},
            CONFIGURE,
            f"put {CONFIG.path}.melda-new",
        ),
        (
            {"dpkg-divert": "/usr/bin/man.REAL"},
            MAN,
            "rm -f /usr/bin/man && dpkg-divert --quiet --remove --rename /usr/bin/man",
        ),
        ({"charmap": "ANSI_X3.4-1968"}, "Generate the locale", "localedef -i en_US"),
        ({AptState: AptStatus(True, LISTS, 60)}, "Finish an interrupted dpkg run", "dpkg --configure -a"),
    ],
)
def test_half_there_only_the_rest_is_done(run: Run, half: dict[type, Any], operation: str, words: str) -> None:
    commands = run(system.system, DONE | half)
    assert list(commands) == [operation]
    assert words in commands[operation][0]


def test_a_package_that_somebody_chose_to_remove_and_did_not_is_wanted_again(run: Run, tmp_path: Path) -> None:
    """It is installed, and counts as none: each run "installed" it."""
    (command,) = run(system.system, DONE | {DebPackages: ALL - {"s3fs", "dbus"}})[INSTALL]
    chosen = "deinstall s3fs\\npurge dbus\\nhold jq\\ninstall git\\n"
    programs = {"perl": "", "apt-get": "", "dpkg-query": f"printf '{chosen}'", "dpkg": f"cat >{tmp_path}/selected"}
    for name, text in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    subprocess.run(["sh", "-c", command], env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, check=True)
    assert (tmp_path / "selected").read_text() == "s3fs install\ndbus install\n"


def test_whoever_has_apt_now_is_waited_for(run: Run) -> None:
    """What another's dpkg is at looks as if it was cut off, and dpkg and the fetching of lists wait for nobody."""
    commands = run(system.system, DONE | {AptState: AptStatus(True, frozenset(), None), Upgradable: ["bash"]})
    configure, again = commands["Finish an interrupted dpkg run"]
    assert configure.startswith(apt_get.WAIT) and again.count("DPkg::Lock::Timeout=600") == again.count("apt-get -q -y")
    assert commands["Refresh the package lists"][0].startswith(f"( set -e; {apt_get.WAIT}; status=0; ")


def test_after_an_interrupted_run_missing_dependencies_come_too(run: Run) -> None:
    commands = run(system.system, DONE | {AptState: AptStatus(True, LISTS, 60)})
    assert commands["Finish an interrupted dpkg run"][1].endswith(" --no-remove --fix-broken install )")


@pytest.mark.parametrize("mirror", ["", "/mirror"])
def test_a_package_that_was_cut_off_while_it_was_unpacked_is_unpacked_again(run: Run, mirror: str) -> None:
    """Of Debian's real text of its status; apt ends with "needs to be reinstalled, but I can't find an archive for it"."""
    command = run(system.system, DONE | {AptState: AptStatus(True, LISTS, 60)}, mirror=mirror)[
        "Finish an interrupted dpkg run"
    ][1]
    assert " --no-remove --reinstall install $(dpkg-query " in command and (" update 2>&1" in command) == (not mirror)


def test_a_package_that_lacks_what_it_depends_on_gets_it(run: Run) -> None:
    """dpkg --audit says nothing of it, and every later apt-get fails."""
    commands = run(system.system, DONE | {Upgradable: [BROKEN]})
    assert list(commands) == ["Finish an interrupted dpkg run"]
    refresh, fix = commands["Finish an interrupted dpkg run"][1].rsplit("; ", 1)
    assert (
        re.search("! [^;]*apt-get [^;]* check", refresh)
        and " update 2>&1" in refresh
        and fix.endswith(" --no-remove --fix-broken install )")
    )


@pytest.mark.skipif(not shutil.which("apt-get"), reason="apt itself, of which nothing is changed")
def test_what_could_only_be_mended_by_removing_it_stays(run: Run, tmp_path: Path) -> None:
    """A site's own package that needs another whose source is gone was removed, and what needs it too."""
    about = (
        "Status: install ok installed\nMaintainer: a <a@example.org>\nArchitecture: all\nVersion: 1\nDescription: a\n"
    )
    (tmp_path / "status").write_text(f"Package: agent\n{about}Depends: gone\n\nPackage: tool\n{about}Depends: agent\n")
    for name in ("lists/partial", "archives/partial", "etc"):
        (tmp_path / name).mkdir(parents=True)
    dirs = f'Dir::State "{tmp_path}"; Dir::State::status "{tmp_path}/status"; Dir::Cache "{tmp_path}"; Dir::Etc "{tmp_path}/etc";'
    (tmp_path / "apt.conf").write_text(f'{dirs} APT::Get::Simulate "true";')
    (tmp_path / "dpkg-query").write_text("#!/bin/sh\n")
    (tmp_path / "dpkg-query").chmod(0o755)
    command = run(system.system, DONE | {Upgradable: [BROKEN]}, mirror="/m")["Finish an interrupted dpkg run"][1]
    environ = {"PATH": f"{tmp_path}:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "APT_CONFIG": f"{tmp_path}/apt.conf"}
    done = subprocess.run(["sh", "-c", command], env=environ, capture_output=True, text=True, check=False)
    assert "Remv " not in done.stdout
    assert done.returncode == 100
    assert done.stderr.splitlines()[-1] == "E: Packages need to be removed but remove is disabled."


@pytest.mark.parametrize(
    ("found", "made"),
    [
        ({}, False),
        ({"/tmp": ("directory", "755", "root", "root")}, True),
        ({"/tmp": ("directory", "1777", "melda", "melda")}, True),
        ({"/tmp": ("link", "/var/tmp")}, False),
    ],
)
def test_everybody_can_write_to_tmp(run: Run, found: dict[str, Any], made: bool) -> None:
    commands = run(system.system, DONE | {PathStats: DONE[PathStats] | found})
    expected = {
        "Make the folder for temporary files": ["mkdir -p /tmp && chown -h root:root /tmp && chmod 1777 /tmp/."]
    }
    assert commands == (expected if made else {})


@pytest.mark.parametrize(
    ("settings", "option", "there"),
    [
        ({}, "--force-unsafe-io", False),
        ({"dpkg_unsafe_io": True}, "--force-unsafe-io", True),
        ({}, "APT::Keep-Downloaded-Packages=false", True),
        ({"apt_keep_archives": True}, "APT::Keep-Downloaded-Packages=false", False),
        ({}, "Acquire::https::CAInfo", False),
        ({"ca_bundle": certifi.where()}, f"Acquire::https::CAInfo={staging.CA}", True),
    ],
)
def test_apts_options(run: Run, settings: dict[str, Any], option: str, there: bool) -> None:
    install = run(system.system, DONE | {DebPackages: ALL - {"s3fs"}}, **settings)[INSTALL][-1]
    assert (option in install) == there


def test_the_ca_bundle_comes_and_goes(run: Run) -> None:
    commands = run(system.system, DONE | {DebPackages: ALL - {"s3fs"}}, ca_bundle=certifi.where())
    make, put, install = commands[INSTALL]
    assert "rm -rf /var/lib/melda-jupyter.provision && mkdir -m 755 /var/lib/melda-jupyter.provision && " in make
    assert put == "put /var/lib/melda-jupyter.provision/ca.crt"
    assert install.endswith("status=$?; cd / && rm -rf /var/lib/melda-jupyter.provision; exit $status")


@pytest.mark.parametrize(
    ("locale", "command"),
    [("tr_TR.UTF-8", "localedef -i tr_TR -f UTF-8 tr_TR.UTF-8"), ("C.UTF-8", "localedef -i C -f UTF-8 C.UTF-8")],
)
def test_another_locale(run: Run, locale: str, command: str) -> None:
    known = {"charmap": lambda command: "UTF-8" if "en_US" in command else "ANSI_X3.4-1968"}
    commands = run(system.system, DONE | known, locale=locale)
    assert list(commands) == ["Generate the locale"] and f" {command} " in commands["Generate the locale"][0]


@pytest.mark.parametrize(
    ("facts", "settings", "waits"),
    [
        ({OsRelease: BOOKWORM}, {}, False),
        ({OsRelease: FOCAL}, {}, True),
        ({OsRelease: FOCAL, DebArch: "arm64"}, {}, False),
        ({OsRelease: BOOKWORM}, {"r2u_suite": "noble"}, True),
    ],
)
def test_r_waits_only_where_r2u_has_a_newer_one(
    run: Run, facts: dict[type, Any], settings: dict[str, Any], waits: bool
) -> None:
    installed = set(arguments(run(system.system, facts, **settings)[INSTALL][0]))
    assert (set(debian_packages.PACKAGES["r"]) <= installed) is not waits


@pytest.mark.parametrize(
    ("chosen", "there", "missing"),
    [("none", "git", "python3-dev"), ("core", "python3-dev", "graphviz"), ("datascience", "graphviz", "ffmpeg")],
)
def test_a_set_brings_its_debian_packages_in_the_same_transaction(
    run: Run, chosen: str, there: str, missing: str
) -> None:
    installed = arguments(run(system.system, packages=chosen)[INSTALL][0])
    assert there in installed and missing not in installed


@pytest.mark.parametrize(
    ("chosen", "fonts", "there"), [("core", True, True), ("core", False, False), ("none", True, False)]
)
def test_fonts_can_be_left_out(run: Run, chosen: str, fonts: bool, there: bool) -> None:
    installed = set(arguments(run(system.system, packages=chosen, fonts=fonts)[INSTALL][0]))
    assert installed & set(debian_packages.FONTS) == (set(debian_packages.FONTS) if there else set())


def test_nothing_stands_in_for_man(run: Run) -> None:
    assert run(system.system, DONE | {"dpkg-divert": "/usr/bin/man"}) == {}
