"""Python packages: what was captured comes back, whatever it was, from an index on this host; what is another is refused."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from melda.envs import diff, document
from melda.envs.capture import pack
from melda.envs.errors import UsageError
from melda.envs.restore import python, tools
from melda.envs.restore.command import Options

from tests.fakes import wheels
from tests.unit.melda.envs.conftest import VERSION
from tests.unit.melda.envs.python_machine import NAMES, VERSIONS, containers, env, index, names

__all__ = ["containers", "env", "index"]


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    wanted=st.dictionaries(st.sampled_from(NAMES), st.tuples(st.sampled_from(VERSIONS), st.booleans()), min_size=1),
    there=st.dictionaries(st.sampled_from(NAMES), st.sampled_from(VERSIONS)),
)
def test_capture_restore_capture_is_the_identity(
    containers: Any, index: Path, wanted: dict[str, tuple[str, bool]], there: dict[str, str]
) -> None:
    """Packages of an index and of local wheels, over whatever is there."""
    one, two = containers(), containers()
    one.pip(
        *(str(index / f"{name}-{v}-py3-none-any.whl") if local else f"{name}=={v}" for name, (v, local) in wanted.items()),
        "--find-links", str(index),
    )  # fmt: skip
    before = one.capture()
    if there:
        two.pip(*(f"{name}=={version}" for name, version in there.items()), "--find-links", str(index))
    outcome = two.restore(one.file, Options(prune=True))
    assert outcome.problems == []
    after = two.capture()
    assert diff.compare(before, after, everything=True) == []
    assert after["python"] == before["python"]
    again = two.restore(one.file)
    assert (again.installed, again.there, again.problems) == (0, len(wanted), [])


def test_importable_and_its_script_runs_here(containers: Any, index: Path) -> None:
    one, two = containers(), containers()
    one.pip(str(index / "yak-2.0-py3-none-any.whl"))
    one.capture()
    shutil.copytree(str(one.file) + pack.ENDING, two.workdir / "copy.json.files")
    shutil.copy(one.file, two.workdir / "copy.json")
    shutil.rmtree(one.root)
    assert two.restore(two.workdir / "copy.json").problems == []
    script = two.plugins / "bin" / "yak"
    assert str(two.plugins) in script.read_text()
    assert subprocess.run([script], capture_output=True, text=True, check=True).stdout == "2.0\n"
    # No file is a link to one of a cache, which would change with it; and the cache does not stay.
    assert {path.stat().st_nlink for path in two.plugins.rglob("*.py") if not path.is_symlink()} == {1}
    assert not Path(tools.packages(two.layout)).exists()


def captured(*packages: dict[str, Any]) -> str:
    found = document.empty()
    found["python"] = {
        "version": VERSION,
        "packages": [{"source": {"type": "index"}, **package} for package in packages],
    }
    return json.dumps(found)


def test_what_cannot_be_had_is_told_with_the_nearest_version_and_the_rest_is_installed(containers: Any) -> None:
    container = containers()
    container.file.write_text(
        captured(
            {"name": "owl", "version": "1.0"}, {"name": "zebra", "version": "1.5"}, {"name": "nowhere", "version": "1.0"},
            {"name": "yak", "version": "1.0", "hashes": ["sha256:" + "0" * 64]},
        )
    )  # fmt: skip
    outcome = container.restore(container.file)
    assert names(outcome) == ["nowhere", "yak", "zebra"]
    assert outcome.installed == 1
    assert [entry["name"] for entry in container.capture()["python"]["packages"]] == ["owl"]
    assert "zebra" in outcome.problems[2].reason, outcome


def test_of_a_package_from_a_folder_no_strangers_version_is_told(
    containers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    container = containers()
    monkeypatch.setattr(python.Installer, "nearest", lambda *_: "2.0")
    folder = {"name": "owl", "version": "0.1", "source": {"type": "local", "path": "/gone", "editable": True}}
    container.file.write_text(captured(folder, {"name": "nowhere", "version": "1.0"}))
    assert {one.name: one.nearest for one in container.restore(container.file).problems} == {
        "nowhere": "2.0",
        "owl": "",
    }


def test_another_content_under_the_same_version_is_refused(containers: Any, index: Path) -> None:
    one, two = containers(), containers()
    one.pip("owl==1.0", "zebra==1.0", "--find-links", str(index))
    before = one.capture()
    found = document.empty()
    found["python"] = {
        "version": VERSION,
        "packages": [{**before["python"]["packages"][0], "record": "sha256:" + "0" * 64}],
    }
    two.file.write_text(json.dumps(found))
    outcome = two.restore(two.file)
    assert [problem.reason.split(":")[0] for problem in outcome.problems] == [
        "the content of this version is another one now"
    ]
    assert two.capture()["python"]["packages"] == []


def test_a_copy_that_was_tampered_with_or_is_gone(containers: Any, index: Path) -> None:
    one, two = containers(), containers()
    one.pip(str(index / "owl-1.0-py3-none-any.whl"), str(index / "zebra-1.0-py3-none-any.whl"))
    found = one.capture()
    folder = Path(str(one.file) + pack.ENDING)
    (folder / found["python"]["packages"][0]["file"]["name"]).write_bytes(b"PK evil")
    (folder / found["python"]["packages"][1]["file"]["name"]).unlink()
    outcome = two.restore(one.file)
    assert names(outcome) == ["owl", "zebra"] and outcome.installed == 0
    assert "its hash is another one" in outcome.problems[0].reason


def test_what_was_cut_off_is_installed_again(containers: Any, index: Path) -> None:
    one, two = containers(), containers()
    one.pip("owl==1.0", "zebra==1.0", "--find-links", str(index))
    one.capture()
    assert two.restore(one.file).installed == 2
    info = (
        two.plugins
        / "lib"
        / f"python{sys.version_info[0]}.{sys.version_info[1]}"
        / "site-packages"
        / "owl-1.0.dist-info"
    )
    (info / "RECORD").unlink()
    assert two.restore(one.file).installed == 1
    assert diff.compare(one.capture(), two.capture()) == []


def test_another_python_is_said_and_goes_on_if_asked(containers: Any) -> None:
    container = containers()
    older = container.workdir / "older.json"
    older.write_text(captured({"name": "owl", "version": "1.0"}).replace(VERSION, "3.1.4"))
    with pytest.raises(UsageError, match=r"3\.1\.4.*--allow-version-change"):
        container.restore(older)
    assert container.capture()["python"]["packages"] == []
    assert container.restore(older, Options(allow_version_change=True)).installed == 1


def test_only_one_at_a_time(containers: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "PATIENCE", 0.0)
    container = containers()
    container.file.write_text(captured({"name": "owl", "version": "1.0"}))
    with tools.alone(tools.cache(container.layout)), pytest.raises(UsageError, match="another melda-env restore runs"):
        container.restore(container.file)


def test_what_a_killed_restore_has_started_is_waited_for(tmp_path: Path) -> None:
    """A process that holds the lock and is killed leaves a child that ends a second later."""
    code = (
        f"import os, sys; sys.path[:0] = {[path for path in sys.path if '/files/' in path]!r}\n"
        "from melda.envs.restore import tools\n"
        f"with tools.alone({str(tmp_path)!r}):\n"
        "    tools.run(['sh', '-c', 'echo begun; sleep 1; touch ended'], dict(os.environ),"
        f" lambda line: os.kill(os.getpid(), 9), {str(tmp_path)!r})\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    assert not (tmp_path / "ended").exists()
    with tools.alone(str(tmp_path)):
        assert (tmp_path / "ended").exists()


def test_requirements_without_versions_are_resolved(containers: Any, index: Path) -> None:
    container = containers()
    (container.workdir / "requirements.txt").write_text("owl<2\n")
    outcome = container.restore(container.workdir / "requirements.txt")
    assert names(outcome) == ["owl"], "it needs a package that is nowhere"
    wheels.build(index, "absent", "1.0", {"absent.py": "V = 1\n"}, hashed=True)
    assert container.restore(container.workdir / "requirements.txt").problems == []
    found = {entry["name"]: entry["version"] for entry in container.capture()["python"]["packages"]}
    assert found == {"owl": "1.0", "absent": "1.0"}
    (index / "absent-1.0-py3-none-any.whl").unlink()


def test_pkg_resources_is_brought_to_who_imports_it_without_a_word(containers: Any, index: Path) -> None:
    container = containers()
    wheels.build(index, "older", "1.0", {"older.py": "import pkg_resources\n"}, hashed=True)
    file = container.workdir / "requirements.txt"
    file.write_text("older==1.0\n")
    (problem,) = container.restore(file).problems
    assert problem.name == "older" and "pip install 'setuptools<81' brings it" in problem.reason
    shutil.rmtree(next(container.plugins.rglob("older-1.0.dist-info")))
    wheels.build(index, "setuptools", "80.0", {"pkg_resources.py": "V = 1\n"}, hashed=True)
    wheels.build(index, "setuptools", "82.0", {"setuptools.py": "V = 1\n"}, hashed=True)
    assert container.restore(file).problems == []
    found = {entry["name"]: entry["version"] for entry in container.capture()["python"]["packages"]}
    assert found == {"older": "1.0", "setuptools": "80.0"}
    # Who wants a later one gets it, and is told.
    other = containers()
    other.file.with_name("requirements.txt").write_text("older==1.0\nsetuptools>=81\n")
    (problem,) = other.restore(other.file.with_name("requirements.txt")).problems
    assert "setuptools<81" in problem.reason
    for wheel in (*index.glob("setuptools-*"), *index.glob("older-*")):
        wheel.unlink()


def test_an_import_that_ends_the_process_is_told_and_the_others_are_tried(containers: Any, index: Path) -> None:
    container = containers()
    wheels.build(index, "crash", "1.0", {"crash.py": "import os\nos._exit(3)\n"}, hashed=True)
    wheels.build(index, "older", "1.0", {"older.py": "import nowhere\n"}, hashed=True)
    file = container.workdir / "requirements.txt"
    file.write_text("crash==1.0\nolder==1.0\n")
    reasons = {one.name: one.reason for one in container.restore(file).problems}
    assert "ended with exit code 3" in reasons["crash"] and "No module named 'nowhere'" in reasons["older"]
    for wheel in (*index.glob("crash-*"), *index.glob("older-*")):
        wheel.unlink()


def test_a_python_that_cannot_be_run_costs_what_was_to_be_loaded(
    containers: Any, index: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    container = containers()
    wheels.build(index, "fine", "1.0", {"fine.py": ""}, hashed=True)
    gone = FileNotFoundError(2, "No such file or directory")
    monkeypatch.setattr(python.loading, "answers", lambda *_: (_ for _ in ()).throw(gone))
    (container.workdir / "requirements.txt").write_text("fine\n")
    (problem,) = container.restore(container.workdir / "requirements.txt").problems
    assert problem.name == "fine" and "python cannot be run: No such file or directory" in problem.reason
    next(index.glob("fine-*")).unlink()


def test_pips_settings_are_uvs(tmp_path: Path) -> None:
    (tmp_path / ".pip").mkdir()
    (tmp_path / "etc").write_text("[global]\nindex-url = https://one.example/simple\ntrusted-host = a\n")
    (tmp_path / ".pip" / "pip.conf").write_text(
        "[install]\nextra-index-url =\n  https://two.example\n  https://three.example\n"
    )
    found = tools.pip_settings(str(tmp_path), {"PIP_INDEX_URL": "https://four.example"}, str(tmp_path / "etc"))
    assert found == {
        "UV_DEFAULT_INDEX": "https://four.example", "UV_INSECURE_HOST": "a", "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_INDEX": "https://two.example https://three.example", "UV_SYSTEM_CERTS": "true",
    }  # fmt: skip
    assert tools.pip_settings(str(tmp_path / "none"), {"UV_DEFAULT_INDEX": "x", "PIP_INDEX_URL": "y"}, "/none") == {
        "UV_SYSTEM_CERTS": "true"
    }
