"""A bucket that release 0.1.0 wrote is read, now and by each later release: its files lie in tests/data, and stay as they are."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest
from melda.envs import formats
from melda.plugins import state
from melda.sync.apt_packages import Packages
from melda.sync.synced_dir import SyncedDir

from tests.unit.melda.sync.folders import NAME, Container, found, install

STORED = Path(__file__).resolve().parents[3] / "data" / "bucket-0.1.0" / state.PROJECT_STATE
# Of all its files. Whoever changes one changes what 0.1.0 wrote, and that cannot be.
DIGEST = "7edc2554c43749027c5593b29f5349947c9203c36a4cb7069db81818b2593a0b"


@pytest.fixture
def written(tmp_path: Path) -> Path:
    return Path(shutil.copytree(STORED, tmp_path / "bucket"))


def test_it_is_what_0_1_0_wrote() -> None:
    files = sorted(path for path in STORED.rglob("*") if path.is_file())
    lines = [f"{path.relative_to(STORED)} {hashlib.sha256(path.read_bytes()).hexdigest()}" for path in files]
    assert hashlib.sha256("\n".join(lines).encode()).hexdigest() == DIGEST


def test_pythons_packages_come_back_and_more_are_saved_beside_them(written: Path, tmp_path: Path) -> None:
    one = Container(written, tmp_path / "one")
    assert found(one.root) == {"zebra": "2", "small": "1"}, one.output
    install(one.root, "new", "1")
    one.wait()
    assert found(Container(written, tmp_path / "two").root) == {"zebra": "2", "small": "1", "new": "1"}


def test_rs_packages_come_back(written: Path, tmp_path: Path) -> None:
    (tmp_path / "local" / "R-4.2.2").mkdir(parents=True)
    SyncedDir("R-4.2.2", str(tmp_path / "local"), str(written), print, str).restore()
    assert "Version: 1.8" in (tmp_path / "local/R-4.2.2/zoo/DESCRIPTION").read_text()


def test_apts_list_and_the_snapshot_are_read(written: Path, tmp_path: Path) -> None:
    record = tmp_path / "bspm.json"
    Packages(str(written / "apt.json"), print, str(record)).restore()
    assert formats.read(str(written / state.CAPTURE))["python"]["packages"][0]["name"] == "zebra"
    assert json.loads((written / "apt.json").read_text())


def test_the_name_is_the_containers() -> None:
    assert (STORED / NAME).is_dir()
