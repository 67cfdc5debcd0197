"""set-paths: the same however often it runs, and whatever it finds."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from melda.base import interpreters
from melda.config import environ, firewall_policy, repository
from melda.config.environ import ImageLayout, Settings
from melda.plugins import set_paths


@pytest.fixture(autouse=True)
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Root's two files: Rprofile.site, as it is before, and the one for login shells."""
    rprofile, profile = tmp_path / "Rprofile.site", tmp_path / "melda-plugins.sh"
    rprofile.write_text(
        "# theirs\n# BEGIN melda-jupyter bspm\nsuppressMessages(bspm::enable())\n# END melda-jupyter bspm\n"
    )
    monkeypatch.setattr(set_paths.in_system, "__defaults__", (str(rprofile), str(profile)))
    monkeypatch.setattr(interpreters, "r", lambda: "4.2.2")
    return rprofile, profile


def prepare(place: ImageLayout, repair: bool = False) -> set_paths.Plugins:
    """As root does it, whoever runs the test."""
    found = set_paths.prepare(place, repair)
    set_paths.in_system(place, found)
    return found


def snapshot(*roots: str) -> dict[str, tuple[int, float]]:
    """Inode and change time of every file."""
    return {
        str(p): (p.lstat().st_ino, p.lstat().st_ctime) for root in roots for p in [Path(root), *Path(root).rglob("*")]
    }


def configuration(place: ImageLayout) -> Path:
    return Path(place.user.home, ".pip", "pip.conf")


def site_packages(found: set_paths.Plugins) -> Path:
    (folder,) = Path(found.python).glob("lib/python3*/site-packages")
    return folder


def test_a_virtual_environment_on_the_images(place: ImageLayout) -> None:
    found = prepare(place)
    version = interpreters.python(place.python_env)
    assert found == (f"{place.workdir}/Python-{version}", f"{place.workdir}/R-4.2.2")
    assert all(Path(folder).is_dir() for folder in found)
    assert configuration(place).read_text() == f"[global]\npython = {found.python}/bin/pip-python\n"
    minor = version.rpartition(".")[0]
    ran = [f"{found.python}/bin/python{minor}", "-Ic", "import sys; print(sys.prefix)"]
    assert subprocess.check_output(ran, text=True).strip() == found.python
    image = f"{place.python_env}/lib/python{minor}/site-packages"
    assert next(site_packages(found).iterdir()).read_text().startswith(image + "\n")


def test_for_the_user_alone(place: ImageLayout, system: tuple[Path, Path]) -> None:
    found = prepare(place)
    text = system[0].read_text()
    assert text.startswith("# theirs\n# BEGIN melda-jupyter bspm\n")
    assert text.index("bspm::enable()") < text.index(f'file.path("{place.workdir}", paste0("R-", getRversion()))')
    assert 'identical(user, "melda")' in text
    shown = 'id() { echo $WHO; }; . "$0"; echo "$VIRTUAL_ENV $PYTHONPATH $PATH $NLTK_DATA $UV_TOOL_DIR"'
    for who, expected in (
        (
            place.user.name,
            f"{found.python} {found.python} {found.python}/bin:/bin {found.python}/share/nltk_data {found.python}/share/uv/tools",
        ),
        ("root", "  /bin  "),
    ):
        ran = ["/bin/sh", "-c", shown, system[1]]
        assert subprocess.check_output(ran, text=True, env={"WHO": who, "PATH": "/bin"}) == expected + "\n"


def test_a_login_has_what_a_terminal_of_jupyters_has(place: ImageLayout, system: tuple[Path, Path]) -> None:
    """What git was told there with --global ended with the container; and a container's own variables were lost there."""
    found = prepare(place)
    settings = Settings(
        place, {"UV_TOOL_DIR": "/mine", "PATH": "/bin"}, None, firewall_policy.from_env({}, None), "", ()
    )
    wanted = environ.for_user(settings, *found)
    names = [*repository.of_git(place.workdir), *environ.kept(found.python), "R_LIBS_USER", "VIRTUAL_ENV"]
    shown = f'id() {{ echo {place.user.name}; }}; set -eu; . "$0"; env -0'
    ran = subprocess.check_output(["/bin/sh", "-c", shown, system[1]], text=True, env=settings.variables)
    seen = dict(line.split("=", 1) for line in ran.split("\0") if line)
    assert {name: seen.get(name) for name in names} == {name: wanted[name] for name in names}
    assert seen["UV_TOOL_DIR"] == "/mine"


def test_doing_it_again_changes_nothing(place: ImageLayout, system: tuple[Path, Path]) -> None:
    prepare(place)
    before = snapshot(place.user.home, *map(str, system))
    for repair in (True, False):
        prepare(place, repair)
    assert snapshot(place.user.home, *map(str, system)) == before


def test_a_new_version_gets_its_own_folder(place: ImageLayout, monkeypatch: pytest.MonkeyPatch) -> None:
    old = prepare(place)
    (Path(old.r) / "mine").mkdir()
    monkeypatch.setattr(interpreters, "r", lambda: "4.3.1")
    monkeypatch.setattr(interpreters, "python", lambda _: "3.99.0")
    new = prepare(place)
    assert (new.python, new.r) == (f"{place.workdir}/Python-3.99.0", f"{place.workdir}/R-4.3.1")
    assert (Path(old.r) / "mine").is_dir()
    assert configuration(place).read_text() == f"[global]\npython = {new.python}/bin/pip-python\n"


def test_the_former_target_goes_and_the_users_own_lines_stay(place: ImageLayout) -> None:
    configuration(place).parent.mkdir()
    former = f"# mine\n[install]\nno-compile = true\ntarget = {place.workdir}/Python-3.8.10\n[list]\nformat = json\n"
    configuration(place).write_text(former)
    found = prepare(place)
    kept = "# mine\n[install]\nno-compile = true\n[list]\nformat = json\n"
    assert configuration(place).read_text() == f"{kept}[global]\npython = {found.python}/bin/pip-python\n"
    configuration(place).write_text("[install]\ntarget = /elsewhere\n")
    prepare(place)
    assert "target = /elsewhere\n" in configuration(place).read_text()


def test_without_r(place: ImageLayout, monkeypatch: pytest.MonkeyPatch, system: tuple[Path, Path]) -> None:
    monkeypatch.setattr(interpreters, "r", lambda: "")
    assert prepare(place, repair=True).r == ""
    assert "plugins" not in system[0].read_text()


def test_what_the_user_deleted_or_put_in_the_way_is_repaired(place: ImageLayout) -> None:
    found = prepare(place)
    root = Path(found.python)
    before = {path.relative_to(root) for path in root.rglob("*")}
    (root / "bin" / "python").unlink()
    (root / "bin" / "python3").unlink()
    (root / "bin" / "python3").write_text("garbage")
    (root / "bin" / "pip-python").unlink()
    (root / "bin" / "pip-python").mkdir()
    (root / "pyvenv.cfg").write_bytes(b"\xff")
    (root / "lib").rename(root / "old")
    (root / "lib").write_text("garbage")
    Path(found.r).rmdir()
    Path(found.r).symlink_to("/nowhere")
    prepare(place)
    assert before <= {path.relative_to(root) for path in root.rglob("*")}
    (aside,) = root.glob("lib.set-aside-*")
    assert aside.read_text() == "garbage"
    assert subprocess.check_output([root / "bin" / "python3", "-ISc", "print(1)"]) == b"1\n"
    assert os.access(root / "bin" / "pip-python", os.X_OK)
    assert Path(found.r).is_dir()


def test_where_links_are_refused_the_interpreter_is_a_copy(place: ImageLayout, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError("Operation not permitted")

    monkeypatch.setattr(os, "symlink", refuse)
    found = prepare(place)
    before = snapshot(found.python)
    ran = [f"{found.python}/bin/python3", "-Ic", "import sys; print(sys.prefix)"]
    assert subprocess.check_output(ran, text=True).strip() == found.python
    prepare(place)
    assert snapshot(found.python) == before


def test_what_was_cut_off_is_forgotten_when_the_container_starts(place: ImageLayout) -> None:
    found = prepare(place)
    python, r = site_packages(found), Path(found.r)
    for name, files in (
        ("whole-1", ("METADATA", "RECORD")),
        ("half-1", ("METADATA",)),
        ("~hole-1", ("METADATA", "RECORD")),
    ):
        (python / f"{name}.dist-info").mkdir()
        for file in files:
            (python / f"{name}.dist-info" / file).touch()
    for package in ("00LOCK-old/old", "00LOCK-done/done", "00LOCK/two", "done", "other"):
        (r / package / "Meta").mkdir(parents=True)
        (r / package / "Meta" / "package.rds").write_text(package)
    (r / "old").mkdir()  # R empties the place before the new version is complete
    (r / "00LOCK-new" / "00new" / "new" / "Meta").mkdir(parents=True)
    (r / "new").mkdir()
    prepare(place)
    assert (r / "00LOCK-new").exists(), "set-paths by hand: something may be installing"
    prepare(place, repair=True)
    assert {path.name for path in python.glob("*.dist-info")} == {"whole-1.dist-info"}
    whole = {path.name: (path / "Meta" / "package.rds").read_text() for path in r.iterdir()}
    assert whole == {"old": "00LOCK-old/old", "done": "done", "two": "00LOCK/two", "other": "other"}


@pytest.mark.parametrize(
    ("runner", "expected"),
    [
        ("{image}/lib/python3.11/site-packages/pip/__pip-runner__.py", "{plugins}/bin/python"),
        ("{plugins}/lib/python3.11/site-packages/pip/__pip-runner__.py", "{plugins}/bin/python"),
        ("/usr/lib/python3/dist-packages/pip/__pip-runner__.py", "{plugins}/bin/python"),
        ("{own}/lib/python3.11/site-packages/pip/__pip-runner__.py", "{own}/bin/python"),
        ("/gone/lib/python3.11/site-packages/pip/__pip-runner__.py", "{plugins}/bin/python"),
    ],
)
def test_a_pip_of_another_environment_stays_in_its_own(
    place: ImageLayout, tmp_path: Path, runner: str, expected: str
) -> None:
    found = prepare(place)
    names = {"image": place.python_env, "plugins": found.python, "own": str(tmp_path / "own")}
    for folder in (found.python, names["own"]):
        python = Path(folder, "bin", "python")
        python.parent.mkdir(parents=True, exist_ok=True)
        python.unlink(missing_ok=True)
        python.write_text('#!/bin/sh\necho "$0 $*"\n')
        python.chmod(0o755)
    called = [f"{found.python}/bin/pip-python", runner.format(**names), "install", "a b"]
    shown = subprocess.check_output(called, text=True)
    assert shown == f"{expected.format(**names)} {' '.join(called[1:])}\n"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("install --user six", "install six"), ("-q install six --user", "-q install six"),
        ("list --user", "list --user"), ("uninstall --user", "uninstall --user"),
    ],
)  # fmt: skip
def test_pip_install_user_is_what_pip_does_anyway(place: ImageLayout, words: str, expected: str) -> None:
    """pip refused it: "Can not perform a '--user' install"."""
    found = prepare(place)
    python = Path(found.python, "bin", "python")
    python.unlink()
    python.write_text('#!/bin/sh\necho "$*"\n')
    python.chmod(0o755)
    shown = subprocess.check_output([f"{found.python}/bin/pip-python", "/usr/lib/pip", *words.split()], text=True)
    assert shown == f"/usr/lib/pip {expected}\n"


@pytest.mark.parametrize(
    ("caller", "words", "expected"),
    [
        ("{own}/bin/python", "-m pip install x", "{own}/bin/python"),  # pipx, python -m venv --without-pip
        ("{own}/bin/python", "{own}/bin/pip install x", "{own}/bin/python"),
        ("bin/python", "-m pip install x", "{own}/bin/python"),
        ("python", "-m pip install x", "{own}/bin/python"),
        ("{own}/bin/python", "/tmp/pip.pyz install x", "{own}/bin/python"),
        ("{own}/bin/python", "-m other", "{plugins}/bin/python"),  # a program that runs there, and no pip
        ("{plugins}/bin/python", "-m pip install x", "{plugins}/bin/python"),
        ("{image}/bin/python", "-m pip install x", "{plugins}/bin/python"),
        ("{plain}/bin/python", "-m pip install x", "{plugins}/bin/python"),
    ],
)
def test_a_python_of_an_environment_keeps_its_own_whoever_has_the_pip(
    place: ImageLayout, tmp_path: Path, caller: str, words: str, expected: str
) -> None:
    found = prepare(place)
    names = {"image": place.python_env, "plugins": found.python}
    names |= {one: str(tmp_path / one) for one in ("own", "plain")}
    for name, folder in names.items():
        python = Path(folder, "bin", "python")
        python.parent.mkdir(parents=True, exist_ok=True)
        python.unlink(missing_ok=True)
        # What runs pip has its name as Python has: a shell that is called so, and runs what pip runs.
        python.write_text('#!/bin/sh\necho "$0"\n')
        python.chmod(0o755)
        if name != "plain":
            Path(folder, "pyvenv.cfg").touch()
    runner = f"{place.python_env}/lib/python3.11/site-packages/pip/__pip-runner__.py"
    shown = subprocess.check_output(
        [caller.format(**names), "-c", f'"{found.python}/bin/pip-python" {runner}; :', *words.format(**names).split()],
        executable="/bin/sh",
        text=True,
        cwd=names["own"],
        env={"PATH": f"{names['own']}/bin:/usr/bin:/bin"},
    )
    assert shown == f"{expected.format(**names)}\n"


def test_the_command_takes_no_arguments(src: Path) -> None:
    done = subprocess.run(
        ["/usr/bin/python3", "-IS", src / "set-paths", "x"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "set-paths: invalid 'x': expected no argument\n"


def test_an_invalid_variable_is_an_invalid_request(src: Path) -> None:
    done = subprocess.run(
        ["/usr/bin/python3", "-IS", src / "set-paths"],
        env={"username": "nobody-here"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == "set-paths: invalid username='nobody-here': expected a user of this container\n"
