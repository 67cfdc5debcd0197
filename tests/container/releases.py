"""Images of several releases, with bspm, and what a project has on one of them: pure, compiled, local, GitHub's, and gone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fakes import cran_repository, wheels
from tests.fakes.serve import Server, gateway

from .machines import ROOT, Machine, provision

# Which Python and R each release has.
RELEASES = {
    "bullseye": ("3.9.2", "4.0.4"),
    "bookworm": ("3.11.2", "4.2.2"),
    "trixie": ("3.13.5", "4.5.0"),
}
COMPILED = ("wrapt==1.17.2", "msgpack==1.1.0")  # real ones; they have wheels for all of these Pythons
BUILDING = ("setuptools==75.3.2", "wheel==0.44.0")
APT = ("abind", "bitops", "iterators", "RUnit", "snow")  # which none of the images has itself
GITHUB = '{"url": "https://github.com/cran4linux/fox", "vcs_info": {"vcs": "git", "commit_id": "%s"}}' % ("1" * 40)
REMOTE = "RemoteType: github\nRemoteHost: api.github.com\nRemoteRepo: meldahub\nRemoteUsername: cran4linux\nRemoteRef: HEAD\n"

# All of it, as a user installs it: ten Python packages, ten of R.
INSTALL = f"""
set -e
cp -r /wheels/local/mine project/own
pip install -q zebra==1.0 yak==1.0 lynx==1.0 gone==1.0 fox==1.0 {" ".join(COMPILED)} >&2
pip install -q /wheels/local/owl-3.0-py3-none-any.whl /wheels/local/hare-1.0-*.whl >&2
pip install -q --no-build-isolation -e project/own >&2
echo '{GITHUB}' >$(echo project/Python-*/lib/python*/site-packages/fox-1.0.dist-info)/direct_url.json
Rscript -e 'install.packages(c({", ".join(f'"{name}"' for name in APT)}, "meldapure", "meldanative"))' >&2
Rscript -e 'install.packages("/wheels/local/meldaold_0.9.0.tar.gz", repos = NULL)' >&2
R CMD INSTALL --library=$(ls -d project/R-*) /wheels/local/meldalocal /wheels/local/meldahub >&2
"""
NOT_TO_BE_HAD = ("fox 1.0", "gone 1.0", "hare 1.0", "meldahub 0.1")  # GitHub is out of reach here


@pytest.fixture(scope="module")
def contrib(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """CRAN's src/contrib: bspm, and packages that apt has not got; of one a former version only."""
    found = cran_repository.build(tmp_path_factory.mktemp("cran"))
    former = cran_repository.write_source(tmp_path_factory.mktemp("former"), "meldaold", "0.9.0")
    cran_repository.archive(found, former)
    return found


@pytest.fixture(scope="module")
def cran(docker: str, contrib: Path) -> Iterator[Server]:
    """What install.packages() asks."""
    root = contrib.parents[1]
    root.chmod(0o755)
    with Server(root, gateway(docker=docker)) as server:
        yield server


@pytest.fixture(scope="module")
def packages(contrib: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What pip is asked for on every release, and local packages."""
    folder = tmp_path_factory.mktemp("packages")
    local = folder / "local"
    local.mkdir()
    for name in ("zebra", "kudu", "fox"):
        wheels.build(folder, name, "1.0", {f"{name}/__init__.py": "V = '1.0'\n"}, hashed=True)
    wheels.build(folder, "yak", "2.0", {"yak/__init__.py": "V = '2.0'\n"}, hashed=True)
    wheels.build_source(folder, "lynx", "1.0", {"lynx/__init__.py": "V = '1.0'\n"})
    wheels.build(local, "owl", "3.0", {"owl/__init__.py": "V = '3.0'\n"}, hashed=True)
    mine = local / "mine"
    (mine / "mine").mkdir(parents=True)
    (mine / "mine" / "__init__.py").write_text("V = '0.1'\n")
    (mine / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
        '[project]\nname = "mine"\nversion = "0.1"\n[tool.setuptools]\npackages = ["mine"]\n'
    )
    cran_repository.write_source(local, "meldalocal", "0.1")
    with (cran_repository.write_source(local, "meldahub", "0.1") / "DESCRIPTION").open("a") as stream:
        stream.write(REMOTE)
    shutil.copy(contrib / "Archive" / "meldaold" / "meldaold_0.9.0.tar.gz", local)
    pip = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder)]
    subprocess.run([*pip, "--require-hashes", "-r", str(ROOT / "files" / "jupyter" / "uv.txt")], check=True)
    for version, _ in RELEASES.values():
        python = ["--only-binary=:all:", "--python-version", version.rpartition(".")[0]]
        subprocess.run([*pip, *python, *COMPILED, *BUILDING], check=True)
    (folder / "pip.conf").write_text("[global]\nno-index = true\nfind-links = /wheels\n")
    return folder


@pytest.fixture(scope="module")
def ten(packages: Path, tmp_path_factory: pytest.TempPathFactory, old: str) -> Path:
    """The same, and what there is for the Python of the release ``old`` alone."""
    folder = tmp_path_factory.mktemp("ten")
    shutil.copytree(packages, folder, dirs_exist_ok=True)
    python = "cp" + RELEASES[old][0].rpartition(".")[0].replace(".", "")
    for where, name in ((folder, "yak"), (folder, "gone"), (folder / "local", "hare")):
        wheels.build(where, name, "1.0", {f"{name}/__init__.py": "V = '1.0'\n"}, tag=f"{python}-{python}-linux_x86_64")
    folder.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def release(docker: str, cran: Server, request: pytest.FixtureRequest) -> Iterator[Callable[[str], str]]:
    """``release("trixie")``: an image of a release, with Jupyter, R and bspm, without curated packages.

    MELDA_TEST_RELEASES says ``trixie=IMAGE,...``: images to begin with, to try a test without waiting.
    """
    given = dict(one.split("=") for one in os.environ.get("MELDA_TEST_RELEASES", "").split(",") if one)
    made: dict[str, str] = {}

    def make(codename: str) -> str:
        if codename not in made:
            base = given.get(codename) or request.getfixturevalue("bases")[codename]
            machine = Machine(docker, base, command=("tail", "-f", "/dev/null"))
            try:
                done = provision(docker, f"@docker/{machine.name}", packages="none", cran_mirror=cran.url)
                assert done.code == 0, done.output[-5000:]
                name = f"melda-test-release-{uuid.uuid4().hex[:8]}"
                subprocess.run([docker, "commit", machine.name, name], check=True, stdout=subprocess.DEVNULL)
                made[codename] = name
            finally:
                machine.remove()
        return made[codename]

    yield make
    for name in made.values():
        subprocess.run([docker, "image", "rm", "--force", name], capture_output=True, check=False)
