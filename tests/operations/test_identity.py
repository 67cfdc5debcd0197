"""tasks/lib/identity.py: who the user is, and where things are, stays in a target that has been provisioned, or is refused."""

from __future__ import annotations

import contextlib
import subprocess
from pathlib import Path

import pytest
from pyinfra.api import DeployError

from tasks import settings
from tasks.facts.server import OthersFolders
from tasks.facts.variables import ImageVariables, Variables
from tasks.lib import target_python

from .conftest import Run
from .test_settings import refusal

OURS = {
    "username": "melda", "UHOME": "/home/melda", "JUPYTER_WORKDIR": "/home/melda/project", "SRC": "/usr/src/melda-jupyter",
    "LANG": "en_US.UTF-8", "PATH": "/usr/src/melda-jupyter:/opt/jupyter/bin:/usr/bin",
}  # fmt: skip
CHANGED = {
    "username": "jo", "uhome": "/srv/jo", "jupyter_workdir": "/home/melda/work", "src": "/opt/src", "python_env": "/opt/py",
}  # fmt: skip


@pytest.mark.parametrize("is_host", [True, False])
@pytest.mark.parametrize("where", ["written", "docker"])
@pytest.mark.parametrize("name", CHANGED)
def test_who_the_user_is_and_where_things_are_stays(run: Run, name: str, where: str, is_host: bool) -> None:
    found = Variables(OURS if where == "written" else {}, OURS if where == "docker" else {}, is_host)
    value = CHANGED[name]
    # The project lies below the home.
    more = {"jupyter_workdir": "/srv/jo/project"} if name == "uhome" else {}
    message = refusal(run, settings.check, {ImageVariables: found}, **{name: value}, **more)
    assert message.startswith(f"invalid {name}={value!r}: expected ") and " was made with; " in message
    assert ("another host" in message) == is_host
    assert run(settings.check, {ImageVariables: found}) == {}


@pytest.mark.parametrize(
    ("written", "docker", "locale", "right"),
    [
        (OURS, OURS, "fr_FR.UTF-8", False),  # ENV would win
        (OURS, OURS | {"LANG": "fr_FR.UTF-8"}, "en_US.UTF-8", True),  # docker run --env LANG=
        (OURS, OURS | {"LANG": "fr_FR.UTF-8"}, "fr_FR.UTF-8", True),
        (OURS, {}, "fr_FR.UTF-8", True),
        ({}, {"LANG": "C.UTF-8", "PATH": "/usr/bin"}, "fr_FR.UTF-8", True),  # a base's
    ],
)
def test_a_locale_that_docker_overrides_is_refused(
    run: Run, written: dict[str, str], docker: dict[str, str], locale: str, right: bool
) -> None:
    facts = {ImageVariables: Variables(written, docker, False)}
    if right:
        assert run(settings.check, facts, locale=locale) == {}
    else:
        assert "make image DATA=locale=..." in refusal(run, settings.check, facts, locale=locale)


@pytest.mark.parametrize("name", ["src", "python_env"])
def test_a_folder_of_others_is_refused(run: Run, name: str) -> None:
    """With python_env=/usr/local what others had there was set aside, and root's secrets were made readable."""
    facts = {OthersFolders: lambda path: [path] if path == "/usr/local" else []}
    message = refusal(run, settings.check, facts, **{name: "/usr/local"})
    assert message == f"invalid {name}='/usr/local': expected a folder of its own, in this one something else is"
    # An earlier run that was killed left it so.
    found = Variables(OURS | {"SRC": "/opt/src", "PATH": "/opt/src:/opt/py/bin"}, {}, True)
    facts = {ImageVariables: found, OthersFolders: lambda path: [path]}
    assert run(settings.check, facts, src="/opt/src", python_env="/opt/py") == {}


@pytest.mark.parametrize(
    ("names", "theirs"),
    [((), False), (("pyvenv.cfg", "bin"), False), (("start-jupyter", "x"), False), (("x",), True), ((".x",), True)],
)
def test_whose_a_folder_is_on_a_real_file_system(tmp_path: Path, names: tuple[str, ...], theirs: bool) -> None:
    for name in names:
        (tmp_path / name).write_text("")

    def found(path: Path) -> list[str]:
        command = OthersFolders().command(str(path))
        return subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True).stdout.splitlines()

    assert found(tmp_path) == ([str(tmp_path)] if theirs else [])
    assert found(tmp_path / "nothing") == []


def test_the_home_is_in_no_folder_of_ours(run: Run) -> None:
    where = {"uhome": "/srv/melda/home", "jupyter_workdir": "/srv/melda/home/project"}
    message = refusal(run, settings.check, python_env="/srv/melda", **where)
    assert message == "invalid uhome='/srv/melda/home': expected a path outside python_env='/srv/melda'"


@pytest.mark.parametrize(
    ("leads_to", "refused"),
    [("/usr/bin/python3.11", False), ("", False), ("/opt/conda/bin/python3.12", True)],
)
def test_another_python_in_the_place_of_the_distributions_is_refused(run: Run, leads_to: str, refused: bool) -> None:
    """As update-alternatives puts it there by hand: apt's own programs and ours ran with it, and the run ended with 0."""
    problem = "/usr/bin/python3 leads to /opt/conda/bin/python3.12: expected /usr/bin/python3.11"
    with pytest.raises(DeployError, match=problem) if refused else contextlib.nullcontext():
        run(settings.check, {"readlink": leads_to})


def test_a_link_that_leads_nowhere_is_no_other_python(tmp_path: Path) -> None:
    """It is mended, with the package of the distribution's."""
    (tmp_path / "python3").symlink_to("python3.99")
    command = target_python.LED_TO.replace("/usr/bin", str(tmp_path))
    assert subprocess.check_output(["sh", "-c", command], text=True) == ""
