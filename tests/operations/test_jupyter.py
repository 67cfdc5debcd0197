"""tasks/jupyter.py: the environment from its lock, both kernels, the configuration."""

from __future__ import annotations

from typing import Any

import pytest
from pyinfra.facts.deb import DebPackages
from pyinfra.facts.server import OsRelease

from tasks import debian_packages, jupyter
from tasks.facts.files import FileContents, PathStats
from tasks.facts.venv import Damage, Distributions, VenvDamage
from tasks.lib import managed_files
from tasks.lib.locks import entries, pins
from tasks.lib.managed_files import ManagedFile
from tasks.releases import RELEASES

from .conftest import Facts, Run, arguments, in_place

INSTALL = "Install Jupyter and the version service's packages"
APT = "Install Python and R's kernel"
KERNEL = "Register the R kernel"
CELLS = "Install what R shows in cells, and what it takes from Debian"
SHOW = "Let R read it"
CONFIGURE = "Configure Jupyter, under the names that notebook 6 and 7 read"
PLUGINS = "Let Python find the user's own packages, and its kernel start whatever they are"
CONFIGURATION = managed_files.source("jupyter/jupyter_notebook_config.py")
LABCONFIG = managed_files.tree("jupyter/labconfig", "/etc/jupyter/labconfig")
EXTENSION = managed_files.tree("jupyter/labextension", jupyter.EXTENSIONS + "/melda-status")
CONFIG = in_place(
    [
        ManagedFile("/etc/jupyter", mode="755"),
        ManagedFile("/etc/jupyter/jupyter_notebook_config.py", CONFIGURATION),
        ManagedFile("/etc/jupyter/jupyter_server_config.py", CONFIGURATION),
        ManagedFile("/etc/jupyter/templates", mode="755"),
        ManagedFile("/etc/jupyter/templates/login.html", managed_files.source("jupyter/templates/login.html")),
        *LABCONFIG,
        ManagedFile(jupyter.EXTENSIONS, mode="755"),
        *EXTENSION,
    ]
)
PACKAGES = "/opt/jupyter/lib/python3.11/site-packages"
OURS = {
    f"{PACKAGES}/melda_plugins.py": "melda_plugins.py",
    f"{PACKAGES}/melda_plugins.pth": "melda_plugins.pth",
    f"{PACKAGES}/uv.py": "uv.py",
    "/opt/jupyter/share/jupyter/kernels/python3/kernel.py": "kernel.py",
    "/opt/jupyter/share/jupyter/kernels/python3/kernel.json": "kernel.json",
}
R_FOLDER = jupyter.R_KERNEL.rpartition("/")[0]
R_KERNEL = ManagedFile(jupyter.R_KERNEL, managed_files.source("jupyter/ir/kernel.json"))
CONFIG |= in_place([ManagedFile(R_FOLDER, mode="755"), R_KERNEL])
# An IRkernel that has no third one.
THEIRS = [ManagedFile(f"{jupyter.IRKERNEL}/{name}", name.encode()) for name in ("kernel.js", "logo-64x64.png")]
PICTURES = [f"{R_FOLDER}/{name}" for name in ("kernel.js", "logo-64x64.png")]
CONFIG |= in_place(THEIRS) | in_place([ManagedFile(path, path.rpartition("/")[2].encode()) for path in PICTURES])
FOR_R = [
    ManagedFile(f"/usr/src/melda-jupyter/{name}", managed_files.source(f"jupyter/{name}"))
    for name in ("cells.R", "debian.R")
]
PROFILE = (
    "# BEGIN melda-jupyter cells\n"
    'try(source("/usr/src/melda-jupyter/cells.R", local = TRUE), silent = TRUE)\n'
    'try(source("/usr/src/melda-jupyter/debian.R", local = TRUE), silent = TRUE)\n'
    "# END melda-jupyter cells\n"
)
CONFIG |= in_place([ManagedFile("/usr/src/melda-jupyter", mode="755"), *FOR_R])
CONFIG |= in_place([ManagedFile(path, managed_files.source(f"jupyter/{name}")) for path, name in OURS.items()])
DEBIAN = set(debian_packages.PACKAGES["system"] + debian_packages.PACKAGES["r"])


def pinned(lock: str) -> set[str]:
    return {f"{name}=={version}" for name, version in pins(managed_files.source(f"packages/locks/{lock}.txt")).items()}


PINNED = pinned("none-3.11")
DONE: Facts = {DebPackages: DEBIAN, Distributions: PINNED, PathStats: CONFIG, FileContents: PROFILE}


def test_fresh(run: Run) -> None:
    commands = run(jupyter.jupyter, {PathStats: in_place(THEIRS)})
    assert commands[KERNEL][-2:] == [f"install -m 644 -t {R_FOLDER} {one.path}" for one in THEIRS]
    assert list(commands) == [APT, INSTALL, KERNEL, PLUGINS, CELLS, SHOW, CONFIGURE]
    assert set(arguments(*commands[APT])) == DEBIAN
    folder = "/var/lib/melda-jupyter.provision"
    (meta,) = (
        entry
        for entry in entries(managed_files.source("packages/locks/none-3.11.txt").decode())
        if entry.startswith("jupyter==")
    )
    assert commands.uploads == {
        f"{folder}/first.txt": meta.encode(),
        f"{folder}/lock.txt": managed_files.source("packages/locks/none-3.11.txt"),
        f"{folder}/uv.txt": managed_files.source("jupyter/uv.txt"),
        f"{jupyter.R_KERNEL}.melda-new": R_KERNEL.content,
        **{f"{path}.melda-new": managed_files.source(f"jupyter/{name}") for path, name in OURS.items()},
        **{f"{file.path}.melda-new": file.content for file in FOR_R},
        f"{jupyter.RPROFILE}.melda-new": PROFILE.encode(),
        "/etc/jupyter/jupyter_notebook_config.py.melda-new": CONFIGURATION,
        "/etc/jupyter/jupyter_server_config.py.melda-new": CONFIGURATION,
        "/etc/jupyter/templates/login.html.melda-new": managed_files.source("jupyter/templates/login.html"),
        **{f"{one.path}.melda-new": one.content for one in (*LABCONFIG, *EXTENSION) if one.content is not None},
    }
    install = commands[INSTALL][-1]
    assert (
        "[ -x /opt/jupyter/bin/python ] || uv venv -q --allow-existing --python /usr/bin/python3 /opt/jupyter;"
        in install
    )
    assert "uv pip install -q --python /opt/jupyter/bin/python --require-hashes --no-deps" in install
    # A conda may be first on PATH, and a person's pip refuse what is in no environment.
    assert " PIP_REQUIRE_VIRTUALENV=0 PIP_USER=0 /usr/bin/python3 -m pip install" in install
    assert install.count("--require-hashes") == 2, "uv itself is checked too"
    assert install.index("uv pip install") < install.index("record /opt/jupyter"), "what is right is written down last"
    assert install.endswith(f"rm -rf {folder}; exit $status"), "nothing of it stays, and a failure is one"


def test_already_there(run: Run) -> None:
    assert run(jupyter.jupyter, DONE) == {}


def test_what_the_user_has_beside_it_does_not_count(run: Run) -> None:
    assert run(jupyter.jupyter, DONE | {Distributions: PINNED | {"polars==9.9", "jupyterlab-extra==1"}}) == {}


@pytest.mark.parametrize(
    ("half", "operation"),
    [
        ({Distributions: PINNED - {"jupyter==1.0.0"}}, INSTALL),
        ({Distributions: PINNED - {"jupyter==1.0.0"} | {"jupyter==1.1.1"}}, INSTALL),
        ({PathStats: CONFIG | {jupyter.R_KERNEL: ("directory", "755", "root", "root")}}, KERNEL),
        ({PathStats: CONFIG | {jupyter.R_KERNEL: ("file", "644", "melda", "root", "x")}}, KERNEL),
        ({PathStats: {path: found for path, found in CONFIG.items() if path != PICTURES[1]}}, KERNEL),
        ({PathStats: CONFIG | {PICTURES[0]: ("file", "644", "root", "root", "x")}}, KERNEL),
        ({DebPackages: DEBIAN - {"r-cran-irkernel"}}, APT),
        ({PathStats: CONFIG | {f"{PACKAGES}/melda_plugins.pth": ("link", "/home/melda/x")}}, PLUGINS),
        ({FileContents: ""}, SHOW),
        ({PathStats: CONFIG | {FOR_R[0].path: ("file", "600", "root", "root", "0")}}, CELLS),
        ({PathStats: CONFIG | {"/etc/jupyter": ("directory", "777", "root", "root")}}, CONFIGURE),
        ({PathStats: CONFIG | {"/etc/jupyter/jupyter_server_config.py": ("link", "/home/melda/x")}}, CONFIGURE),
    ],
)
def test_half_there_only_the_rest_is_done(run: Run, half: Facts, operation: str) -> None:
    assert list(run(jupyter.jupyter, DONE | half)) == [operation]


def test_a_folder_in_the_place_of_a_picture_is_set_aside(run: Run) -> None:
    """install does not write over one: each run would end."""
    commands = run(jupyter.jupyter, DONE | {PathStats: CONFIG | {PICTURES[0]: ("directory", "755", "root", "root")}})
    aside, install = commands[KERNEL]
    assert aside.startswith(f"mv -T {PICTURES[0]} ") and install == f"install -m 644 -t {R_FOLDER} {THEIRS[0].path}"


def test_a_kernels_folder_that_was_a_link_gets_its_pictures_too(run: Run) -> None:
    """They were found behind the link, which is set aside, and the run ended with 0 without them."""
    for behind in ({}, {PICTURES[0]: ("directory", "755", "root", "root")}):
        commands = run(jupyter.jupyter, DONE | {PathStats: CONFIG | {R_FOLDER: ("link", "/srv/ir")} | behind})[KERNEL]
        assert commands[0].startswith(f"mv -T {R_FOLDER} ")
        assert {f"install -m 644 -t {R_FOLDER} {one.path}" for one in THEIRS} <= {*commands[1:]}
        assert not [command for command in commands if command.startswith(f"mv -T {PICTURES[0]} ")]


def test_a_distribution_that_was_cut_off_is_removed_first_because_uv_takes_it_for_installed(run: Run) -> None:
    install = run(jupyter.jupyter, DONE | {Distributions: set()})[INSTALL][-1]
    repaired = "[ -s $d/INSTALLER ] && [ -s $d/RECORD ] || rm -rf $d; done;"
    assert install.index("|| uv venv") < install.index(repaired) < install.index("uv pip install")


def test_a_python_that_still_cannot_look_says_why(run: Run) -> None:
    (command,) = run(jupyter.jupyter, DONE | {VenvDamage: Damage(failed=True)})[INSTALL]
    assert " damage /opt/jupyter " in command and command.endswith(" >/dev/null")


def test_what_is_not_as_it_was_installed_is_mended(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    commands = run(jupyter.jupyter, DONE | {VenvDamage: Damage(aside=["/opt/jupyter/x"], mend=True)})
    mend, record = commands.pop(INSTALL)
    assert commands == {} and commands.uploads == {}, "without a download"
    ours = " ".join(OURS)
    assert mend.endswith(f" mend /opt/jupyter {ours}") and record.endswith(f" record /opt/jupyter {ours}")
    assert "/opt/jupyter/x was in the way" in caplog.text


def test_a_package_that_is_damaged_is_installed_again(run: Run, caplog: pytest.LogCaptureFixture) -> None:
    ours, others = f"{PACKAGES}/jupyter-1.0.0.dist-info", f"{PACKAGES}/numpy-2.0.dist-info"
    damage = Damage({"jupyter-1.0.0": ours, "numpy-2.0": others})
    install = run(jupyter.jupyter, DONE | {VenvDamage: damage})[INSTALL][-1]
    assert f" rm -rf {ours};" in install and "installed again: jupyter-1.0.0" in caplog.text
    assert others not in install, "another lock has it"
    assert run(jupyter.jupyter, DONE | {VenvDamage: Damage({"numpy-2.0": others})}) == {}


def test_what_venv_made_is_made_again(run: Run) -> None:
    install = run(jupyter.jupyter, DONE | {VenvDamage: Damage(unknown=True)})[INSTALL][-1]
    assert " false || uv venv -q --allow-existing " in install


@pytest.mark.parametrize("codename", RELEASES)
def test_the_lock_is_that_of_the_releases_python(run: Run, codename: str) -> None:
    facts: dict[type, Any] = {OsRelease: {"version_codename": codename}}
    lock = f"none-{RELEASES[codename].python}"
    commands = run(jupyter.jupyter, facts)
    assert commands.uploads["/var/lib/melda-jupyter.provision/lock.txt"] == managed_files.source(
        f"packages/locks/{lock}.txt"
    )
    assert INSTALL not in run(jupyter.jupyter, facts | {Distributions: pinned(lock)})


def test_another_environment(run: Run) -> None:
    asked: list[str] = []
    commands = run(jupyter.jupyter, {Distributions: lambda env: asked.append(env) or set()}, python_env="/srv/py")
    assert set(asked) == {"/srv/py"}
    assert "/opt/jupyter" not in str(commands[INSTALL] + commands[KERNEL])
