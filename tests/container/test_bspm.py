"""install.packages() of a user without root reaches apt over D-Bus, and a notebook shows what it does.

CRAN cannot be reached where these tests run: a CRAN-like repository serves bspm. It is the real one if MELDA_TEST_BSPM
names its tarball; else a stand-in that takes the same road (system bus, service activation, busctl, apt on the root side).
Root's side is ours in both cases. The container has no capability beyond Docker's own.
"""

from __future__ import annotations

import functools
import subprocess
import threading
from collections.abc import Iterator

import pytest

from tests.fakes import cran_repository
from tests.fakes.serve import Server, gateway

from .machines import Machine, from_cran, provision, until
from .notebook import Notebook
from .services import Service, running

TOKEN = "t" * 32


@pytest.fixture(scope="module")
def cran(docker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    root = tmp_path_factory.mktemp("cran")
    cran_repository.build(root)
    with Server(root, gateway(docker=docker)) as server:
        yield server.url


@pytest.fixture(scope="module")
def machine(docker: str, image_with_bspm: str, cran: str) -> Iterator[Machine]:
    machine = from_cran(docker, image_with_bspm, cran)
    try:
        start = [docker, "exec", "--detach", "--env", f"JUPYTER_TOKEN={TOKEN}", machine.name, "start-jupyter"]
        subprocess.run(start, check=True)
        until(lambda: "200" in machine.run(PROBE, check=False), "Jupyter answers")
        yield machine
    finally:
        machine.remove()


PROBE = "/opt/jupyter/bin/python -c 'import urllib.request as u; print(u.urlopen(\"http://127.0.0.1:8888/api\").status)' 2>&1"


@pytest.fixture
def notebook(machine: Machine) -> Notebook:
    return Notebook(f"http://{machine.address}:8888", TOKEN)


def installed(machine: Machine, name: str) -> bool:
    return "installed" in machine.run(f"dpkg-query -W -f '${{db:Status-Status}}' {name} 2>&1", check=False)


def test_enabled_once_and_quiet(docker: str, machine: Machine, cran: str) -> None:
    assert machine.run("cat /etc/R/Rprofile.site").count("bspm::enable()") == 1
    assert machine.run("Rscript -e 'cat(1)'", user="melda") == "1"
    again = provision(docker, f"@docker/{machine.name}", packages="core", cran_mirror=cran, strict="true")
    assert (again.code, again.changed) == (0, []), again.output


def test_nothing_is_left_out_any_more(machine: Machine) -> None:
    assert machine.run("cat /usr/local/share/melda-jupyter/omitted 2>/dev/null || true").strip() == ""


def test_root_side_is_ours(machine: Machine) -> None:
    service = machine.run("cat /usr/share/dbus-1/system-services/org.r_project.linux1.service")
    assert "Exec=/usr/src/melda-jupyter/bspm-service\n" in service


def test_a_cell_shows_apt_at_work_while_it_works_and_the_package_is_there(machine: Machine, notebook: Notebook) -> None:
    with notebook.start("ir") as kernel:
        assert kernel.run("suppressWarnings(library(zoo))").status == "error"
        done = kernel.run('install.packages("zoo")', 180)
        assert done.status == "ok", done
        assert "Setting up r-cran-zoo" in done.stdout
        unpacking = next(at for at, text in done.arrivals if "Unpacking r-cran-zoo" in text or "Get:" in text)
        assert unpacking < done.ended, "shown before the cell ended, not with its end"
        assert len(done.arrivals) > 3, "line by line"
        loaded = kernel.run('library(zoo); cat("loaded")')
        assert (loaded.status, loaded.stdout) == ("ok", "loaded")
    assert installed(machine, "r-cran-zoo")


def test_nothing_of_ours_is_in_another_cell(notebook: Notebook) -> None:
    with notebook.start("ir") as kernel:
        outputs = kernel.run("jsonlite::toJSON(list(a = 1), auto_unbox = TRUE)")
        assert (outputs.first, outputs.stdout, outputs.stderr) == ("display_data", "", ""), outputs


def test_a_cell_shows_a_compiler_at_work(notebook: Notebook) -> None:
    with notebook.start("ir") as kernel:
        done = kernel.run('install.packages("meldanative")', 180)
        assert done.status == "ok", done
        assert "gcc" in done.stdout and "* DONE (meldanative)" in done.stdout, done.stdout
        found = kernel.run("library(meldanative); cat(dirname(find.package('meldanative')))")
        assert found.stdout.startswith("/home/melda/project/R-"), found


def test_a_cell_says_what_went_wrong(notebook: Notebook) -> None:
    with notebook.start("ir") as kernel:
        done = kernel.run('install.packages("there.is.none")', 180)
        assert "there.is.none" in done.stderr and "not available" in done.stderr, done
        strict = kernel.run('options(warn = 2); install.packages("there.is.none")', 180)
        assert (strict.status, "converted from warning" in strict.error) == ("error", True), strict
        odd = kernel.run("install.packages()")
        assert odd.status == "error"


SLOW = """
dir.create("/tmp/slow/R", recursive = TRUE)
writeLines(c("Package: slow", "Version: 1", "Title: S", "Description: S.", "License: MIT"), "/tmp/slow/DESCRIPTION")
file.create("/tmp/slow/NAMESPACE", "/tmp/slow/R/a.R")
writeLines(c("#!/bin/sh", "touch /tmp/begun; exec sleep 600"), "/tmp/slow/configure")
Sys.chmod("/tmp/slow/configure", "755")
"""


def test_an_interrupt_stops_it(machine: Machine, notebook: Notebook) -> None:
    with notebook.start("ir") as kernel:
        assert kernel.run(SLOW).status == "ok"

        def interrupt() -> None:
            until(lambda: "begun" in machine.run("ls /tmp"), "it is configured")
            notebook.request("POST", f"/api/kernels/{kernel.id}/interrupt")

        helper = threading.Thread(target=interrupt)
        helper.start()
        done = kernel.run('install.packages("/tmp/slow", repos = NULL, type = "source")', 120)
        helper.join()
        assert (done.status, "interrupted" in done.error) == ("error", True), done
        assert kernel.run("cat(1)").stdout == "1"
    until(lambda: "sleep 600" not in machine.run("ps -e -o args"), "the child is gone")


def test_a_user_installs_a_binary_in_a_terminal(machine: Machine) -> None:
    assert "root" not in machine.run("id", user="melda")
    machine.run("""Rscript -e 'install.packages("xts")' 2>/tmp/progress""", user="melda")
    assert installed(machine, "r-cran-xts")
    assert "Setting up r-cran-xts" in machine.run("cat /tmp/progress")
    assert "xts" in machine.run("""Rscript -e 'library(xts); cat("loaded", "xts")' 2>/dev/null""", user="melda")


def test_what_the_user_installed_the_user_may_remove(machine: Machine) -> None:
    machine.run("Rscript -e 'bspm::install_sys(\"praise\")' 2>&1", user="melda")
    assert installed(machine, "r-cran-praise")
    machine.run("Rscript -e 'bspm::remove_sys(\"praise\")' 2>&1", user="melda")
    assert not installed(machine, "r-cran-praise")


def in_r(machine: Machine, notebook: Notebook, where: str, code: str) -> str:
    """Return what R says to ``code``."""
    if where == "a notebook":
        done = notebook.run("ir", code, 180)
        return done.stdout + done.stderr + done.error
    return machine.run(f"Rscript -e '{code}' 2>&1", user="melda", check=False)


@pytest.fixture(scope="module")
def theirs(docker: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    root, write = tmp_path_factory.mktemp("theirs"), cran_repository.write_source
    cran_repository.build(root, [write(root, "praise", "99.0.0"), write(root, "meldaown", "1.0.0", "snakecase")])
    with Server(root, gateway(docker=docker)) as server:
        yield server.url


@pytest.mark.parametrize("where", ["a terminal", "a notebook"])
def test_a_repository_of_the_callers_own_is_asked_and_not_apt(
    machine: Machine, notebook: Notebook, theirs: str, cran: str, where: str
) -> None:
    r = functools.partial(in_r, machine, notebook, where)
    assert not installed(machine, "r-cran-praise")
    said = r(f'install.packages(c("praise", "meldaown"), repos = c(own = "{theirs}", CRAN = "{cran}/"))')
    assert "* DONE (praise)" in said and "* DONE (meldaown)" in said, said
    assert installed(machine, "r-cran-snakecase") and not installed(machine, "r-cran-praise")
    assert r('cat(praise::standin_version(), "from", dirname(find.package("praise")))').startswith(
        "99.0.0 from /home/melda"
    )
    assert "not available" in r(f'install.packages("abind", repos = "{theirs}")')
    assert not installed(machine, "r-cran-abind")
    r('remove.packages(c("praise", "meldaown"), .libPaths()[1]); bspm::remove_sys("snakecase")')
    assert "praise" not in r("bspm::disable(); cat(class(utils::install.packages), rownames(installed.packages()))")


@pytest.mark.parametrize("where", ["a terminal", "a notebook"])
def test_remove_packages_removes_what_came_through_apt(machine: Machine, notebook: Notebook, where: str) -> None:
    r = functools.partial(in_r, machine, notebook, where)
    machine.run("Rscript -e 'bspm::install_sys(\"praise\")' 2>&1", user="melda")
    assert "removed through apt: praise" in r('remove.packages("praise")')
    assert not installed(machine, "r-cran-praise")
    assert "belongs to the image and stays" in r('remove.packages("jsonlite")')
    assert installed(machine, "r-cran-jsonlite")
    assert "there is no package called" in r('remove.packages("nothere")')


@pytest.mark.parametrize("package", ["IRkernel", "jsonlite"])
def test_what_the_image_needs_the_user_may_not_remove(machine: Machine, package: str) -> None:
    output = machine.run(f"Rscript -e 'bspm::remove_sys(\"{package}\")' 2>&1", user="melda", check=False)
    assert "belongs to the image and stays" in output
    assert installed(machine, f"r-cran-{package.lower()}")


CALL = "busctl call org.r_project.linux1 /org/r_project/linux1/PackageManager org.r_project.linux1.PackageManager"


def test_a_file_of_roots_is_not_written_to(machine: Machine) -> None:
    """bspm's own service opens, as root, what the caller has as descriptor 2, and cuts it off."""
    machine.run("echo precious > /etc/precious && chmod 644 /etc/precious")
    machine.run(f"exec 2</etc/precious; {CALL} install ias $$ 1 zoo", user="melda", check=False)
    assert machine.run("cat /etc/precious") == "precious\n"


@pytest.mark.parametrize("name", ["zoo;reboot", "-o=x", "../zoo", "zoo=1", "r-cran-zoo", ""])
def test_what_is_no_package_is_refused(machine: Machine, name: str) -> None:
    output = machine.run(f"{CALL} install ias $$ 1 -- '{name}' 2>&1", user="melda", check=False)
    assert "is not the name of an R package" in output, output


def test_other_users_are_refused(machine: Machine) -> None:
    output = machine.run(f"{CALL} install ias $$ 1 praise 2>&1", user="nobody", check=False)
    assert "denied" in output.lower(), output


def test_a_user_cannot_reach_apt_itself(machine: Machine) -> None:
    assert "denied" in machine.run("apt-get install -y r-cran-xts 2>&1", user="melda", check=False)
    assert "not found" in machine.run("command -v sudo || echo not found", user="melda")


def test_without_lists_they_are_fetched(machine: Machine) -> None:
    machine.run("rm -rf /var/lib/apt/lists/*_Packages*")
    machine.run("Rscript -e 'install.packages(\"bitops\")' 2>/tmp/lists", user="melda")
    assert installed(machine, "r-cran-bitops")
    assert "Fetching apt's package lists" in machine.run("cat /tmp/lists")


def test_the_next_container_of_the_project_installs_it_again(machine: Machine) -> None:
    listed = "cat /home/melda/project/.melda-jupyter/apt.json"
    until(
        lambda: "r-cran-xts" in machine.run(listed, check=False), "what was installed is remembered in the project", 20
    )
    assert not installed(machine, "r-cran-snakecase")
    # As a sync daemon does that starts with another project.
    machine.run(
        "mkdir -p /tmp/other/.melda-jupyter && cd /tmp/other && chown -R melda . &&"
        """ echo '{"packages": ["r-cran-snakecase", "r-cran-thereisnone", "cowsay", "-o=x"]}' > .melda-jupyter/apt.json &&"""
        " chown melda .melda-jupyter/apt.json &&"
        " su melda -c '/usr/src/melda-jupyter/plugin-sync --local /tmp --project /tmp/other --old /tmp 2>/tmp/other/log & "
        "echo $! >/tmp/other/pid'"
    )
    until(lambda: installed(machine, "r-cran-snakecase"), "it is installed", 60)
    said = "not installed again through apt: r-cran-thereisnone: "
    until(lambda: said in machine.run("cat /tmp/other/log"), "it says what it could not install", 60)
    found = machine.run("cat /tmp/other/.melda-jupyter/apt.json")
    assert "r-cran-snakecase" in found and "r-cran-thereisnone" in found and "cowsay" not in found
    machine.run("kill $(cat /tmp/other/pid)")


@pytest.fixture(scope="module")
def hardened(docker: str, machine: Machine) -> Iterator[Service]:
    """The same image in a container in which the kernel ignores setuid bits: the bus cannot start root's side of bspm."""
    name = f"{machine.name}-image"
    subprocess.run([docker, "commit", machine.name, name], check=True, stdout=subprocess.DEVNULL)
    try:
        with running(docker, name, "--security-opt", "no-new-privileges") as service:
            yield service
    finally:
        subprocess.run([docker, "image", "rm", "--force", name], check=False, stdout=subprocess.DEVNULL)


def test_without_the_setuid_helper_a_user_installs_a_binary(hardened: Service) -> None:
    assert "NoNewPrivs:\t1" in hardened.run("cat /proc/self/status")
    assert any(line.startswith("bspm: started, as no-new-privileges") for line in hardened.lines()), hardened.lines()
    until(lambda: hardened.health()["bspm"] == "ok", "root's side serves")
    with hardened.notebook.start("ir") as kernel:
        done = kernel.run('install.packages("praise")', 180)
        assert "Setting up r-cran-praise" in done.stdout, done
    # It is not the bus that starts it again.
    hardened.run("pkill -KILL -f '[b]spm-service'")
    hardened.says("bspm was killed by signal 9; starting it again")
    until(lambda: hardened.run("pgrep -f '[b]spm-service --stay'", check=False) != "", "it is there again")
    hardened.run("""Rscript -e 'install.packages("snakecase")' 2>&1""", user="melda")
    assert installed(hardened, "r-cran-snakecase")


def test_where_it_cannot_run_at_all_packages_are_compiled_and_that_is_said(hardened: Service) -> None:
    hardened.run("mv /usr/lib/python3/dist-packages/gi /usr/lib/python3/dist-packages/gi.off")
    subprocess.run([hardened.docker, "restart", hardened.name], check=True, stdout=subprocess.DEVNULL)
    hardened.ready(times=2)
    output = "install.packages() compiles: root's side of bspm does not run"
    hardened.says(f"bspm: {output}")
    assert hardened.health()["bspm"] == output
    with hardened.notebook.start("ir") as kernel:
        done = kernel.run('install.packages("meldanative")', 180)
        assert done.status == "ok" and "* DONE (meldanative)" in done.stdout, done
