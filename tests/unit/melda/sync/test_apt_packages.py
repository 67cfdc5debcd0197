"""apt's packages: the list in the project is anybody's, and two containers write it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from melda.sync import apt_packages

from tests.container.machines import until

from .folders import into


class Container:
    def __init__(self, folder: Path, project: Path) -> None:
        folder.mkdir()
        self.record, self.output = folder / "bspm.json", list[str]()
        self.packages = apt_packages.Packages(
            str(project / ".melda-jupyter" / "apt.json"), into(self.output), str(self.record)
        )

    def has(self, *names: str) -> None:
        """bspm's service has written its record again."""
        new = self.record.with_suffix(".new")
        new.write_text(json.dumps({"packages": list(names), "brought": [*names, "r-cran-dependency"]}))
        new.replace(self.record)
        self.packages.poll()


@pytest.fixture
def one(tmp_path: Path) -> Container:
    return Container(tmp_path / "one", tmp_path)


@pytest.fixture
def two(tmp_path: Path) -> Container:
    return Container(tmp_path / "two", tmp_path)


def listed(tmp_path: Path) -> list[str]:
    found: list[str] = json.loads((tmp_path / ".melda-jupyter" / "apt.json").read_text())["packages"]
    return found


def test_what_is_installed_and_removed_is_listed(one: Container, tmp_path: Path) -> None:
    one.packages.restore()
    one.packages.poll()
    assert not (tmp_path / ".melda-jupyter").exists(), "nothing to be listed"
    one.has("r-cran-zoo", "r-bioc-xx")
    assert listed(tmp_path) == ["r-bioc-xx", "r-cran-zoo"]
    one.has("r-bioc-xx")
    assert listed(tmp_path) == ["r-bioc-xx"]


def test_a_list_that_is_not_there_is_not_opened(
    one: Container, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through s3fs that is four requests."""
    opened: list[str] = []
    read = apt_packages.listed
    monkeypatch.setattr(apt_packages, "listed", lambda path: opened.append(Path(path).name) or read(path))
    one.packages.restore()
    assert opened == ["bspm.json"]
    (tmp_path / ".melda-jupyter").mkdir()
    (tmp_path / ".melda-jupyter" / "apt.json").write_text("{}")
    one.packages.restore()
    assert opened[1:] == ["apt.json", "bspm.json"]


def test_two_containers_leave_each_others_alone(one: Container, two: Container, tmp_path: Path) -> None:
    one.has("r-cran-aa")
    two.has("r-cran-bb")
    one.has("r-cran-aa", "r-cran-cc")
    two.has()
    assert listed(tmp_path) == ["r-cran-aa", "r-cran-cc"]


@pytest.mark.parametrize("end", [False, True])
def test_what_another_container_has_written_over_is_listed_again(
    one: Container, two: Container, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: bool
) -> None:
    """It saw the list as it was a minute before, as s3fs may show it: one container's packages were nowhere any more."""
    one.has("r-cran-aa")
    with monkeypatch.context() as stale:
        read = apt_packages.listed
        stale.setattr(apt_packages, "listed", lambda path: frozenset() if path.endswith("apt.json") else read(path))
        two.has("r-cran-bb")
    one.packages.poll()
    assert listed(tmp_path) == ["r-cran-bb"]
    if end:
        one.packages.flush()
    else:
        monkeypatch.setattr(apt_packages, "STALE", 0.0)
        one.packages._due = 0.0
        one.packages.poll()
    assert listed(tmp_path) == ["r-cran-aa", "r-cran-bb"]
    one.packages.poll()
    two.has()
    one.packages.flush()
    assert listed(tmp_path) == ["r-cran-aa"], "what another one removes later stays removed"


def test_a_list_that_cannot_be_read_is_not_written_over(
    one: Container, two: Container, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one.has("r-cran-aa")
    read = apt_packages.regular_files.read

    def refuse(path: str, *arguments: object) -> bytes:
        if path.endswith("apt.json"):
            raise OSError(5, "Input/output error")
        return read(path, *arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as broken:
        broken.setattr(apt_packages.regular_files, "read", refuse)
        with pytest.raises(OSError, match="Input/output"):
            two.packages.restore()
        two.packages.flush()  # nothing is missing: it has none of its own
        with pytest.raises(OSError, match="Input/output"):
            two.has("r-cran-bb")
        with pytest.raises(OSError, match="Input/output"):
            two.packages.flush()
    assert listed(tmp_path) == ["r-cran-aa"]
    two.packages.flush()
    assert listed(tmp_path) == ["r-cran-aa", "r-cran-bb"]
    monkeypatch.setattr(apt_packages, "CALL", ("/there/is/none",))
    two.packages.poll()
    assert "installing r-cran-aa again" in " ".join(two.output), "as soon as it can be read"


def test_what_is_installed_while_others_are_restored_is_listed_at_the_end(
    one: Container, two: Container, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one.has("r-cran-aa")
    monkeypatch.setattr(apt_packages, "CALL", ("python3", "-c", "import time; time.sleep(60)"))
    two.packages.restore()
    two.has("r-cran-bb")
    assert listed(tmp_path) == ["r-cran-aa"]
    two.packages.flush()
    assert listed(tmp_path) == ["r-cran-aa", "r-cran-bb"]
    running = two.packages._installing
    assert running
    running.kill()
    running.communicate()


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", '{"packages": 3}', '{"packages": [1, null, {}]}', "[" * 100000, '{"packages": ["bash", "r-cran-x;y"]}',
     '{"packages": ["-o=x", "r-cran-../x", "r-cran-X", "r-cran-", "r-base-core", "r-cran-a b", "r-cran-a\\nb"]}',
     '{"packages": ["r-cran-a", "r-cran-a-b", "r-cran-a."]}'],
)  # fmt: skip
def test_nothing_but_names_of_r_packages_is_taken(text: str) -> None:
    assert apt_packages.names(text) == frozenset()


def test_names() -> None:
    assert apt_packages.names('{"packages": ["r-cran-data.table", "r-bioc-s4vectors", 1]}') == {
        "r-cran-data.table",
        "r-bioc-s4vectors",
    }
    assert (
        len(apt_packages.names(json.dumps({"packages": [f"r-cran-p{number}" for number in range(9999)]})))
        == apt_packages.MOST
    )


def test_the_next_container_asks_once_for_what_it_lacks(
    one: Container, two: Container, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one.has("r-cran-aa", "r-cran-bb", "r-cran-data.table")
    asked: list[list[str]] = []

    def call(argv: list[str], **_: object) -> subprocess.Popen[bytes]:
        asked.append(argv)
        return real([sys.executable, "-c", "import sys; sys.exit('E: no network')"], stderr=subprocess.PIPE)

    real = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", call)
    two.record.write_text('{"packages": ["r-cran-bb"]}')
    two.packages.restore()
    assert [argv[-3:] for argv in asked] == [["2", "aa", "data.table"]]
    until(lambda: bool(two.packages.poll()) or len(two.output) == 2, "it has failed", 20)
    assert "E: no network" in two.output[-1]
    assert listed(tmp_path) == ["r-cran-aa", "r-cran-bb", "r-cran-data.table"], "and is not forgotten"
    two.has("r-cran-bb", "r-cran-cc")
    assert listed(tmp_path) == ["r-cran-aa", "r-cran-bb", "r-cran-cc", "r-cran-data.table"]


def test_without_a_bus_it_is_said(one: Container, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / ".melda-jupyter").mkdir()
    (tmp_path / ".melda-jupyter" / "apt.json").write_text('{"packages": ["r-cran-aa"]}')
    monkeypatch.setattr(apt_packages, "CALL", ("/there/is/none",))
    one.packages.restore()
    assert "cannot be installed again" in one.output[-1]
    one.packages.poll()


def test_nothing_goes_through_a_link(one: Container, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / ".melda-jupyter").symlink_to("elsewhere")
    one.has("r-cran-aa")
    assert listed(tmp_path) == ["r-cran-aa"]
    assert not (tmp_path / ".melda-jupyter").is_symlink() and list((tmp_path / "elsewhere").iterdir()) == []


def test_what_the_image_has_itself_is_not_missing(
    one: Container, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stays in the list, for the day somebody goes back to the image that has not got it."""
    (tmp_path / ".melda-jupyter").mkdir()
    (tmp_path / ".melda-jupyter" / "apt.json").write_text(json.dumps({"packages": ["r-cran-praise"]}))
    (tmp_path / "r-cran-praise.list").write_text("")
    monkeypatch.setattr(apt_packages, "DPKG", str(tmp_path))
    one.packages.restore()
    assert one.output == [], "nothing is installed"
    one.has("r-cran-zoo")
    assert listed(tmp_path) == ["r-cran-praise", "r-cran-zoo"]
