"""melda-env: what one container's user installed is in the next one's, at the same versions, and importable.

CRAN cannot be reached where these tests run: a CRAN-like repository serves current and archived sources, Debian's own
binaries play r2u's part. Python's packages lie in a folder; uv is fetched from there too, checked against its locked hash.
"""

# ruff: noqa: F811 pytest finds the fixtures that are imported here by their names
from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.serve import Server

from .forks import PROJECT, Fork, cran, forks, hand, sources, with_bspm  # noqa: F401
from .machines import until

SESSION = """\
R version 4.2.2 (2022-10-31)
attached base packages:
[1] stats     base

other attached packages:
[1] meldapure_0.9.0
"""


@pytest.fixture(scope="module")
def parent(forks: Any, cran: Server) -> Fork:
    """A container whose user has installed this and that."""
    one: Fork = forks()
    one.captured()
    one.shell(f"cp {PROJECT}/environment.json nothing.json")
    one.shell(
        "pip install -q zebra==1.0 yak lynx wrapt==1.15.0 && pip install -q /wheels/local/owl-3.0-py3-none-any.whl"
    )
    one.r('install.packages("zoo")')
    one.r(f'install.packages("{cran.url}/src/contrib/Archive/meldapure/meldapure_0.9.0.tar.gz", repos = NULL)')
    one.r('install.packages("meldanative")')
    one.shell("R CMD INSTALL --library=$(ls -d project/R-*) /wheels/local/meldalocal 2>&1")
    return one


@pytest.fixture(scope="module")
def handed_over(docker: str, parent: Fork, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the parent captured, with what is kept beside it."""
    found = parent.captured()
    assert [entry["name"] for entry in found["python"]["packages"]] == ["lynx", "owl", "wrapt", "yak", "zebra"]
    in_r = {entry["name"]: (entry["version"], entry["source"]["type"]) for entry in found["r"]["packages"]}
    assert in_r["zoo"][1] == "apt"
    assert {name: in_r[name] for name in in_r if name.startswith("melda")} == {
        "meldalocal": ("0.1", "local"),
        "meldanative": ("1.0.0", "cran"),
        "meldapure": ("0.9.0", "cran"),
    }
    folder = tmp_path_factory.mktemp("handed-over")
    for name in ("environment.json", "environment.json.files"):
        subprocess.run([docker, "cp", f"{parent.name}:{PROJECT}/{name}", str(folder / name)], check=True)
    subprocess.run([docker, "cp", f"{parent.name}:/home/melda/nothing.json", str(folder)], check=True)
    return folder


@pytest.fixture(scope="module")
def another(forks: Any) -> Fork:
    """A second container, for what changes little of it."""
    one: Fork = forks()
    return one


def test_a_fork_has_what_its_parent_has(docker: str, parent: Fork, handed_over: Path, forks: Any) -> None:
    assert parent.env(f"diff {PROJECT}/environment.json") == (0, "")
    fork: Fork = forks()
    path = hand(docker, handed_over, fork)
    code, output = fork.env(f"diff {path}")
    assert code == 1 and "- python zebra 1.0" in output, output
    code, output = fork.env(f"restore {path}")
    assert code == 0, output
    assert "meldapure 0.9.0" in output and "cores" in output, output
    assert fork.env(f"diff {path}") == (0, ""), output
    assert fork.shell(
        "python -c 'import zebra, yak, lynx, owl, wrapt; print(zebra.V, owl.V, wrapt.__version__)'; zebra"
    ) == ("1.0 3.0 1.15.0\n1.0\n")
    assert "0.9.0 42" in fork.r(
        "library(zoo); library(meldalocal); cat(meldapure::standin_version(), meldanative::answer())"
    )
    assert "zoo" not in fork.shell("ls project/R-*/").split(), "it came as apt's binary"
    assert fork.run("dpkg-query -W -f '${db:Status-Status}' r-cran-zoo") == "installed"
    code, output = fork.env(f"restore {path}")
    assert code == 0 and "0 packages installed" in output, output
    was, now = json.loads((handed_over / "environment.json").read_text()), fork.captured()
    assert now["python"] == was["python"]
    in_r = [[(one["name"], one["version"]) for one in found["r"]["packages"]] for found in (was, now)]
    assert in_r[0] == in_r[1] and now["system"]["packages"] == was["system"]["packages"]
    # And back to a container whose user has installed nothing.
    nothing = path.replace("environment.json", "nothing.json")
    code, output = fork.env(f"restore --prune {nothing}")
    assert code == 0 and fork.env(f"diff {nothing}") == (0, ""), output
    fork.remove()


def test_cut_off_anywhere_and_run_again_it_finishes(docker: str, handed_over: Path, forks: Any) -> None:
    fork: Fork = forks()
    path = hand(docker, handed_over, fork)
    for mark in ("checking", "through apt", "installing from source"):
        fork.run("rm -f /tmp/said")
        fork.run(f"su - melda -c 'melda-env restore {path} >/tmp/said 2>&1 & echo $! >/tmp/pid'")
        until(
            lambda mark=mark: mark in fork.run("cat /tmp/said") or "packages installed" in fork.run("cat /tmp/said"),
            mark,
            120,
        )  # type: ignore[misc]
        fork.run("kill -KILL $(cat /tmp/pid)", check=False)
    until(lambda: "apt-get" not in fork.run("ps -e -o args"), "apt has ended", 120)
    code, output = fork.env(f"restore {path}")
    assert code == 0, output
    assert fork.env(f"diff {path}") == (0, "")
    fork.remove()


def test_what_cannot_be_had_is_listed_with_the_nearest_and_the_rest_is_there(
    docker: str, handed_over: Path, another: Fork
) -> None:
    fork = another
    found = json.loads((handed_over / "environment.json").read_text())
    for kind, name, version in (("python", "zebra", "1.5"), ("r", "meldapure", "0.9.5"), ("r", "zoo", "0.0-1")):
        next(entry for entry in found[kind]["packages"] if entry["name"] == name)["version"] = version
    path = hand(docker, handed_over, fork)
    fork.put(path, json.dumps(found))
    code, output = fork.env(f"restore {path}")
    assert code == 1, output
    ending = output.partition("cannot be had")[2]
    assert "Python zebra 1.5: " in ending and "nearest to be had: 1.0" in ending, output
    assert "R meldapure 0.9.5: " in ending and "nearest to be had: 0.9.0" in ending, output
    assert "R zoo 0.0-1: " in ending, output
    assert fork.shell("python -c 'import yak; print(yak.V)'") == "2.0\n"
    code, output = fork.env(f"restore {path} --json")
    problems = json.loads(output[output.index("{\n") :])["problems"]
    assert code == 1 and {one["name"] for one in problems} >= {"zebra", "meldapure", "zoo"}


def test_the_other_formats(parent: Fork, another: Fork) -> None:
    code, output = parent.env("capture - --format renv")
    lock = json.loads(output)
    assert code == 0 and lock["Packages"]["meldapure"]["Version"] == "0.9.0"
    for name, text, proof, version in (
        ("session.txt", SESSION, "Rscript -e 'cat(meldapure::standin_version())'", "0.9.0"),
        ("requirements.txt", "yak==1.0\n", "python -c 'import yak; print(yak.V)'", "1.0"),
    ):
        another.put(f"/tmp/{name}", text)
        code, output = another.env(f"restore /tmp/{name}")
        assert code == 0, output
        assert another.shell(proof).strip() == version


HOSTILE = (
    {"name": "../../../tmp/evil"}, {"version": "1.0 --index-url https://evil.example"},
    {"source": {"type": "url", "url": "file:///wheels/local/owl-3.0-py3-none-any.whl"}},
    {"source": {"type": "url", "url": "http://169.254.169.254/latest/meta-data/"}},
)  # fmt: skip


def test_a_hostile_entry_costs_itself_and_nothing_of_it_is_installed(handed_over: Path, parent: Fork) -> None:
    found = json.loads((handed_over / "environment.json").read_text())
    for entry, change in zip(found["python"]["packages"], HOSTILE, strict=False):
        entry.update(change)
    parent.put("/tmp/hostile.json", json.dumps(found))
    before = parent.captured()
    code, output = parent.env("restore /tmp/hostile.json")
    assert code == 1 and f"{len(HOSTILE)} cannot be had:" in output and "0 packages installed" in output, output
    assert parent.captured() == before


def test_what_notebooks_use_and_they_do_not_notice(parent: Fork) -> None:
    with parent.notebook.start("python3") as python, parent.notebook.start("ir") as r, parent.notebook.start(
        "python3"
    ) as busy:
        assert python.run("import zebra; str = 5; print(get_ipython().execution_count)").stdout == "2\n"
        assert r.run("library(zoo)").status == "ok"
        busy.send("import time; time.sleep(600)")
        until(
            lambda: any(k["execution_state"] == "busy" for k in parent.notebook.request("GET", "/api/kernels").json()),
            "it computes",
        )
        code, output = parent.env("capture /tmp/used.json --attached")
        assert code == 0 and "not asked" in output, output
        kernels = json.loads(parent.run("cat /tmp/used.json"))["kernels"]
        asked = {kernel["language"]: kernel for kernel in kernels if kernel["asked"]}
        assert len(kernels) == 3 and set(asked) == {"python", "r"}, kernels
        assert asked["python"]["attached"] == asked["python"]["loaded"] == ["zebra"]
        assert "zoo" in asked["r"]["attached"] and "lattice" in asked["r"]["loaded"]
        after = python.run("print(get_ipython().execution_count, len([n for n in dir() if n.startswith('melda')]))")
        assert after.stdout == "3 0\n", "nothing was counted, nothing defined"
        assert r.run("cat(1)").stdout == "1"


def test_root_may_ask_too_and_nothing_becomes_roots(parent: Fork) -> None:
    parent.run("melda-env capture && melda-env diff environment.json")
    assert parent.run(f"stat -c %U {PROJECT}/environment.json").strip() == "melda"
