"""Facts: what they make of output as real systems give it (Debian 12 with the deploy on it, but where noted)."""

from __future__ import annotations

import importlib
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api import DeployError, FactBase

from tasks.facts.apt import (
    AptState,
    AptStatus,
    KnownPackages,
    MirrorDrift,
    Reachable,
    ReverseDependencies,
    Upgradable,
)
from tasks.facts.certificates import LackingAuthorities
from tasks.facts.dpkg import BrokenAlternatives, LackingFiles
from tasks.facts.files import (
    MISSING,
    NO_FOLDER,
    THEIRS,
    FileContents,
    Judged,
    Leftovers,
    Lines,
    Paths,
    PathStats,
    SetuidFiles,
    UnlistedFiles,
    UserFolder,
    UsersFiles,
)
from tasks.facts.kernels import StartProblems
from tasks.facts.r import PackageOrigins, RPackages
from tasks.facts.server import Account, AccountRights, LedTo, OneOfUsers, OpenToOthers, OthersFolders, Unwritable
from tasks.facts.ssh import ImageHostKeys, SshdProblem
from tasks.facts.systemd import UnitStates
from tasks.facts.variables import ImageVariables, Variables
from tasks.facts.venv import Distributions, UncompiledSources, VenvDamage
from tests.operations.conftest import ROOT

ENV = "/opt/jupyter/lib/python3.11/site-packages"
LISTS = """now:1795404277
list:/var/lib/apt/lists/mirror_debian_dists_bookworm_InRelease
list:/var/lib/apt/lists/mirror_dists_focal_Release
fetched:1795404203"""
ENVIRONMENT = "# BEGIN melda-jupyter\nusername=melda\nUHOME=/home/melda\nJUPYTER"
CASES: list[tuple[Any, str, Any]] = [
    (UserFolder, "directory|755|melda|melda\noverlayfs", ["directory", "755", "melda", "melda", "overlayfs"]),
    (UserFolder, "", []),
    (
        AptState,
        LISTS,
        AptStatus(False, frozenset({"mirror_debian_dists_bookworm_InRelease", "mirror_dists_focal_Release"}), 74),
    ),
    (AptState, "now:1795404277", AptStatus(False, frozenset(), None)),
    (AptState, "now:10\nfetched:20", AptStatus(False, frozenset(), -10)),
    (
        AptState,
        "now:1\naudit:The following packages are only half configured, probably due to: x",
        AptStatus(True, frozenset(), None),
    ),
    (AptState, "now:1\ndamaged:/a_Packages\ndamaged:/b", AptStatus(False, frozenset(), None, ("/a_Packages", "/b"))),
    (AptState, "now:1\naudit:0001", AptStatus(True, frozenset(), None)),
    (Upgradable, "bash\nlibc6\ndone", ["bash", "libc6"]),
    (Upgradable, "done", []),
    (SshdProblem, "/x lets in who has no key\ndone", ["/x lets in who has no key"]),
    (SshdProblem, "done", []),
    (StartProblems, "R: x\ndone", ["R: x"]),
    (KnownPackages, "r-cran-tidyverse\nr-cran-tidyr", {"r-cran-tidyverse", "r-cran-tidyr"}),
    (Reachable, "yes", True),
    (Reachable, "", False),
    (LackingAuthorities, "lacking", True),
    (LackingAuthorities, "", False),
    (
        PathStats,
        f"directory|755|root|root|/etc\nregular file|644|root|root|/etc/passwd\nsha|{64 * '2'}  /etc/passwd\nlink|usr/bin|/bin",
        {
            "/etc": ("directory", "755", "root", "root"),
            "/etc/passwd": ("file", "644", "root", "root", 64 * "2"),
            "/bin": ("link", "usr/bin"),
        },
    ),
    # Another account, or group, with root's number may come first in its file, and be what stat calls it.
    (
        PathStats,
        f"directory|2755|0|50|/x\nregular empty file|600|0|1001|/y\nsha|{64 * '3'}  /y",
        {"/x": ("directory", "2755", "root", "staff"), "/y": ("file", "600", "root", "1001", 64 * "3")},
    ),
    (PathStats, "link|a|b|/x", {"/x": ("link", "a", "b")}),
    (
        ReverseDependencies,
        "r-cran-sp:r-cran-sf\nr-cran-sp:r-cran-sp\nr-cran-zoo:r-cran-zoo",
        {"r-cran-sp": {"r-cran-sf", "r-cran-sp"}, "r-cran-zoo": {"r-cran-zoo"}},
    ),
    (
        PackageOrigins,
        "installed:r-cran-zoo\ninstalled:r-cran-xts\ninstalled:r-cran-sp\nauto:r-cran-sp\nauto:r-cran-gone\n"
        "user:r-cran-xts\ncompiled:bspm\nlisted:zoo\nlisted:data.table",
        {
            "manual": {"r-cran-zoo", "r-cran-xts"},
            "user": {"r-cran-xts"},
            "compiled": {"bspm"},
            "listed": {"zoo", "data.table"},
        },
    ),
    (
        PathStats,
        "fs|fuseblk|/home/melda/project\ndirectory|770|melda|melda|/home/melda/project",
        {"/home/melda/project": ("fuse",)},
    ),
    (FileContents, "IyBCRUdJTiBtZWxkYS1qdXB5dGVyCnVzZXJuYW1lPW1lbGRhClVIT01FPS9ob21lL21lbGRhCkpVUFlURVI=", ENVIRONMENT),
    (
        Distributions,
        f"{ENV}/QtPy-2.4.3.dist-info/RECORD\n"
        f"{ENV}/argon2_cffi_bindings-26.2.0.dist-info/RECORD\n{ENV}/ruamel.yaml-0.17.dist-info/RECORD",
        {"qtpy==2.4.3", "argon2-cffi-bindings==26.2.0", "ruamel-yaml==0.17"},
    ),
    (
        Leftovers,
        "/etc/apt/apt.conf.d/90melda-jupyter.melda-new\n/tmp/melda-jupyter.x",
        ["/etc/apt/apt.conf.d/90melda-jupyter.melda-new", "/tmp/melda-jupyter.x"],
    ),
    # A file name with a line end in it, made by somebody who may write in /tmp.
    (Leftovers, "/tmp/melda-jupyter.x\netc", ["/tmp/melda-jupyter.x"]),
    (Leftovers, "/tmp/melda-jupyter.a\n-z.melda-new\n/etc/x.melda-new", ["/tmp/melda-jupyter.a", "/etc/x.melda-new"]),
    (
        RPackages,
        "/usr/lib/R/library/base/Meta/package.rds\n/usr/lib/R/site-library/data.table/Meta/package.rds",
        {"base", "data.table"},
    ),
    (
        ImageHostKeys,
        "/etc/ssh/ssh_host_rsa_key\n/etc/ssh/ssh_host_rsa_key.pub",
        ["/etc/ssh/ssh_host_rsa_key", "/etc/ssh/ssh_host_rsa_key.pub"],
    ),
    (ImageHostKeys, "", []),
    (
        ImageVariables,
        "docker:PATH=/usr/bin\ndocker:SRC=/usr/src/a:b=c\nwritten:username=jo",
        Variables({"username": "jo"}, {"PATH": "/usr/bin", "SRC": "/usr/src/a:b=c"}, False),
    ),
    (ImageVariables, "host\nwritten:username=jo", Variables({"username": "jo"}, {}, True)),
    (Unwritable, "no space in /tmp: expected 1 MB at least\ndone", ["no space in /tmp: expected 1 MB at least"]),
    (OthersFolders, "/usr/local", ["/usr/local"]),
    (AccountRights, "expires\ngroup:melda\ngroup:sudo", ["expires", "group:melda", "group:sudo"]),
    (
        Account,
        "name:melda:x:1001:1001::/home/melda:/bin/bash\n"
        "number:melda:x:1001:1001::/home/melda:/bin/bash\ngroup:melda:x:1001:\ngid:melda:x:1001:",
        {
            "name": ["melda", "x", "1001", "1001", "", "/home/melda", "/bin/bash"],
            "number": ["melda", "x", "1001", "1001", "", "/home/melda", "/bin/bash"],
            "group": ["melda", "x", "1001", ""],
            "gid": ["melda", "x", "1001", ""],
        },
    ),
]


@pytest.mark.parametrize(("fact", "output", "value"), CASES)
def test_real_output(fact: Any, output: str, value: Any) -> None:
    assert fact().process(output.splitlines()) == value


def test_a_kind_that_is_none_is_not_taken_for_something_in_the_way() -> None:
    with pytest.raises(DeployError, match="stat says 'répertoire' of .*'/etc'.*: expected a file or a folder"):
        PathStats().process(["répertoire|755|root|root|/etc"])


# These have tests of their own, with what a real shell says.
ELSEWHERE = {
    BrokenAlternatives, Judged, LackingFiles, LedTo, Lines, MirrorDrift, OneOfUsers, OpenToOthers, Paths, SetuidFiles,
    UncompiledSources, UnitStates, UnlistedFiles, UsersFiles, VenvDamage,
}  # fmt: skip


def test_every_fact_has_a_case() -> None:
    modules = [importlib.import_module(f"tasks.facts.{path.stem}") for path in (ROOT / "tasks/facts").glob("[!_]*.py")]
    facts = {
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, FactBase) and value.__module__ == module.__name__
    }
    assert facts == {fact for fact, _, _ in CASES} | ELSEWHERE


def ask(fact: Any, **arguments: Any) -> Any:
    """The fact of this machine, which has sh and GNU's tools like every target."""
    shown = subprocess.run(["sh", "-c", fact.command(**arguments)], capture_output=True, text=True, check=True)
    assert shown.stderr == ""
    return fact.process(shown.stdout.splitlines())


def test_paths_of_a_real_file_system(tmp_path: Path) -> None:
    odd = tmp_path / "it's a $(file)"
    odd.write_bytes(b"x")
    odd.chmod(0o640)
    (tmp_path / "folder").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to("nowhere")
    found = ask(PathStats(), paths=[str(tmp_path / name) for name in (odd.name, "folder", "link", "missing")])
    own = (odd.owner(), odd.group())
    sha = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
    assert found == {
        str(odd): ("file", "640", *own, sha),
        str(tmp_path / "folder"): ("directory", "700", *own),
        str(tmp_path / "link"): ("link", "nowhere"),
    }


def test_of_the_folders_above_what_is_in_the_way_or_missing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "there").mkdir()
    os.mkfifo(tmp_path / "pipe")
    paths = [str(tmp_path / name) for name in ("there/x", "file/x", "missing/deep/x", "pipe")]
    found = ask(PathStats(), paths=paths)
    # Whoever runs the tests may not be root.
    assert {path: what for path, what in found.items() if what != THEIRS} == {
        str(tmp_path / "file"): NO_FOLDER,
        str(tmp_path / "missing"): MISSING,
        str(tmp_path / "missing/deep"): MISSING,
        str(tmp_path / "pipe"): ("other",),
    }


def test_one_question_for_all_paths_answers_each(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "there").mkdir()
    questions = [
        {"paths": [str(tmp_path / name) for name in names]}
        for names in (["file", "there"], ["file/x", "there/y", "missing/z"], ["missing"])
    ]
    together = PathStats.merged(questions)
    answer, paths = ask(PathStats(), **together), set(together["paths"])
    for question in questions:
        assert PathStats.part(answer, paths, question["paths"]) == ask(PathStats(), **question)


@pytest.mark.parametrize(
    "content", [b"", b"a", b"a\n", b"\n\na\r\n \n\n", b"caf\xe9\n\x00\x0c\xff" * 50, "é\u2028ñ".encode()]
)
def test_text_is_the_files_bytes(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    found = ask(FileContents(), path=str(path))
    assert found.encode("utf-8", "surrogateescape") == content


def test_text_of_a_missing_file(tmp_path: Path) -> None:
    assert ask(FileContents(), path=str(tmp_path / "missing")) == ""


def test_a_distribution_that_was_cut_off_does_not_count(tmp_path: Path) -> None:
    site = tmp_path / "lib/python3.11/site-packages"
    for name, there in (
        ("whole-1.0", ("INSTALLER", "RECORD", "METADATA")),
        ("no_record-1.0", ("INSTALLER", "METADATA")),
        ("no_installer-1.0", ("RECORD", "METADATA")),
    ):
        folder = site / f"{name}.dist-info"
        folder.mkdir(parents=True)
        for part in there:
            (folder / part).write_text("x")
    assert ask(Distributions(), env=str(tmp_path)) == {"whole==1.0"}
    assert ask(Distributions(), env=str(tmp_path / "missing")) == set()
