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
from builder.settings import Settings
from tasks.operations.r import debian_name
from tasks.packages import names, up_to
from tests.fakes import cran_repository
from tests.fakes.serve import Server, gateway

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
# What each Python package does, and of R helpers and what runs them, then what each R package does, by set.
DOES = Path(__file__).with_name("does")
DOES_R = [Path(__file__).with_name(name) for name in ("does.R", "does_core.R", "does_datascience.R")]
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
    output = machine.run("cat /usr/local/share/melda-jupyter/omitted 2>/dev/null || true")
    return {
        name for line in re.findall(r"^R packages: (.*) \(not available", output, re.MULTILINE) for name in line.split()
    }


def each_loads(machine: Machine, chosen: str) -> None:
    """As the user, from the image alone; and each package does its main thing."""
    python = [re.split(r"[^\w.-]", name)[0] for name in listed("python", chosen)]
    subprocess.run([machine.docker, "cp", str(DOES), f"{machine.name}:/opt/does"], check=True, capture_output=True)
    run = [
        machine.docker,
        "exec",
        "--user",
        "melda",
        "--env",
        "PYTHONPATH=/opt",
        machine.name,
        "/opt/jupyter/bin/python",
    ]
    # The last one has no entry: a program that ends early would say nothing, too.
    for code, failed in (
        (["-c", IMPORT, json.dumps(python)], {}),
        (["-m", "does", *python, "meldanone"], {"meldanone": "it has no entry"}),
    ):
        done = subprocess.run([*run, *code], capture_output=True, text=True, check=True, timeout=900)
        assert json.loads(done.stdout.splitlines()[-1]) == failed
    there = sorted(set(listed("r", chosen)) - left_out(machine))
    output = machine.run(f"NAMES='{' '.join(there)}'; {LIBRARY}", user="melda", timeout=900)
    assert output == ""
    program = "".join(path.read_text() for path in DOES_R) + "main(c(core, datascience))\n"
    # The last one has no entry: a program that ends early would say nothing, too.
    done = subprocess.run(
        [machine.docker, "exec", "-i", "--user", "melda", machine.name, "Rscript", "-", *there, "meldanone"],
        input=program, capture_output=True, text=True, check=True, timeout=900,
    )  # fmt: skip
    assert done.stdout == "meldanone: it has no entry\n"


@pytest.mark.parametrize("codename", sorted(NOT_IN_DEBIAN))
def test_apt_knows_every_name(docker: str, bases: dict[str, str], codename: str) -> None:
    known = subprocess.run(
        [docker, "run", "--rm", bases[codename], "sh", "-c", "apt-get update -qq && apt-cache pkgnames r-cran-"],
        capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    assert {name for name in listed("r", "datascience") if debian_name(name) not in known} == NOT_IN_DEBIAN[codename]


@pytest.fixture
def machine(docker: str, image: str) -> Iterator[Machine]:
    machine = Machine(docker, image, command=("tail", "-f", "/dev/null"))
    yield machine
    machine.remove()


def test_every_package_of_core_loads(machine: Machine) -> None:
    assert left_out(machine) == set(), "apt has all of core"
    each_loads(machine, "core")


@pytest.fixture
def edited(tmp_path: Path) -> Path:
    """A copy of what the deploy is run from."""
    for name in ("group_data", "tasks", "files"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "deploy.py", tmp_path)
    return tmp_path


def edit(root: Path, old: str, new: str) -> None:
    """Change core's list of R packages."""
    path = root / "files" / "packages" / "r-core.txt"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def lines(machine: Machine, command: str) -> set[str]:
    return set(machine.run(command).split())


MANUAL = "apt-mark showmanual | grep '^r-cran-'"
ALL = "dpkg-query -W -f '${Package}\n'"
STEP = "Packages | {0}"
INSTALL, COMPILE = (
    STEP.format("Install the R packages of core"),
    STEP.format("Compile the R packages that are not available from apt"),
)
LEFT_OUT, TELL = STEP.format("Write which R packages are left out"), STEP.format("Tell what is in no list any more")


def test_one_more_in_a_list_and_one_less(docker: str, machine: Machine, edited: Path) -> None:
    """The one that is added comes with what it needs; the one that is taken out stays, and is told.

    What another package needs is not told: tidyr needs dplyr, and is in the list still; to remove dplyr would take it along.
    """
    target = f"@docker/{machine.name}"
    # What a run does, so that it is no change of the next; and what somebody does who provisions a machine of their own.
    machine.run("apt-get -qq update && touch /var/lib/apt/melda-jupyter.fetched")
    machine.run("apt-get install -q -y --no-install-recommends r-cran-praise")
    before, all_ = lines(machine, MANUAL), lines(machine, ALL)
    edit(edited, "\nremotes\n", "\nbitops\n")
    edit(edited, "\ndplyr\n", "\n")
    done = provision(docker, target, root=edited, packages="core")
    assert (done.code, done.changed) == (0, [INSTALL, TELL]), done.output
    assert lines(machine, MANUAL) - before == {"r-cran-bitops"}
    assert lines(machine, ALL) - all_ == {"r-cran-bitops"}
    remove = "apt-get remove {0}"
    told = "R packages in no list, still installed: {0}; `" + remove + "`, or build the image again"
    again = provision(docker, target, root=edited, packages="core")
    assert (again.code, again.changed) == (0, []), again.output
    for output in (done.output, again.output):
        assert output.count(" in no list, ") == output.count(told.format("r-cran-remotes")) == 1, output
    # Once both are dropped, both are told.
    edit(edited, "\ntidyr\n", "\n")
    both = provision(docker, target, root=edited, packages="core")
    dropped = "r-cran-dplyr r-cran-remotes r-cran-tidyr"
    assert both.output.count(told.format(dropped)) == 1, both.output
    # What is told is right: these packages go and no other, and then nothing is told.
    machine.run(remove.format(dropped) + " -y")
    assert lines(machine, ALL) == (all_ | {"r-cran-bitops"}) - set(dropped.split())
    quiet = provision(docker, target, root=edited, packages="core")
    assert (quiet.code, " in no list, " in quiet.output) == (0, False), quiet.output


def test_what_apt_has_not_got(
    docker: str, machine: Machine, edited: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """It is compiled and said; what fails is left out and said, the others come all the same, and a second run is quiet."""
    target, root = f"@docker/{machine.name}", tmp_path_factory.mktemp("cran")
    sources = tmp_path_factory.mktemp("sources")
    broken = cran_repository.write_source(sources, "meldabroken", "1.0")
    (broken / "src").mkdir()
    (broken / "src" / "broken.c").write_text("#include <there/is/no/such.h>\n")
    unloadable = cran_repository.write_source(sources, "meldaunloadable", "1.0")
    # R tries it in a process of its own, in which it loads.
    (unloadable / "R" / "zzz.R").write_text(
        '.onLoad <- function(...) if (any(grepl("compile.R", commandArgs()))) stop("no")\n'
    )
    # The repository has not got praise: apt has.
    needy = cran_repository.write_source(sources, "meldaneedy", "1.0", imports="praise")
    cran_repository.build(root, [broken, unloadable, needy])
    edit(edited, "\nremotes\n", "\nremotes\nmeldabroken\nmeldanative\nmeldaneedy\nmeldaunloadable\nmeldamissing\n")
    with Server(root, gateway(docker=docker)) as server:
        once = provision(docker, target, root=edited, packages="core", cran_mirror=server.url)
        assert once.code == 0, once.output
        assert set(once.changed) >= {COMPILE, LEFT_OUT, TELL}, once.output
        compiled = (
            "compiled, because not available from apt: meldabroken meldanative meldaneedy meldaunloadable meldamissing"
        )
        assert once.output.count(compiled) == 1, once.output
        load = "Rscript -e 'library(meldanative); library(meldaneedy); cat(1)' 2>/dev/null"
        assert machine.run(load, user="melda") == "1"
        lacking = {"meldabroken", "meldaunloadable", "meldamissing"}
        assert left_out(machine) == lacking
        for name in lacking:
            assert f"cannot be compiled: {name}: " in once.output
        assert re.search(r"took [1-9][0-9.]* s", once.output.partition(compiled)[2].partition(LEFT_OUT)[0]), once.output
        again = provision(docker, target, root=edited, packages="core", cran_mirror=server.url)
        assert (again.code, again.changed) == (0, []), again.output
        assert again.output.count("left out: R packages: ") == 1, again.output
        strict = provision(docker, target, root=edited, packages="core", cran_mirror=server.url, strict="true")
        assert strict.code != 0
        assert "strict=True and R packages would be left out: meldabroken meldaunloadable meldamissing" in strict.output
        last = provision(docker, target, packages="core", cran_mirror=server.url)
    assert left_out(machine) == set()
    told = "Compiled R packages in no list, still installed: {0}; `R CMD REMOVE {0}`, or build the image again"
    assert last.output.count(told.format("meldanative meldaneedy")) == 1, last.output
    machine.run("R CMD REMOVE meldanative meldaneedy")
    quiet = provision(docker, target, packages="core")
    assert (quiet.code, " in no list, " in quiet.output) == (0, False), quiet.output


@pytest.mark.full
@pytest.mark.timeout(3600)
def test_every_package_of_datascience_loads(docker: str, bases: dict[str, str]) -> None:
    names_ = (DATASCIENCE, "melda-test-datascience-base:latest")
    images.build(docker, "debian:bookworm", bases["bookworm"], Settings(image=names_[0]))
    machine = Machine(docker, DATASCIENCE, command=("tail", "-f", "/dev/null"))
    try:
        assert left_out(machine) <= NOT_IN_DEBIAN["bookworm"]
        each_loads(machine, "datascience")
    finally:
        machine.remove()
        subprocess.run([docker, "image", "rm", "--force", *names_], capture_output=True, check=False)
