"""What the user installs: where it goes, which version wins, how to get rid of it, and what it cannot break."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.fakes import cran_repository, wheels

from .machines import HEALTH_CHECK, until
from .services import Service

RAISES = "raise RuntimeError('this plugin is broken')\n"
PIP = "pip install -q --no-index --find-links /wheels --disable-pip-version-check "


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wheels and R packages, as a folder for the container."""
    folder = tmp_path_factory.mktemp("wheels")
    for version in ("1.0", "2.0"):
        wheels.build(
            folder, "zebra", version, {"zebra.py": f"V = '{version}'\ndef main(): print('zebra', V)\n"},
            requires=("pandas",), script="zebra = zebra:main",
        )  # fmt: skip
    wheels.build(folder, "pandas", "99.0", {"pandas/__init__.py": "__version__ = '99.0'\n"})
    for name in ("traitlets", "ipykernel", "tornado", "jupyter_server"):
        wheels.build(folder, name, "99.0", {f"{name}/__init__.py": RAISES})
    wheels.build(folder, "crasher", "1.0", {"zmq/__init__.py": "import os; os.abort()\n"})
    # An old backport of a module that the standard library has by now.
    wheels.build(folder, "dataclasses", "0.6", {"dataclasses.py": RAISES})
    wheels.build(folder, "leaver", "1.0", {"leaver.pth": "import sys; sys.exit(3)\n"})
    wheels.build(folder, "jumper", "1.0", {"jumper.pth": "/tmp/jumped\n"})
    wheels.build_source(folder, "badger", "1.0", {"badger.py": "V = '1.0'\n"})
    for version in ("1.0", "2.0"):
        parent = folder / version
        parent.mkdir()
        cran_repository.write_source(parent, "meldazebra", version)
    cran_repository.build(folder / "cran")
    broken = cran_repository.write_source(folder / "1.0", "jsonlite", "99.0")
    (broken / "R" / "zzz.R").write_text('.onLoad <- function(libname, pkgname) stop("this plugin is broken")\n')
    subprocess.run(["chmod", "-R", "a+rX", str(folder)], check=True)
    return folder


@pytest.fixture(scope="module")
def volume(docker: str) -> Iterator[str]:
    name = "melda-test-plugins"
    subprocess.run([docker, "volume", "create", name], check=True, stdout=subprocess.DEVNULL)
    yield name
    subprocess.run([docker, "volume", "rm", "--force", name], check=False, stdout=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def service(docker: str, image: str, volume: str, sources: Path) -> Iterator[Service]:
    mounts = ("--volume", f"{volume}:/home/melda/project", "--volume", f"{sources}:/wheels:ro")
    service = Service(docker, image, mounts)
    try:
        yield service.ready()
    finally:
        service.remove()


@pytest.fixture(scope="module")
def root(service: Service) -> str:
    """The user's folder for Python."""
    return service.run("ls -d /home/melda/project/Python-*").strip()


def shell(service: Service, command: str, check: bool = True) -> str:
    """What a terminal of the user's shows."""
    return service.run(f"cat >/tmp/command <<'EOF'\n{command}\nEOF\nsu - melda -c '. /tmp/command'", check=check)


def clean(service: Service) -> None:
    names = "ls | grep -v zz-melda-image.pth | xargs -r rm -r"
    service.run(f"cd /home/melda/project/Python-*/lib/python*/site-packages && {names}")


def test_pip_in_a_notebook_upgrades_and_removes_and_the_kernel_imports_at_once(service: Service, root: str) -> None:
    with service.notebook.start("python3") as kernel:
        ran = kernel.run(f"%{PIP} zebra==1.0")
        assert ran.status == "ok", ran
        assert kernel.run("import zebra, pandas; print(zebra.V, zebra.__file__, pandas.__file__)").stdout.split() == [
            "1.0", f"{root}/lib/python3.11/site-packages/zebra.py",
            "/opt/jupyter/lib/python3.11/site-packages/pandas/__init__.py",
        ], "what the image has is not installed again"  # fmt: skip
        found = requests.get(f"http://{service.address}:2310/versions", timeout=10).json()["Python"]
        assert found["zebra"] == "1.0"
        upgraded = kernel.run(f"!{PIP} --upgrade zebra && zebra")
        assert upgraded.stdout.split() == ["zebra", "2.0"], upgraded
    assert "2.0" in service.notebook.run("python3", "!pip show zebra").stdout
    shell(service, "pip uninstall -q -y zebra")
    assert service.run(f"ls {root}/lib/python3.11/site-packages {root}/bin").count("zebra") == 0


def test_every_pip_knows_the_place(service: Service, root: str) -> None:
    """Of a source, and of a wheel."""
    shown, options = [], PIP.removeprefix("pip ")
    for pip in ("pip", "pip3", "python -m pip", "python3 -m pip", "/opt/jupyter/bin/pip"):
        name, more = ("badger", "--no-build-isolation") if pip == "pip" else ("zebra", "--no-deps")
        shown.append(
            f"{pip} {options} {name} {more} && python -c 'import {name}; print({name}.__file__)' && {pip} uninstall -q -y {name}"
        )
    places = shell(service, " && ".join(shown)).split()
    site = f"{root}/lib/python3.11/site-packages"
    assert places == [f"{site}/badger.py", *[f"{site}/zebra.py"] * 4]
    assert not {"badger", "zebra"} & {
        line.partition("=")[0] for line in shell(service, "pip list --format=freeze").split()
    }


def test_the_plugin_wins_until_it_is_removed(service: Service, root: str) -> None:
    version = "import importlib.metadata as m, pandas; print(m.version('pandas'), pandas.__version__)"
    before = service.notebook.run("python3", version).stdout.split()
    shell(service, f"{PIP} pandas==99.0")
    assert service.notebook.run("python3", version).stdout.split() == ["99.0", "99.0"]
    for command in ("python -c", "ipython -c", "/opt/jupyter/bin/python -c", "/usr/bin/env python3 -c"):
        assert shell(service, f'{command} "{version}"').split() == ["99.0", "99.0"]
    # Neither root, who has the variables of the image, nor what starts with -I, as Jupyter's server does.
    assert service.run(f'python -c "{version}"').split() == before
    assert service.run(f'/opt/jupyter/bin/python -I -c "{version}"', user="melda").split() == before
    assert "pandas 99.0" in " ".join(shell(service, "pip list | grep -i ^pandas").split())
    shell(service, "pip uninstall -q -y pandas")
    assert service.notebook.run("python3", version).stdout.split() == before
    kept = shell(service, "pip uninstall -y pandas; python -c 'import pandas'")
    assert "outside environment" in kept, "the image's own cannot be removed"


def test_own_places_stay_own(service: Service) -> None:
    shell(service, f"rm -rf /tmp/t /tmp/v; {PIP} --target /tmp/t --no-deps zebra && ls /tmp/t/zebra.py")
    shell(service, f"python -m venv /tmp/v && /tmp/v/bin/{PIP} --no-deps zebra")
    own = shell(service, "/tmp/v/bin/python -c 'import zebra; print(zebra.__file__)'")
    assert own.strip() == "/tmp/v/lib/python3.11/site-packages/zebra.py"
    assert "ModuleNotFoundError" in shell(service, "/tmp/v/bin/python -c 'import pandas'", check=False)
    assert "zebra" not in shell(service, "pip list --format=freeze")
    assert "Can not perform a '--user' install" in shell(service, f"/tmp/v/bin/{PIP} --user zebra", check=False)


def test_user_is_the_project(service: Service, root: str) -> None:
    """``pip install --user`` was refused, because it is in a virtual environment."""
    shell(service, f"{PIP} --user --no-deps zebra")
    assert shell(service, "python -c 'import zebra; print(zebra.__file__)'").startswith(root)
    shell(service, "pip uninstall -q -y zebra")


def test_editable_and_pth(service: Service) -> None:
    shell(
        service,
        "rm -rf /tmp/src && mkdir /tmp/src /tmp/jumped; tar -xzf /wheels/badger*.gz -C /tmp/src; touch /tmp/jumped/landed.py",
    )
    shell(service, f"{PIP} --no-build-isolation -e /tmp/src/badger-1.0 && {PIP} jumper")
    ran = service.notebook.run("python3", "import badger, landed; print(badger.__file__)")
    assert ran.stdout.strip() == "/tmp/src/badger-1.0/badger.py", ran
    shell(service, "pip uninstall -q -y badger jumper")


def test_what_pips_former_target_left_is_found_and_can_be_upgraded(service: Service, root: str) -> None:
    shell(service, f"{PIP} --no-deps --target {root} zebra==1.0")
    show = "import zebra; print(zebra.V)"
    assert service.notebook.run("python3", show).stdout.strip() == "1.0"
    assert requests.get(f"http://{service.address}:2310/versions", timeout=10).json()["Python"]["zebra"] == "1.0"
    shell(service, f"{PIP} --upgrade zebra")
    assert service.notebook.run("python3", show).stdout.strip() == "2.0"
    assert "zebra" not in service.run(f"ls {root}")
    shell(service, "pip uninstall -q -y zebra")


@pytest.mark.parametrize("name", ["traitlets", "ipykernel"])
def test_a_kernel_starts_whatever_a_plugin_breaks_and_says_which(service: Service, name: str) -> None:
    shell(service, f"{PIP} {name}==99.0 && {PIP} --no-deps zebra==1.0")
    try:
        with service.notebook.start("python3") as kernel:
            first = kernel.run("import zebra; print(zebra.V)")
            assert (first.status, first.stdout) == ("ok", "1.0\n"), "the other packages are there"
            assert f"{name} in " in first.stderr and f"%pip uninstall -y {name}" in first.stderr
            assert "this plugin is broken" in first.stderr
            service.says(f"{name} in /home/melda/project")
            assert kernel.run("%whos").stderr == "", "said once"
            assert kernel.run(f"%pip uninstall -q -y {name}").status == "ok"
        after = service.notebook.run("python3", "import ipykernel, traitlets; print(1)")
        assert (after.status, after.stdout, after.stderr) == ("ok", "1\n", "")
    finally:
        clean(service)


def test_a_kernel_starts_the_second_time_if_a_plugin_crashes_it(service: Service) -> None:
    shell(service, f"{PIP} --no-deps crasher zebra")
    try:
        with service.notebook.start("python3") as kernel:
            ran = kernel.run("import zebra, zmq; print(zmq.__file__)")
            assert (ran.status, ran.stdout.startswith("/opt/jupyter/lib")) == ("ok", True), ran
            assert "the process ended" in ran.stderr
    finally:
        clean(service)


def test_what_breaks_python_itself_elsewhere_does_not_here(service: Service) -> None:
    # With the first pip goes on; with the second no Python would.
    shell(service, f"{PIP} dataclasses && pip uninstall -q -y dataclasses && {PIP} dataclasses leaver")
    try:
        ran = service.notebook.run("python3", "import dataclasses; print(dataclasses.__file__)")
        assert (ran.status, ran.stdout.split()) == ("ok", ["/usr/lib/python3.11/dataclasses.py"]), ran
    finally:
        clean(service)


def r(code: str) -> str:
    return f"Rscript -e '{code}'"


def test_r_installs_upgrades_and_removes_in_its_folder(service: Service) -> None:
    library = service.run("ls -d /home/melda/project/R-*").strip()
    install = 'install.packages("/wheels/{0}/meldazebra", repos = NULL, type = "source", quiet = TRUE)'
    show = 'cat(find.package("meldazebra"), meldazebra::standin_version(), .libPaths()[1])'
    for version in ("1.0", "2.0"):
        done = service.notebook.run("ir", install.format(version) + "; " + show)
        assert done.stdout.split()[-3:] == [f"{library}/meldazebra", version, library], done
    assert requests.get(f"http://{service.address}:2310/versions", timeout=10).json()["R"]["meldazebra"] == "2.0"
    assert service.run(r("cat(.libPaths()[1])")) != library, "root loads nothing of the user's"
    # A library that the user deleted is made again.
    shell(service, f"rm -rf {library}")
    again = f'{install.format("1.0")}; cat(find.package("meldazebra")); remove.packages("meldazebra")'
    assert shell(service, r(again)).split("Removing")[0].rstrip().endswith(f"{library}/meldazebra")
    assert service.run(f"ls {library}") == ""


def test_r_takes_sources_from_cran_and_a_chosen_version_with_remotes(service: Service) -> None:
    library = service.run("ls -d /home/melda/project/R-*").strip()
    options = 'repos = "file:///wheels/cran", quiet = TRUE'
    shown = shell(
        service, r(f'install.packages("meldanative", {options}); library(meldanative); cat(find.package("meldapure"))')
    )
    assert shown.endswith(f"{library}/meldapure"), "what it needs, too"
    shell(service, r(f'remotes::install_version("meldapure", "1.0.0", {options}, upgrade = "never", force = TRUE)'))
    shell(service, r('remove.packages(c("meldanative", "meldapure"))'))
    assert service.run(f"ls {library}") == ""


def test_an_r_kernel_starts_although_a_plugin_is_broken(service: Service) -> None:
    library = service.run("ls -d /home/melda/project/R-*").strip()
    shell(service, f"R CMD INSTALL --no-test-load -l {library} /wheels/1.0/jsonlite")
    try:
        with service.notebook.start("ir") as kernel:
            ran = kernel.run('cat(as.character(packageVersion("jsonlite", lib.loc = .libPaths()[1])), .libPaths()[1])')
            assert (ran.status, ran.stdout.split()) == ("ok", ["99.0", library]), ran
            assert kernel.run('cat(jsonlite::toJSON(1:2)); remove.packages("jsonlite")').stdout.startswith("[1,2]")
        service.says(f"a package in {library} keeps the R kernel from starting")
    finally:
        service.run(f"rm -rf {library}/jsonlite")


def test_the_next_container_has_it_and_starts_whatever_was_broken_or_cut_off(
    docker: str, image: str, volume: str, sources: Path, service: Service, root: str
) -> None:
    library = service.run("ls -d /home/melda/project/R-*").strip()
    shell(service, f"{PIP} --no-deps zebra tornado==99.0 jupyter_server==99.0 traitlets==99.0")
    shell(service, f"R CMD INSTALL -l {library} /wheels/1.0/meldazebra")
    # As pip and R leave it when they are killed in an upgrade (R keeps the old version in the lock).
    shell(service, f"mkdir {library}/00LOCK-meldazebra && mv {library}/meldazebra {library}/00LOCK-meldazebra/")
    shell(service, f"mkdir {library}/meldazebra {library}/00LOCK-meldazebra/00new")
    packages = f"{root}/lib/python3.11/site-packages"
    shell(service, f"mkdir {packages}/half-1.0.dist-info && echo Name: half >{packages}/half-1.0.dist-info/METADATA")
    shell(
        service,
        f"rm {root}/bin/python {root}/pyvenv.cfg; echo garbage >{root}/bin/python3; rm -rf {root}/bin/pip-python",
    )
    service.stop()
    mounts = ("--volume", f"{volume}:/home/melda/project", "--volume", f"{sources}:/wheels:ro", *HEALTH_CHECK)
    following = Service(docker, image, mounts)
    try:
        following.ready()
        ran = following.notebook.run("python3", "import zebra; print(zebra.V)")
        assert (ran.status, ran.stdout) == ("ok", "2.0\n"), ran
        assert "half" not in shell(following, "pip list --format=freeze")
        shell(following, "pip uninstall -q -y tornado jupyter_server traitlets zebra")
        assert following.notebook.run("ir", "cat(meldazebra::standin_version())").stdout == "1.0"
        shell(following, f"R CMD INSTALL -l {library} /wheels/2.0/meldazebra")
        until(lambda: following.healthy, "the container is healthy")
    finally:
        following.remove()
