"""get-versions: correct whatever lies about in the libraries, and at once."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from melda.base import interpreters
from melda.config.environ import ImageLayout
from melda.versions import libraries


def distribution(folder: Path, name: str, version: str, metadata: str | None = None) -> Path:
    """A Python distribution in ``folder``."""
    path = folder / f"{name}-{version}.dist-info"
    path.mkdir(parents=True)
    text = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\nName: nonsense\n"
    (path / "METADATA").write_text(text if metadata is None else metadata)
    return path


def r_package(library: Path, name: str, version: str) -> Path:
    """An R package in ``library``."""
    path = library / name
    path.mkdir(parents=True)
    (path / "DESCRIPTION").write_text(f"Package: {name}\nTitle: X\n Version: no\nVersion: {version}\n")
    return path


def python(*folders: Path) -> dict[str, str]:
    return libraries.Reader().packages(libraries.PYTHON, map(str, folders))


def r(*folders: Path) -> dict[str, str]:
    return libraries.Reader().packages(libraries.R, map(str, folders))


def test_the_first_folder_wins_whatever_the_spelling(tmp_path: Path) -> None:
    distribution(tmp_path / "a", "ruamel_yaml", "2.0")
    distribution(tmp_path / "b", "ruamel.yaml", "1.0")
    assert python(tmp_path / "a", tmp_path / "b") == {"ruamel_yaml": "2.0"}


def test_sorted_by_name_regardless_of_case(tmp_path: Path) -> None:
    for name in ("b", "A", "C"):
        distribution(tmp_path, name, "1")
    assert list(python(tmp_path)) == ["A", "b", "C"]


@pytest.mark.parametrize("metadata", ["", "garbage", "Name: x\n", "Name:\nVersion: \n", "\x00\xff"])
def test_broken_metadata_falls_back_to_the_folders_name(tmp_path: Path, metadata: str) -> None:
    distribution(tmp_path, "good", "1.0")
    distribution(tmp_path, "bad", "2.0", metadata)
    assert python(tmp_path) == {"bad": "2.0", "good": "1.0"}


def test_half_there_is_an_entry_or_left_out(tmp_path: Path) -> None:
    (tmp_path / "half-1.0.dist-info").mkdir()
    (tmp_path / "~eing-1.0.dist-info").mkdir()
    (tmp_path / "nodash.dist-info").mkdir()
    (tmp_path / "old.egg-info").write_text("Name: old\nVersion: 3\n")
    (tmp_path / "link-1.0.dist-info").symlink_to("/nowhere")
    os.mkfifo(tmp_path / "fifo-1.0.egg-info")  # reading it would hang
    (tmp_path / os.fsdecode(b"n\xff-1.0.dist-info")).mkdir()
    found = python(tmp_path)
    assert found == {"fifo": "1.0", "half": "1.0", "link": "1.0", "old": "3"}
    json.dumps(found, ensure_ascii=False).encode()


@pytest.mark.parametrize(("newer", "older"), [("1.0", "2.0"), ("2.0", "1.0")])  # in whatever order they are listed
def test_of_an_upgrade_that_was_cut_off_the_newer_counts(tmp_path: Path, newer: str, older: str) -> None:
    for version, when in ((newer, 200), (older, 100)):
        os.utime(distribution(tmp_path, "x", version) / "METADATA", (when, when))
    assert python(tmp_path) == {"x": newer}


def test_r_packages(tmp_path: Path) -> None:
    r_package(tmp_path / "a", "dplyr", "1.0.10")
    r_package(tmp_path / "b", "dplyr", "0.9")
    r_package(tmp_path / "b", "R6", "2.5.1")
    r_package(tmp_path / "b", "00LOCK-jsonlite", "1")
    (tmp_path / "b" / "empty").mkdir()
    (tmp_path / "b" / "file").write_text("Package: file\nVersion: 1\n")
    assert r(tmp_path / "a", tmp_path / "b", tmp_path / "missing") == {"dplyr": "1.0.10", "R6": "2.5.1"}


def test_changes_are_noticed_at_once(tmp_path: Path) -> None:
    reader = libraries.Reader()

    def now() -> dict[str, str]:
        return reader.packages(libraries.R, [str(tmp_path)])

    package = r_package(tmp_path, "x", "1.0")
    assert now() == {"x": "1.0"}
    # As dpkg upgrades: another file of the same name, here even of the same time and size.
    old = (package / "DESCRIPTION").stat()
    new = package / "DESCRIPTION.dpkg-new"
    new.write_text((package / "DESCRIPTION").read_text().replace("Version: 1.0", "Version: 2.0"))
    os.utime(new, ns=(old.st_atime_ns, old.st_mtime_ns))
    new.replace(package / "DESCRIPTION")
    assert now() == {"x": "2.0"}
    shutil.rmtree(package)
    assert now() == {}


def test_unchanged_files_are_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = libraries.Reader()
    distribution(tmp_path, "x", "1.0")
    assert reader.packages(libraries.PYTHON, [str(tmp_path)]) == {"x": "1.0"}
    monkeypatch.setattr(libraries, "fields", None)
    assert reader.packages(libraries.PYTHON, [str(tmp_path)]) == {"x": "1.0"}


@given(st.text(), st.sampled_from(["Name", "Package"]))
def test_any_text_gives_a_package_or_none(text: str, field: str) -> None:
    found = libraries.fields(text, field)
    assert found is None or all(part and not part.isspace() for part in found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('ID=ubuntu\nVERSION_ID="20.04"\n', ("Ubuntu", "20.04")),
        ('PRETTY_NAME="Debian GNU/Linux 12"\nVERSION_ID="12"\nID=debian\n', ("Debian", "12")),
        ("ID=debian\nVERSION_CODENAME=forky\n", ("Debian", "forky")),
    ],
)
def test_distribution(tmp_path: Path, text: str, expected: tuple[str, str]) -> None:
    (tmp_path / "os-release").write_text(text)
    assert libraries.distribution(str(tmp_path / "os-release")) == expected


def test_the_whole_document(place: ImageLayout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreters, "r", lambda: "4.2.2")
    monkeypatch.setattr(libraries, "distribution", lambda: ("Ubuntu", "20.04"))
    own = interpreters.python(place.python_env)
    plugins = Path(place.workdir) / f"Python-{own}"
    distribution(Path(interpreters.site_packages(str(plugins), own)), "Flask", "2.2.2")
    distribution(plugins, "flask", "2.0")  # by pip's former --target
    distribution(Path(place.python_env) / "lib/python3.8/site-packages", "flask", "1.0")
    r_package(Path(place.workdir) / "R-4.2.2", "dplyr", "1.0.10")
    found: dict[str, Any] = libraries.Installed(place).versions()
    assert list(found) == ["Ubuntu", "Python", "R"]
    assert found["Ubuntu"] == "20.04"
    assert list(found["Python"].items()) == [("Python", own), ("Flask", "2.2.2")]
    assert list(found["R"].items())[:1] == [("R", "4.2.2")]
    assert found["R"]["dplyr"] == "1.0.10"


def test_without_r(place: ImageLayout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreters, "r", lambda: "")
    assert libraries.Installed(place).versions()["R"] == {}


def test_python_of_an_environment(tmp_path: Path, place: ImageLayout) -> None:
    assert interpreters.python(str(tmp_path / "none")) == ""
    broken = tmp_path / "broken" / "bin"
    broken.mkdir(parents=True)
    (broken / "python").write_text("#!/bin/sh\necho 3.8.10\n")
    (broken / "python").chmod(0o755)
    assert interpreters.python(str(tmp_path / "broken")) == "3.8.10"
    (broken / "python").write_text("#!/bin/sh\necho '../../x'\n")
    assert interpreters.python(str(tmp_path / "broken")) == ""


def test_version_of_r(tmp_path: Path) -> None:
    assert interpreters.r(str(tmp_path)) == ""
    (tmp_path / "library" / "base").mkdir(parents=True)
    (tmp_path / "library" / "base" / "DESCRIPTION").write_text("Package: base\nVersion: 4.2.2\n")
    assert interpreters.r(str(tmp_path)) == "4.2.2"


@pytest.mark.parametrize("text", ["https://u:S3cr@h.example/", "1.0?t=S3cr", "S3cr@h"])
def test_what_is_neither_name_nor_version_is_not_shown(text: str) -> None:
    """Whoever may ask for versions sees what stands there: an address with a password is none."""
    for head in (f"Name: {text}\nVersion: 1.0\n", f"Name: zebra\nVersion: {text}\n"):
        assert libraries.fields(head, "Name") is None
    assert libraries.fields("Name: a.B-c_1\nVersion: 1!2.0rc1+x_y-1\n", "Name") == ("a.B-c_1", "1!2.0rc1+x_y-1")
