"""Ubuntu 20.04 to 26.04 and Debian 11 to 13: what differs between them and can be seen without them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tasks import r2u
from tasks.lib.managed_files import source
from tasks.releases import RELEASES

from ..test_python_3_8 import ROOT, SOURCES

MIRROR, SECURITY = "https://mirror.example/d", "https://mirror.example/s"
UBUNTU_LINES = """# See http://help.ubuntu.com/community/UpgradeNotes
deb {archive} {codename} main restricted
# deb-src {archive} {codename} main restricted
deb {archive} {codename}-updates main restricted universe
deb {archive} {codename}-backports main restricted universe
deb {security} {codename}-security main restricted universe
"""
UBUNTU_STANZAS = """Types: deb
URIs: {archive}
Suites: {codename} {codename}-updates {codename}-backports
Components: main universe restricted multiverse
Signed-By: /usr/share/keyrings/ubuntu-archive-keyring.gpg

Types: deb
URIs: {security}
Suites: {codename}-security
Components: main universe restricted multiverse
Signed-By: /usr/share/keyrings/ubuntu-archive-keyring.gpg
"""
DEBIAN_LINES = """# deb http://snapshot.debian.org/archive/debian/20241111T000000Z {codename} main
deb {archive} {codename} main
deb {security} {codename}-security main
deb {archive} {codename}-updates main
"""
DEBIAN_STANZAS = """Types: deb
URIs: {archive}
Suites: {codename} {codename}-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.{ending}

Types: deb
URIs: {security}
Suites: {codename}-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.{ending}
"""
# As the releases' own images have them; Ubuntu's arm64 has servers of its own.
FORMS = {
    "focal": ("sources.list", UBUNTU_LINES),
    "jammy": ("sources.list", UBUNTU_LINES),
    "noble": ("sources.list.d/ubuntu.sources", UBUNTU_STANZAS),
    "resolute": ("sources.list.d/ubuntu.sources", UBUNTU_STANZAS),
    "bullseye": ("sources.list", DEBIAN_LINES),
    "bookworm": ("sources.list.d/debian.sources", DEBIAN_STANZAS),
    "trixie": ("sources.list.d/debian.sources", DEBIAN_STANZAS),
}
SERVERS = {
    ("Ubuntu", "amd64"): ("http://archive.ubuntu.com/ubuntu/", "http://security.ubuntu.com/ubuntu/"),
    ("Ubuntu", "arm64"): ("http://ports.ubuntu.com/ubuntu-ports/", "http://ports.ubuntu.com/ubuntu-ports/"),
    ("Debian", "amd64"): ("http://deb.debian.org/debian", "http://deb.debian.org/debian-security"),
    ("Debian", "arm64"): ("http://deb.debian.org/debian", "http://deb.debian.org/debian-security"),
}
CASES = [(codename, architecture) for codename in RELEASES for architecture in ("amd64", "arm64")]


def shipped(codename: str, architecture: str) -> str:
    """The text of a release's own sources."""
    archive, security = SERVERS[RELEASES[codename].distribution, architecture]
    ending = "pgp" if codename == "trixie" else "gpg"
    return FORMS[codename][1].format(codename=codename, archive=archive, security=security, ending=ending)


def mirrored(folder: Path, *arguments: str) -> str:
    places = {"APT_FOLDER": str(folder), "KEPT_FOLDER": str(folder.parent / "kept"), "PATH": "/usr/bin:/bin"}
    command = ["sh", str(ROOT / "files/apt_sources/apt-sources"), *arguments]
    return subprocess.run(command, env=places, check=True, capture_output=True, text=True).stdout


def fetched(folder: Path, architecture: str) -> list[str]:
    """The Release files that apt itself would fetch for the sources of a folder, without fetching any."""
    if not shutil.which("apt-get"):
        pytest.skip("this machine has no apt")
    state = folder.parent / "state"
    (state / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    (state / "status").touch()
    (folder / "sources.list.d").mkdir(exist_ok=True)
    options = {
        "Dir::Etc::SourceList": folder / "sources.list",
        "Dir::Etc::SourceParts": folder / "sources.list.d",
        "Dir::State": state,
        "Dir::State::status": state / "status",
        "Dir::Cache": state,
        "APT::Architecture": architecture,
        "APT::Architectures": architecture,
    }
    said = subprocess.run(
        ["apt-get", *(f"-o{name}={value}" for name, value in options.items()), "update", "--print-uris"],
        check=True,
        capture_output=True,
        text=True,
    )
    return re.findall(r"^'(\S+)/InRelease'", said.stdout, re.MULTILINE)


def test_every_release_is_in_the_tables() -> None:
    assert FORMS.keys() == RELEASES.keys()
    assert {(release.distribution, "arm64") for release in RELEASES.values()} <= SERVERS.keys()


@pytest.mark.parametrize(("codename", "architecture"), CASES)
def test_a_releases_own_sources_name_the_mirrors_and_again_themselves(
    codename: str, architecture: str, tmp_path: Path
) -> None:
    path = tmp_path / "apt" / FORMS[codename][0]
    path.parent.mkdir(parents=True)
    before = shipped(codename, architecture)
    path.write_text(before)
    mirrored(tmp_path / "apt", codename, MIRROR, SECURITY)
    suites = [codename, f"{codename}-updates"]
    suites += [f"{codename}-backports"] if RELEASES[codename].distribution == "Ubuntu" else []
    wanted = {f"{MIRROR}/dists/{suite}" for suite in suites} | {f"{SECURITY}/dists/{codename}-security"}
    assert set(fetched(tmp_path / "apt", architecture)) == wanted
    keys = re.findall("^Signed-By: .*", before, re.MULTILINE)
    assert re.findall("^Signed-By: .*", path.read_text(), re.MULTILINE) == keys, "a mirror is trusted by the same key"
    assert mirrored(tmp_path / "apt", "--check", codename, MIRROR, SECURITY) == ""
    mirrored(tmp_path / "apt", codename, "", "")
    assert path.read_text() == before


R2U = [(name, there) for name, row in RELEASES.items() for there in row.r2u_architectures]


@pytest.mark.parametrize(("codename", "architecture"), R2U)
def test_apt_reads_r2us_and_rs_sources(codename: str, architecture: str, tmp_path: Path) -> None:
    folder = tmp_path / "apt"
    (folder / "sources.list.d").mkdir(parents=True)
    row = RELEASES[codename]
    assert row.r2u_suite and row.r_suite
    own = r2u.sources("https://r2u.example/ubuntu", row.r2u_suite, architecture, r2u.KEYRING, "main")
    (folder / "sources.list.d/r2u.sources").write_bytes(own)
    (folder / "sources.list.d/r.sources").write_bytes(
        r2u.sources("https://cran.example/ubuntu", f"{row.r_suite}/", architecture, r2u.R_KEYRING, "")
    )
    assert set(fetched(folder, architecture)) == {
        f"https://r2u.example/ubuntu/dists/{codename}",
        f"https://cran.example/ubuntu/{codename}-cran40",
    }


def test_a_key_is_bound_to_its_repository_by_a_file_that_apt_2_0_reads() -> None:
    """Ubuntu 20.04's apt takes no key within a sources file (2.4), and an armored key only if its name ends in .asc (1.4)."""
    for keyring in (r2u.KEYRING, r2u.R_KEYRING):
        assert re.fullmatch(r"/etc/apt/keyrings/[a-z0-9-]+\.asc", keyring), "trusted for all would be in trusted.gpg.d"
        shown = r2u.sources("http://m", "s", "arm64", keyring, "main").decode()
        assert re.findall(r"^Signed-By:.*", shown, re.MULTILINE) == [f"Signed-By: {keyring}"]
    assert source("r2u/dirk_eddelbuettel_key.asc").startswith(b"-----BEGIN PGP PUBLIC KEY BLOCK-----")


# What is uploaded and what runs there, beside Python.
SCRIPTS = [
    ROOT / "files/apt_sources/apt-sources",
    ROOT / "builder/provision",
    ROOT / "builder/record",
    ROOT / "builder/venv",
]
FILES = [*SOURCES, *SCRIPTS, ROOT / "Dockerfile", ROOT / "Dockerfile.base"]
# Without the list of options that are read in commands of others; nothing gives these.
GIVEN = [path for path in FILES if path != ROOT / "files/runtime/src/melda/envs/formats/options.py"]


def lines(pattern: str, paths: list[Path]) -> list[str]:
    """Lines of files that hold a pattern, with their place; comments do not count."""
    return [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in paths
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if re.search(pattern, line) and not line.lstrip().startswith("#")
    ]


def test_no_repository_is_trusted_without_its_key() -> None:
    pattern = r"apt-key|trusted\.gpg|trusted=yes|allow-unauthenticated|AllowInsecure|allow-insecure"
    assert lines(pattern, GIVEN) == []


def test_nothing_assumes_an_architecture() -> None:
    """Named are: where r2u has packages, for which machines locks are resolved, what PLATFORM takes, how conda calls this one."""
    pattern = r"(?i)\b(amd64|x86[_-]64|i386|arm64|aarch64)\b|linux-gnu"
    conda = "files/runtime/src/melda/envs/formats/conda_read.py"
    known = {"tasks/releases.py", "builder/lock.py", "builder/base.py", conda}
    host = [ROOT / "Makefile", *(ROOT / "builder").glob("*.py"), *(ROOT / ".ci").iterdir()]
    ours = [path for path in (ROOT / "deployments").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert host and ours
    found = [line for line in lines(pattern, [*FILES, *host, *ours]) if line.partition(":")[0] not in known]
    assert [line for line in found if "platform: like x86_64" not in line] == []


def test_nothing_is_installed_into_the_distributions_python() -> None:
    """PEP 668: Debian 12 and Ubuntu 24.04 refuse it, and on the others it would be wrong as well."""
    assert lines(r"break-system-packages|EXTERNALLY-MANAGED|uv pip [^#]*--system", GIVEN) == []
    calls = [line for line in lines(r"(?:-m pip|uv pip|pip3?) install -", FILES) if "builder/venv" not in line]
    assert len(calls) >= 4
    assert [call for call in calls if "--target" not in call and "--python {path}" not in call] == []


def test_python_3_8_knows_every_module_and_method() -> None:
    """What syntax does not show: names that a later standard library brought. `novm` on a line says that it is caught."""
    vermin = [Path(sys.executable).parent / "vermin", "--quiet", "--no-tips", "--target=3.8-", "--violations"]
    done = subprocess.run([*vermin, *SOURCES], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
