"""Python packages of an address or a commit: fetched by us, installed from the copy, captured with their first address."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from melda.envs import document
from melda.envs.errors import PackageUnavailable
from melda.envs.restore import direct, git, sources

from tests.fakes import wheels
from tests.unit.melda.envs.conftest import VERSION
from tests.unit.melda.envs.python_machine import containers, env, index, names
from tests.unit.melda.envs.test_restore_git import COMMIT

__all__ = ["containers", "env", "index"]
WHEEL = "https://files.example/deep/zebra-1.0-py3-none-any.whl"
GITHUB = {"type": "vcs", "vcs": "git", "url": "https://github.com/a/b.git", "commit": COMMIT}
SOURCE = {
    "pyproject.toml": '[build-system]\nrequires = []\nbuild-backend = "make"\nbackend-path = ["."]\n',
    "make.py": (
        "import os, zipfile\n"
        "def build_wheel(folder, config_settings=None, metadata_directory=None):\n"
        "    version = os.environ['SETUPTOOLS_SCM_PRETEND_VERSION_FOR_YAK']\n"
        "    name, info = f'yak-{version}-py3-none-any.whl', f'yak-{version}.dist-info/'\n"
        "    with zipfile.ZipFile(os.path.join(folder, name), 'w') as wheel:\n"
        "        wheel.writestr('yak.py', 'V = 1')\n"
        "        wheel.writestr(info + 'METADATA', f'Metadata-Version: 2.1\\nName: yak\\nVersion: {version}\\n')\n"
        "        wheel.writestr(info + 'WHEEL', 'Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')\n"
        "        wheel.writestr(info + 'RECORD', f'yak.py,,\\n{info}METADATA,,\\n{info}WHEEL,,\\n{info}RECORD,,\\n')\n"
        "    return name\n"
    ),
}


def python(name: str, **source: Any) -> dict[str, Any]:
    return {"name": name, "version": "1.0", "source": source}


@pytest.fixture
def web(index: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What was fetched from the web: of wheels those of the index."""
    fetched: list[str] = []

    def fetch(url: str, path: str, trusted: bool = False) -> None:
        assert not trusted
        fetched.append(url)
        if "gone" in url:
            raise PackageUnavailable(f"{url} answers 404")
        if url.endswith(".whl"):
            shutil.copyfile(index / url.rpartition("/")[2], path)
        else:
            folder = Path(path).parent / "made" / "b-commit" / "sub"
            folder.mkdir(parents=True)
            for name, text in SOURCE.items():
                (folder / name).write_text(text)
            shutil.make_archive(path[: -len(".tar.gz")], "gztar", folder.parents[1], "b-commit")

    monkeypatch.setattr(sources, "fetch", fetch)
    monkeypatch.setattr(git, "checkout", lambda *a: pytest.fail("git"))
    return fetched


def test_it_is_installed_and_captured_with_its_first_address(containers: Any, web: list[str]) -> None:
    container = containers()
    wanted = document.empty()
    wanted["python"] = {
        "version": VERSION,
        "packages": [
            python("gone", type="url", url="https://files.example/gone-1.0-py3-none-any.whl"),
            python("lost", type="url", url="https://files.example/lost.whl", dropped=["query"]),
            python("owl", type="index"),
            python("yak", **GITHUB, subdirectory="sub"),
            python("zebra", type="url", url=WHEEL),
        ],
    }
    file = container.workdir / "wanted.json"
    file.write_text(json.dumps(wanted))
    outcome = container.restore(file)
    reasons = {problem.name: problem.reason for problem in outcome.problems}
    assert reasons == {
        "gone": "https://files.example/gone-1.0-py3-none-any.whl answers 404",
        "lost": "its address held a query, which no capture keeps",
    }
    assert web[1:] == [f"https://github.com/a/b/archive/{COMMIT}.tar.gz", WHEEL]
    now = {entry["name"]: entry for entry in container.capture()["python"]["packages"]}
    assert set(now) == {"owl", "yak", "zebra"}
    assert now["yak"]["source"] == {**GITHUB, "subdirectory": "sub"} and now["yak"]["version"] == "1.0"
    assert now["zebra"]["source"] == {"type": "url", "url": WHEEL}
    outcome = container.restore(file)
    assert (outcome.installed, outcome.there, names(outcome)) == (0, 3, ["gone", "lost"])


def test_the_hash_of_what_was_fetched_is_looked_at(containers: Any, web: list[str]) -> None:
    container = containers()
    wanted = document.empty()
    wanted["python"]["packages"] = [python("zebra", type="url", url=WHEEL, hashes=["sha256:" + "0" * 64])]
    container.file.write_text(json.dumps(wanted))
    assert names(container.restore(container.file)) == ["zebra"]
    assert container.capture()["python"]["packages"] == []


def test_a_commit_of_no_known_forge_is_gits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git, "checkout", lambda source, target, env: target)
    source = {**GITHUB, "url": "https://git.example/a/b"}
    assert direct.fetch(python("x", **source), str(tmp_path), {}) == f"file://{tmp_path}/source"
    assert (
        direct.fetch(python("x", **source, subdirectory="a b"), str(tmp_path), {}) == f"file://{tmp_path}/source/a%20b"
    )


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ({"type": "url", "url": "https://localhost/x.whl"}, "is not in the web"),
        ({"type": "url", "url": "https://files.example/download"}, "names neither a wheel nor the archive"),
        ({"type": "url", "url": "https://files.example/..%2f..%2fx.whl"}, "names neither a wheel nor the archive"),
        ({"type": "url", "dropped": ["user info"]}, "held a user name or password"),
        ({"type": "vcs", "vcs": "git", "url": "https://h.example/x", "dropped": ["commit"]}, "leaves out its commit"),
    ],
)  # fmt: skip
def test_what_cannot_be_fetched(tmp_path: Path, source: dict[str, Any], words: str) -> None:
    with pytest.raises(PackageUnavailable, match=words):
        direct.fetch(python("x", **source), str(tmp_path), {})
    assert list(tmp_path.iterdir()) == []


def test_what_it_needs_comes_along(containers: Any, web: list[str], index: Path) -> None:
    """In a file of addresses alone too, and where an earlier restore left it without."""
    wheels.build(index, "absent", "1.0", {"absent.py": "V = 1\n"}, hashed=True)
    container = containers()
    file = container.workdir / "requirements.txt"
    file.write_text(f"zebra @ {WHEEL}\n")
    for _ in range(2):
        assert container.restore(file).problems == []
        found = {entry["name"]: entry["version"] for entry in container.capture()["python"]["packages"]}
        assert found == {"zebra": "1.0", "absent": "1.0"}
        assert container.restore(file).installed == 0
        shutil.rmtree(next(container.plugins.rglob("absent-1.0.dist-info")))
    (index / "absent-1.0-py3-none-any.whl").unlink()


def test_extras_of_an_address_count(containers: Any, web: list[str], index: Path) -> None:
    """At the first restore, and where the package is here without them already."""
    wheels.build(index, "gnu", "1.0", {"gnu.py": "V = 1\n"}, ("absent>=1; extra == 'mane'",), hashed=True)
    wheels.build(index, "absent", "1.0", {"absent.py": "V = 1\n"}, hashed=True)
    address = " @ https://files.example/gnu-1.0-py3-none-any.whl\n"
    once, later = containers(), containers()
    file = later.workdir / "requirements.txt"
    file.write_text("gnu" + address)
    assert later.restore(file).problems == []
    assert [entry["name"] for entry in later.capture()["python"]["packages"]] == ["gnu"]
    for container in (once, later):
        file = container.workdir / "requirements.txt"
        file.write_text("gnu[mane]" + address)
        assert container.restore(file).problems == []
        assert [entry["name"] for entry in container.capture()["python"]["packages"]] == ["absent", "gnu"]
    for wheel in (*index.glob("gnu-*"), *index.glob("absent-*")):
        wheel.unlink()
