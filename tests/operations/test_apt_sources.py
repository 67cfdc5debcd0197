"""tasks/apt_sources.py: apt's sources and proxy as the settings say, and what stood there before when they say nothing."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tasks import apt_sources
from tasks.facts.apt import MirrorDrift, Reachable
from tasks.facts.files import PathStats
from tasks.lib import apt_get

from .conftest import ROOT, Run

MIRROR, SECURITY = "https://mirror.example/d", "https://mirror.example/s"
LISTED = """deb http://deb.debian.org/debian bookworm main
deb http://deb.debian.org/debian bookworm-updates main
# deb http://deb.debian.org/debian bookworm-backports main
deb [arch=amd64 signed-by=/k] http://security.debian.org/debian-security bookworm-security main contrib
deb https://example.org/tools bookworm-tools main
"""
DEB822 = """# Debian's own
Types: deb
URIs: http://deb.debian.org/debian
Suites: bookworm bookworm-updates
Components: main

Types: deb
URIs: http://deb.debian.org/debian-security
Suites: bookworm-security
Components: main

Types: deb
URIs: https://example.org/other
Suites: stable
"""


@pytest.fixture
def apt_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "apt"
    (folder / "sources.list.d").mkdir(parents=True)
    (folder / "sources.list").write_text(LISTED)
    (folder / "sources.list.d/debian.sources").write_text(DEB822)
    (folder / "sources.list.d/r2u.sources").write_text(DEB822)
    return folder


def script(apt_folder: Path, *arguments: str) -> str:
    places = {"APT_FOLDER": str(apt_folder), "KEPT_FOLDER": str(apt_folder.parent / "kept"), "PATH": "/usr/bin:/bin"}
    command = ["sh", str(ROOT / "files/apt_sources/apt-sources"), *arguments]
    return subprocess.run(command, env=places, check=True, capture_output=True, text=True).stdout


def text(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_only_the_distributions_own_sources_are_changed(apt_folder: Path) -> None:
    assert len(script(apt_folder, "--check", "bookworm", MIRROR, SECURITY).split()) == 2
    assert text(apt_folder)["sources.list"] == LISTED, "--check changes nothing"
    script(apt_folder, "bookworm", MIRROR, SECURITY)
    found = text(apt_folder)
    assert set(found) == {"sources.list", "sources.list.d/debian.sources", "sources.list.d/r2u.sources"}
    listed = found["sources.list"].splitlines()[1:]
    assert listed == [
        f"deb {MIRROR} bookworm main",
        f"deb {MIRROR} bookworm-updates main",
        "# deb http://deb.debian.org/debian bookworm-backports main",
        f"deb [arch=amd64 signed-by=/k] {SECURITY} bookworm-security main contrib",
        "deb https://example.org/tools bookworm-tools main",
    ]
    wanted = DEB822.replace("http://deb.debian.org/debian-security", SECURITY)
    wanted = wanted.replace("http://deb.debian.org/debian", MIRROR)
    assert found["sources.list.d/debian.sources"].split("\n", 1)[1] == wanted
    assert found["sources.list.d/r2u.sources"] == DEB822
    assert script(apt_folder, "--check", "bookworm", MIRROR, SECURITY) == "", "a second run has nothing to do"


def test_what_stood_there_comes_back(apt_folder: Path) -> None:
    before = text(apt_folder)
    for mirror in (MIRROR, "http://other/debian"):
        script(apt_folder, "bookworm", mirror, "")
        assert f"deb {mirror} bookworm main" in text(apt_folder)["sources.list"]
        assert "security.debian.org" in text(apt_folder)["sources.list"]
    script(apt_folder, "bookworm", "", "")
    assert text(apt_folder) == before
    assert not (apt_folder.parent / "kept").exists()


def test_what_somebody_writes_since_is_the_original(apt_folder: Path) -> None:
    script(apt_folder, "bookworm", MIRROR, SECURITY)
    (apt_folder / "sources.list").write_text("deb http://new/debian bookworm main\n")
    script(apt_folder, "bookworm", MIRROR, SECURITY)
    assert text(apt_folder)["sources.list"].endswith(f"\ndeb {MIRROR} bookworm main\n")
    script(apt_folder, "bookworm", "", "")
    assert text(apt_folder)["sources.list"] == "deb http://new/debian bookworm main\n"


def test_a_suite_of_another_release_stays(apt_folder: Path) -> None:
    assert script(apt_folder, "--check", "trixie", MIRROR, SECURITY) == ""


def test_bullseyes_and_focals_names(apt_folder: Path) -> None:
    (apt_folder / "sources.list").write_text("deb-src http://s/x buster/updates main\n")
    script(apt_folder, "buster", "", SECURITY)
    assert f"deb-src {SECURITY} buster/updates main" in text(apt_folder)["sources.list"]


NAME = "Let apt's sources name the mirrors"
CHANGED = {MirrorDrift: ["/etc/apt/sources.list"]}


def test_nothing_by_default(run: Run) -> None:
    assert run(apt_sources.apt_sources) == {}


def test_the_lists_of_another_server_are_fetched_anew(run: Run) -> None:
    (command,) = run(apt_sources.apt_sources, CHANGED, apt_mirror=MIRROR)[NAME]
    forgotten = f"rm -rf {apt_get.STAMP} && "
    assert command.startswith(forgotten), "a run that is killed between fetches them too"
    assert command.endswith(f" apt-sources bookworm {MIRROR} ''")
    assert run(apt_sources.apt_sources, apt_mirror=MIRROR) == {}


def test_the_proxy_comes_and_goes(run: Run) -> None:
    commands = run(apt_sources.apt_sources, {}, apt_proxy="http://cache:3142")
    assert commands.uploads == {
        f"{apt_sources.PROXY}.melda-new": b'# Managed by melda-jupyter.\nAcquire::http::Proxy "http://cache:3142";\n'
    }
    there = {apt_sources.PROXY: ("file", "644", "root", "root", "0")}
    assert list(run(apt_sources.apt_sources, {PathStats: there})) == ["Tell apt of its proxy, or no longer"]


def test_a_password_is_in_no_command_line(run: Run) -> None:
    """Of a proxy and of a netrc: a command reads them from files that root alone can read, and a fact does without."""
    from tasks.operations.bspm import installed  # noqa: PLC0415

    asked: list[dict[str, object]] = []
    netrc = str(ROOT / "README.md")
    table = {Reachable: lambda **given: asked.append(given) or True}
    secret = "http://jo:hushhush@proxy:3128"
    commands = run(lambda: installed(name="x"), table, http_proxy=secret, https_proxy=secret, netrc=netrc)
    assert "hushhush" not in str(dict(commands)) + Reachable().command(**asked[0])  # type: ignore[arg-type]
    assert asked[0]["accept_auth_challenge"]
    assert "mkdir -m 700 /var/lib/melda-jupyter.provision/.secrets" in commands["x"]
    environment = commands.uploads["/var/lib/melda-jupyter.provision/.secrets/environment"].decode()
    assert f"export http_proxy={secret}\nexport HTTP_PROXY={secret}\nexport https_proxy={secret}\n" in environment
    assert "export NETRC=/var/lib/melda-jupyter.provision/.secrets/netrc\n" in environment
    assert commands.uploads["/var/lib/melda-jupyter.provision/.secrets/netrc"] == Path(netrc).read_bytes()
