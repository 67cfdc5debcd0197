"""The curated packages: apt knows their names, and each one loads in an image; what an image lacks, it says.

`make test` has the set core; `make test-all` datascience, in an image of its own.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from builder import image as images
from tasks.packages import debian_name, names, up_to

from .machines import ROOT, Machine, provision

LISTS = ROOT / "files" / "packages"
# On CRAN, and so in r2u, which has all of CRAN; not in the Debian of that name.
NOT_IN_DEBIAN = {
    "bullseye": {
        "vroom", "httr2", "RPostgres", "writexl", "arrow", "fst", "terra", "leaflet", "xgboost", "tidytext", "flexdashboard",
        "kableExtra",
    },
    "bookworm": {"RPostgres", "writexl", "arrow", "fst", "leaflet", "xgboost", "flexdashboard", "kableExtra"},
    "trixie": {"RPostgres", "arrow", "fst", "leaflet", "xgboost", "gbm", "factoextra", "flexdashboard"},
}  # fmt: skip
DATASCIENCE = "melda-test-datascience:latest"
# The modules of a distribution: of several the one that is called like it, else all that are not private.
IMPORT = """
import importlib, importlib.metadata as m, json, sys, warnings
warnings.simplefilter("ignore")
failed = {}
for name in json.loads(sys.argv[1]):
    try:
        found = m.distribution(name)
        code = [f for f in found.files if f.suffix in (".py", ".so") and f.parts[0][-5:] not in ("-info", ".libs")]
        parts = {f.parts[0].split(".")[0] for f in code}
        tops = {part for part in parts if part.isidentifier() and part[0] != "_"}
        named = tops & {name.lower().replace("-", "_")}
        assert tops, "it has no module"
        for top in named or tops - {"tests", "test", "docs", "benchmarks", "examples"}:
            importlib.import_module(top)
    except BaseException as error:
        failed[name] = repr(error)
print(json.dumps(failed))
"""
LIBRARY = """
for x in $NAMES; do
    Rscript -e "library('$x', character.only = TRUE)" >/tmp/said 2>&1 || echo "$x: $(tail -n 1 /tmp/said)"
done
"""


def listed(language: str, chosen: str) -> list[str]:
    """The names in the lists up to a set."""
    return [name for part in up_to(chosen) for name in names((LISTS / f"{language}-{part}.txt").read_bytes())]


def left_out(machine: Machine) -> set[str]:
    """The R packages that the image says it lacks."""
    said = machine.run("cat /usr/local/share/melda-jupyter/omitted 2>/dev/null || true")
    return {name for line in re.findall(r"^R packages: (.*) \(apt has", said, re.MULTILINE) for name in line.split()}


def each_loads(machine: Machine, chosen: str) -> None:
    """As the user, from the image alone."""
    python = [re.split(r"[^\w.-]", name)[0] for name in listed("python", chosen)]
    done = subprocess.run(
        [machine.docker, "exec", "--user", "melda", machine.name, "/opt/jupyter/bin/python", "-c", IMPORT, json.dumps(python)],
        capture_output=True, text=True, check=True, timeout=600,
    )  # fmt: skip
    assert json.loads(done.stdout.splitlines()[-1]) == {}
    there = sorted(set(listed("r", chosen)) - left_out(machine))
    said = machine.run(f"NAMES='{' '.join(there)}'; {LIBRARY}", user="melda", timeout=900)
    assert said == ""


@pytest.mark.parametrize("codename", sorted(NOT_IN_DEBIAN))
def test_apt_knows_every_name(docker: str, bases: dict[str, str], codename: str) -> None:
    known = subprocess.run(
        [docker, "run", "--rm", bases[codename], "sh", "-c", "apt-get update -qq && apt-cache pkgnames r-cran-"],
        capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    assert {name for name in listed("r", "datascience") if debian_name(name) not in known} == NOT_IN_DEBIAN[codename]


@pytest.fixture(scope="module")
def machine(docker: str, image: str) -> Iterator[Machine]:
    machine = Machine(docker, image, command=("tail", "-f", "/dev/null"))
    yield machine
    machine.remove()


def test_every_package_of_core_loads(machine: Machine) -> None:
    assert left_out(machine) == set(), "apt has all of core"
    each_loads(machine, "core")


def test_one_more_in_a_list_and_one_less(docker: str, machine: Machine, tmp_path: Path) -> None:
    """The one that is added comes with what it needs; the one that is taken out stays, and is told."""
    for name in ("group_data", "tasks", "files"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "deploy.py", tmp_path)
    edited = tmp_path / "files" / "packages" / "r-core.txt"
    manual = "apt-mark showmanual | grep '^r-cran-' | sort"
    provision(docker, f"@docker/{machine.name}", packages="core")
    had, all_ = machine.run(manual).split(), machine.run("dpkg-query -W -f '${Package}\n'").split()
    edited.write_text(edited.read_text().replace("\nremotes\n", "\n") + "praise\n")
    done = provision(docker, f"@docker/{machine.name}", root=tmp_path, packages="core")
    assert (done.code, done.changed) == (0, ["Packages | Install the R packages of core"]), done.output
    assert set(machine.run(manual).split()) - set(had) == {"r-cran-praise"}
    assert set(machine.run("dpkg-query -W -f '${Package}\n'").split()) - set(all_) == {"r-cran-praise"}
    told = "R packages in no list, still installed: r-cran-remotes; `apt-get remove r-cran-remotes`, or build the image anew"
    assert told in done.output
    again = provision(docker, f"@docker/{machine.name}", packages="core")
    assert (again.code, again.changed) == (0, []), again.output
    assert "r-cran-praise; `apt-get remove r-cran-praise`" in again.output


@pytest.mark.full
@pytest.mark.timeout(3600)
def test_every_package_of_datascience_loads(docker: str, bases: dict[str, str]) -> None:
    names_ = (DATASCIENCE, "melda-test-datascience-base:latest")
    images.build(
        docker, "debian:bookworm", bases["bookworm"], names_[0], "datascience", strict=False, base_name=names_[1]
    )
    machine = Machine(docker, DATASCIENCE, command=("tail", "-f", "/dev/null"))
    try:
        assert left_out(machine) <= NOT_IN_DEBIAN["bookworm"]
        each_loads(machine, "datascience")
    finally:
        machine.remove()
        subprocess.run([docker, "image", "rm", "--force", *names_], capture_output=True, check=False)
