"""What is wanted is installed with what it needs, or said; on an index of wheels in a folder, with the real uv."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from melda.envs import capture
from melda.envs.restore import resolve, tools
from melda.envs.restore.command import Options

from tests.fakes import wheels
from tests.unit.melda.envs import python_machine as python

containers, env, names = python.containers, python.env, python.names
__all__ = ["containers", "env", "index", "names"]
# Name, version, needs.
PACKAGES = (
    ("lynx", "1.0", ("okapi>=1",)), ("lynx", "2.0", ("okapi>=2",)), ("okapi", "1.0", ()), ("okapi", "2.0", ()),
    ("kudu", "1.0", ("gnu; extra == 'mane'",)), ("gnu", "1.0", ()), ("old", "1.0", ("okapi<2",)),
    ("image_one", "1.0", ("okapi<2",)), ("image_one", "2.0", ("okapi>=2",)), ("stuck", "1.0", ("okapi<2",)),
    ("broken", "1.0", ()),
)  # fmt: skip


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Wheels of packages that need each other."""
    folder = tmp_path_factory.mktemp("index")
    for name, version, needs in PACKAGES:
        text = "import nowhere\n" if name == "broken" else f"V = {version!r}\n"
        wheels.build(folder, name, version, {f"{name}/__init__.py": text}, needs, hashed=True)
    return folder


def restored(container: Any, text: str, **options: bool) -> tuple[dict[str, str], dict[str, str]]:
    """Version by name of what is there then, and the reason by name of what cannot be had."""
    (container.workdir / "requirements.txt").write_text(text)
    outcome = container.restore(container.workdir / "requirements.txt", Options(**options))
    there = {entry["name"]: entry["version"] for entry in container.capture()["python"]["packages"]}
    return there, {problem.name: problem.line() for problem in outcome.problems}


def in_image(container: Any, *requirements: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have capture say that these are the image's."""
    here = capture.capture

    def with_image(place: Any) -> dict[str, Any]:
        found = here(place)
        found["python"]["image"].update(one.split("==") for one in requirements)
        return found

    monkeypatch.setattr(capture, "capture", with_image)


def test_pins_bring_what_they_need_and_extras_count(containers: Any) -> None:
    container = containers()
    there, lost = restored(container, "lynx==1.0\nkudu[mane]==1.0\n")
    assert there == {"lynx": "1.0", "okapi": "2.0", "kudu": "1.0", "gnu": "1.0"} and not lost
    outcome = container.restore(container.workdir / "requirements.txt")
    assert (outcome.installed, outcome.problems) == (0, []), "a second run does nothing"


def test_what_contradicts_costs_itself_and_a_dry_run_knows_it(containers: Any) -> None:
    text = "okapi==2.0\nold==1.0\nlynx==9.9\nnowhere-to-be-had\nkudu\n"
    container = containers()
    before, foreseen = restored(container, text, dry_run=True)
    there, lost = restored(container, text)
    assert before == {} and there == {"okapi": "2.0", "kudu": "1.0"}
    assert lost.keys() == foreseen.keys() == {"old", "lynx", "nowhere-to-be-had"}
    assert "contradicts" in lost["old"] and "there is no version of lynx==9.9" in lost["lynx"]


def test_constraints_limit_and_hashes_are_looked_at(containers: Any) -> None:
    container = containers()
    (container.workdir / "limits.txt").write_text("okapi<2\n")
    there, lost = restored(container, "-c limits.txt\nlynx\n")
    assert there == {"lynx": "1.0", "okapi": "1.0"} and not lost
    there, lost = restored(containers(), f"kudu==1.0 --hash=sha256:{'0' * 64}\nokapi==1.0\n")
    assert there == {"okapi": "1.0"} and lost.keys() == {"kudu"}


def test_the_images_version_is_preferred_and_may_be_overridden(
    containers: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    container = containers()
    in_image(container, "okapi==1.0", monkeypatch=monkeypatch)
    there, lost = restored(container, "lynx>=1\n", dry_run=True)
    assert not lost
    there, lost = restored(container, "lynx==2.0\n")
    assert there == {"lynx": "2.0", "okapi": "2.0"} and not lost


NEEDS = {"image-one": ["okapi<2"], "stuck": ["okapi<2"], "lynx": ["okapi>=1"]}


def test_what_would_no_longer_fit_is_resolved_along_or_told(tmp_path: Path, index: Path) -> None:
    def run(*arguments: str) -> Any:
        command = [str(python.UV), "pip", *arguments, "--no-index", "--find-links", str(index)]
        return resolve.tools.run(command, {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "UV_NO_CONFIG": "1"})

    resolver = resolve.Resolver(run, sys.executable, str(tmp_path))
    there = {"okapi": "1.0", "image-one": "1.0"}
    found, broken = resolver.around(["okapi==2.0"], [], there, {"image-one": NEEDS["image-one"]})
    assert found.versions == {"okapi": "2.0", "image-one": "2.0"} and broken == {}
    found, broken = resolver.around(["okapi==2.0"], [], {**there, "stuck": "1.0"}, NEEDS)
    assert broken.keys() >= {"stuck"} and "needs okapi<2, and 2.0 is there" in broken["stuck"]
    found, broken = resolver.around(["lynx"], [], there, {"image-one": NEEDS["image-one"]})
    assert found.versions["okapi"] == "1.0" and broken == {}, "what is there is preferred"


def test_what_pip_check_says() -> None:
    versions = {"a": "1.0", "b": "2.0"}
    needs = {"a": ["b<2", "c", "d; python_version < '3'", "e; extra == 'x'", "no requirement at all!"], "b": ["a"]}
    assert resolve.unmet(needs, versions) == {
        ("a", "b"): "needs b<2, and 2.0 is there", ("a", "c"): "needs c, which is not there",
    }  # fmt: skip
    assert resolve.satisfied(["b[x]>=2"], {"b": ["a; extra == 'x'"], "a": []}, versions)
    assert not resolve.satisfied(["b[x]>=2"], {"b": ["c; extra == 'x'"]}, versions)
    assert not resolve.satisfied(["b<2"], {}, versions) and not resolve.satisfied(["c"], {}, versions)


def test_an_index_that_does_not_answer_is_told_of_all_at_once(tmp_path: Path) -> None:
    asked: list[tuple[str, ...]] = []

    def run(*arguments: str) -> Any:
        asked.append(arguments)
        return resolve.tools.Done(
            2, "error: Failed to fetch: `https://index.example/simple/a/`\n  Caused by: dns error"
        )

    resolver = resolve.Resolver(run, sys.executable, str(tmp_path))
    found = resolver.resolve(["a", "b", "c"], [], {})
    assert found.failures.keys() == {"a", "b", "c"} and len(asked) == 1


def test_a_dry_run_asks_for_no_hashes(containers: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the index has none, each file is fetched for its hash: 500 pins took 4 s and more, and 0.5 s without."""
    asked: list[list[str]] = []
    run = tools.run
    monkeypatch.setattr(tools, "run", lambda command, *rest: asked.append(command) or run(command, *rest))
    for dry in (True, False):
        asked.clear()
        restored(containers(), "okapi==1.0\n", dry_run=dry)
        (compiled,) = (one for one in asked if "compile" in one)
        assert ("--generate-hashes" in compiled) is not dry


def test_what_cannot_be_imported_is_told(containers: Any) -> None:
    there, lost = restored(containers(), "broken\nokapi\n")
    assert there == {"broken": "1.0", "okapi": "2.0"}
    assert "import broken: ModuleNotFoundError: No module named 'nowhere'" in lost["broken"]
