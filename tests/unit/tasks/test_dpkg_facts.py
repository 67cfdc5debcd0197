"""What is left of installed packages, by a real shell and Perl in a folder that stands in for a target's."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from tasks.facts.dpkg import FAILED, BrokenAlternatives, LackingFiles

INSTALLED = "Package: {}\nStatus: install ok installed\nVersion: 1\n"


class Dpkg:
    """A folder as /var/lib/dpkg, and one that stands in for the root of the files."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.root = folder / "dpkg", folder / "root"
        self.status: list[str] = []
        (self.folder / "info").mkdir(parents=True)
        (self.folder / "alternatives").mkdir()
        (self.folder / "status").write_text("")

    def write(self, name: str, content: str = "x", mode: int = 0o755) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        path.chmod(mode)

    def package(self, name: str, *files: str, fields: str = "", root: bool = True) -> None:
        """Let a package be installed with files, each of which was not empty but for those that are named so."""
        self.status.append(INSTALLED.format(name.split(":")[0]) + fields)
        (self.folder / "status").write_text("\n".join(self.status))
        above = str(self.root) if root else ""
        (self.folder / f"info/{name}.list").write_text("".join(f"{above}/{file}\n" for file in ("", *files)))
        sums = {
            file: hashlib.md5(b"" if "empty" in file else b"x", usedforsecurity=False).hexdigest() for file in files
        }
        text = "".join(f"{digest}  {above[1:]}{'/' if above else ''}{file}\n" for file, digest in sums.items())
        (self.folder / f"info/{name}.md5sums").write_text(text)

    def lacking(self, *names: str) -> dict[str, set[str]]:
        fact = LackingFiles()
        fact.folder = str(self.folder)
        shown = subprocess.run(["sh", "-c", fact.command(names)], capture_output=True, text=True, check=True)
        found = fact.process(shown.stdout.splitlines() or [""])
        return {name: {path.replace(f"{self.root}/", "") for path in paths} for name, paths in found.items()}

    def alternatives(self, whole: bool = False) -> list[list[str]]:
        fact = BrokenAlternatives()
        fact.folder, fact.links = str(self.folder), str(self.root / "etc/alternatives")
        shown = subprocess.run(["sh", "-c", fact.command(whole)], capture_output=True, text=True, check=True)
        return fact.process(shown.stdout.splitlines() or [""])


@pytest.fixture
def dpkg(tmp_path: Path) -> Dpkg:
    return Dpkg(tmp_path)


pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="files of root's, and of somebody else's")


def test_what_is_not_there_or_somebody_elses(dpkg: Dpkg) -> None:
    there = ("bin/here", "bin/users", "bin/diverted", "lib/libx.so.1", "usr/share/x/bin/doc")
    for name in there:
        dpkg.write(name)
    os.chown(dpkg.root / "bin/users", 1001, 1001)
    os.chown(dpkg.root / "bin/diverted", 1001, 1001)  # what stands in for it is not ours
    gone = ("bin/gone", "bin/diverted and gone", "lib/libx.so.2", "lib/libx.so.2.txt", "etc/x")
    dpkg.package("ours:amd64", "bin", "lib", *there, *gone)
    dpkg.package("others", "bin/others")
    diverted = [f"{dpkg.root}/bin/{name}" for name in ("diverted", "diverted and gone")]
    (dpkg.folder / "diversions").write_text("".join(f"{path}\n{path}.real\n:\n" for path in diverted))
    lacking = {"bin/users", "bin/gone", "bin/diverted and gone", "lib/libx.so.2"}
    assert dpkg.lacking("ours") == {"ours:amd64": lacking}


def test_what_an_administrator_told_dpkg_stays(dpkg: Dpkg) -> None:
    """Each run took it back: an owner that dpkg-statoverride names, a program that a diversion moved away."""
    for name in ("bin/named", "bin/number", "bin/moved.real", "bin/other"):
        dpkg.write(name)
    for name in ("named", "number", "other"):
        os.chown(dpkg.root / "bin" / name, 2 if name == "named" else 1001, 0)
    rows = [("bin", "named"), ("#1001", "number"), ("bin", "other")]
    text = "".join(f"{owner} root 4755 {dpkg.root}/bin/{name}\n" for owner, name in rows)
    (dpkg.folder / "statoverride").write_text(text)
    (dpkg.folder / "diversions").write_text(f"{dpkg.root}/bin/moved\n{dpkg.root}/bin/moved.real\n:\n")
    dpkg.package("ours", "bin/named", "bin/number", "bin/other", "bin/moved")
    assert dpkg.lacking("ours") == {"ours": {"bin/other"}}


def test_what_is_there_and_of_no_use(dpkg: Dpkg) -> None:
    """Each of these was taken for whole, and nothing started."""
    for name in ("bin/whole", "bin/link-to", "bin/hardened"):
        dpkg.write(name)
    dpkg.write("bin/cut", "")
    dpkg.write("bin/no-x", mode=0o644)
    dpkg.write("lib/cut.so", "")
    dpkg.write("lib/closed.so", mode=0o600)
    dpkg.write("usr/lib/python3/empty.py", "")
    dpkg.write("bin/folder/in")
    dpkg.write("bin/own/in")
    (dpkg.root / "bin/dangling").symlink_to("python3.99")
    (dpkg.root / "bin/link").symlink_to("link-to")
    dpkg.write("lib/kept.so", mode=0o600)
    (dpkg.root / "bin/hardened").chmod(0o750)
    (dpkg.folder / "statoverride").write_text(f"root root 600 {dpkg.root}/lib/kept.so\n")
    files = [str(path.relative_to(dpkg.root)) for path in dpkg.root.rglob("*")]
    # Folders have no sum.
    dpkg.package("ours", *(name for name in files if name != "bin/own"))
    dpkg.package("folders:amd64", "bin/own")
    (dpkg.folder / "info/folders:amd64.md5sums").write_text("")
    sums = (dpkg.folder / "info/ours.md5sums").read_text().splitlines()
    folders = {"bin", "lib", "usr", "usr/lib", "usr/lib/python3"}
    kept = [line for line in sums if line.partition(f"  {str(dpkg.root)[1:]}/")[2] not in folders]
    (dpkg.folder / "info/ours.md5sums").write_text("\n".join(kept))
    lacking = {"bin/dangling", "bin/cut", "bin/no-x", "lib/cut.so", "lib/closed.so", "bin/folder"}
    assert dpkg.lacking("ours", "folders") == {"ours": lacking}


def test_packages_that_ours_need_and_each_debian_has(dpkg: Dpkg) -> None:
    dpkg.package("ours", fields="Pre-Depends: base (>= 1)\nDepends: libx | liby:any (= 2), virtual\nRecommends: nice\n")
    dpkg.package("base", "bin/base", fields="Depends: deep\n")
    dpkg.package("deep:amd64", "lib/deep.so.1")
    dpkg.package("liby", "lib/liby.so.1")
    dpkg.package("provider", "bin/provider", fields="Provides: other, virtual (= 1)\n")
    dpkg.package("dash", "bin/dash", fields="Essential: yes\n")
    dpkg.package("nice", "bin/nice")
    dpkg.package("apt", "bin/apt-get")
    dpkg.status.append("Package: removed\nStatus: deinstall ok config-files\nConffiles:\n /etc/removed 1\n")
    found = dpkg.lacking("ours", "removed")
    assert set(found) == {"base", "deep:amd64", "liby", "provider", "dash", "apt"}


def test_configuration_that_is_gone_or_of_no_use_and_what_programs_read_of_usr_share(dpkg: Dpkg) -> None:
    """R and sshd did not start, and each run said that nothing was to be done. Only of what is ours: others' may be unwanted."""
    dpkg.write("etc/changed", "mine")
    dpkg.write("etc/emptied", "")
    dpkg.write("etc/folder/in")
    dpkg.write("etc/none", "")
    (dpkg.root / "etc/link").symlink_to("nowhere")
    names = ("gone", "changed", "emptied", "folder", "link")
    lines = "".join(f" {dpkg.root}/etc/{name} 0\n" for name in names) + f" {dpkg.root}/etc/obsolete 0 obsolete\n"
    lines += f" {dpkg.root}/etc/none {hashlib.md5(b'', usedforsecurity=False).hexdigest()}\n"
    dpkg.package(
        "ours", *(f"etc/{name}" for name in names), fields=f"Depends: needed\nConffiles:\n{lines}Description: a\n b\n"
    )
    dpkg.package("needed", fields=f"Conffiles:\n {dpkg.root}/etc/needed 0\n")
    shares = [f"usr/share/{name}/no-such" for name in ("R", "i18n", "dbus-1", "doc")]
    dpkg.package("shared", *shares, root=False)
    assert dpkg.lacking("ours", "shared") == {
        "ours": {"etc/gone", "etc/emptied", "etc/folder"},
        "shared": {f"/{name}" for name in shares[:3]},
    }


@pytest.mark.parametrize("name", ["r-cran-*", "r-cran-zoo"])
def test_what_r_loads_of_a_package(dpkg: Dpkg, name: str) -> None:
    """Nobody removes a help page by mistake, and there are tens of thousands of them."""
    zoo = "usr/lib/R/site-library/no-such-zoo"
    loaded = {f"{zoo}/{part}" for part in ("DESCRIPTION", "NAMESPACE", "Meta/package.rds", "R/zoo.rdb", "libs/zoo.so")}
    others = {f"{zoo}/{part}" for part in ("", "R", "help/zoo.rdb", "doc/a.R", "INDEX")}
    dpkg.package("r-cran-zoo", *sorted(loaded | others), root=False)
    dpkg.package("sed", "bin/no-such-sed")
    assert dpkg.lacking(name) == {"r-cran-zoo": {f"/{path}" for path in loaded}}


def test_a_program_that_did_not_run_to_its_end_has_found_nothing_out(dpkg: Dpkg) -> None:
    (dpkg.folder / "status").unlink()
    assert dpkg.lacking("ours") == {FAILED: set()}
    (dpkg.folder / "alternatives/awk").symlink_to("nowhere")
    assert dpkg.alternatives() == [[]]


def alternative(dpkg: Dpkg, name: str, *choices: str, mode: str = "auto") -> None:
    """Let a name, which has a manual page, lead to its first choice."""
    lines = [mode, f"{dpkg.root}/bin/{name}", f"{name}.1", f"{dpkg.root}/man/{name}.1", ""]
    for number, choice in enumerate(choices):
        lines += [f"{dpkg.root}/bin/{choice}", str(number), f"{dpkg.root}/man/{choice}.1"]
        dpkg.write(f"bin/{choice}")
        dpkg.write(f"man/{choice}.1")
    (dpkg.folder / f"alternatives/{name}").write_text("\n".join([*lines, "", ""]))
    for link, to in ((name, f"bin/{choices[0]}"), (f"{name}.1", f"man/{choices[0]}.1")):
        (dpkg.root / "etc/alternatives").mkdir(parents=True, exist_ok=True)
        (dpkg.root / "etc/alternatives" / link).symlink_to(dpkg.root / to)
    (dpkg.root / f"bin/{name}").symlink_to(dpkg.root / f"etc/alternatives/{name}")
    (dpkg.root / f"man/{name}.1").symlink_to(dpkg.root / f"etc/alternatives/{name}.1")


def test_alternatives_that_lead_nowhere(dpkg: Dpkg) -> None:
    links = dpkg.root / "etc/alternatives"
    for name in ("whole", "gone", "dangling", "unlinked", "page", "nothing", "nopage", "half"):
        alternative(dpkg, name, f"m{name}", f"g{name}", mode="manual" if name == "page" else "auto")
    assert dpkg.alternatives() == []
    (links / "gone").unlink()
    (links / "dangling").unlink()
    (links / "dangling").symlink_to("/nowhere")
    (dpkg.root / "bin/unlinked").unlink()
    (links / "page.1").unlink()
    for choice in ("mnothing", "gnothing", "mhalf"):
        (dpkg.root / "bin" / choice).unlink()
    (dpkg.root / "man/mnopage.1").unlink()  # an image without manual pages
    whole = [
        ["--auto", "dangling"],
        ["--auto", "gone"],
        ["--set", "page", f"{dpkg.root}/bin/mpage"],
        ["--auto", "unlinked"],
    ]
    assert dpkg.alternatives(whole=True) == whole
    assert dpkg.alternatives() == sorted([*whole, ["--auto", "half"]], key=lambda one: one[1])


def test_an_administrators_own_alternative_stays(dpkg: Dpkg) -> None:
    """Nobody registered what it leads to, and it works; each run led it elsewhere."""
    links = dpkg.root / "etc/alternatives"
    dpkg.write("opt/nvim/bin/nvim")
    for name in ("editor", "pager", "awk"):
        alternative(dpkg, name, f"m{name}", f"g{name}")
        (links / name).unlink()
        (links / name).symlink_to(dpkg.root / "opt/nvim/bin/nvim" if name != "awk" else "/nowhere")
    (dpkg.root / "bin/pager").unlink()
    assert dpkg.alternatives() == [["--auto", "awk"], ["--auto", "pager"]]
