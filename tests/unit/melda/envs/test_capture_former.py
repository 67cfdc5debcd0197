"""A capture of another Python or R is kept under its own name, with what belongs to it."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from melda.base import interpreters
from melda.envs import as_user, cli
from melda.envs.capture import copies
from melda.plugins import image_record, state

from tests.unit.melda.envs.conftest import VERSION, Image, distribution

OF_42, OF_45 = (f"environment.Python-{VERSION}_R-{r}.json" for r in ("4.2.2", "4.5.0"))


@pytest.fixture
def here(image: Image, monkeypatch: pytest.MonkeyPatch) -> Image:
    monkeypatch.setattr(as_user, "go_on", lambda place: None)
    monkeypatch.setattr(cli, "as_user", lambda place: None)
    monkeypatch.setattr(cli.environ, "image_layout", lambda variables: image.layout)
    distribution(image.own_python, "zebra", "1.0")
    (image.workdir / ".melda-jupyter").mkdir()
    return image


@pytest.mark.parametrize("folder", [".", ".melda-jupyter"])
def test_another_r_forgets_nothing(here: Image, monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    place = here.workdir / folder
    newest = place / "environment.json"
    assert cli.main(["capture", str(newest)]) == cli.main(["capture", str(newest)]) == 0
    assert not (place / OF_42).exists(), "nothing to keep: the same Python and R"
    before = newest.read_text()
    files = place / "environment.json.files"
    files.mkdir()
    (files / "owl-3.0-py3-none-any.whl").write_text("owl")
    monkeypatch.setattr(interpreters, "r", lambda: "4.5.0")
    assert cli.main(["capture", str(newest)]) == 0
    assert (place / OF_42).read_text() == before
    assert (place / (OF_42 + ".files") / "owl-3.0-py3-none-any.whl").read_text() == "owl"
    assert json.loads(newest.read_text())["r"]["version"] == "4.5.0", "environment.json stays the newest"
    # And back again: what is kept of the old one is what the old one has now.
    monkeypatch.setattr(interpreters, "r", lambda: "4.2.2")
    distribution(here.own_python, "yak", "1.0")
    assert cli.main(["capture", str(newest)]) == 0
    monkeypatch.setattr(interpreters, "r", lambda: "4.5.0")
    assert cli.main(["capture", str(newest)]) == 0
    assert "yak" in (place / OF_42).read_text() and (place / OF_45).exists()
    assert str(place / OF_42) in list(copies.paths(str(here.workdir))), "it is cleaned of secrets like the others"


def test_captures_that_are_not_there_are_not_looked_for(here: Image) -> None:
    """Through s3fs each is four requests."""
    assert list(copies.paths(str(here.workdir))) == []
    (here.workdir / ".melda-jupyter" / "fork").mkdir(parents=True)
    (here.workdir / "environment.json").write_text("{}")
    found = [str(Path(path).relative_to(here.workdir)) for path in copies.paths(str(here.workdir))]
    assert found == ["environment.json", ".melda-jupyter/fork/environment.json"]


def test_a_file_of_the_callers_own_is_written_over(here: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = here.workdir / "mine.json"
    assert cli.main(["capture", str(mine)]) == 0
    monkeypatch.setattr(interpreters, "r", lambda: "4.5.0")
    assert cli.main(["capture", str(mine)]) == 0
    assert [path.name for path in here.workdir.glob("*.json")] == ["mine.json"]


@pytest.mark.parametrize("text", ["{", "[]", '{"python": 1}', '{"python": {"version": "../x"}, "r": {"version": ""}}'])
def test_what_is_no_capture_is_written_over(tmp_path: Path, text: str) -> None:
    (tmp_path / "environment.json").write_text(text)
    now = {"python": {"version": "3.11.2"}, "r": {"version": "4.2.2"}}
    assert copies.keep_former(str(tmp_path / "environment.json"), now) == ""
    assert [path.name for path in tmp_path.iterdir()] == ["environment.json"]


def test_what_cannot_be_kept_is_not_written_over(here: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    newest = here.workdir / "environment.json"
    assert cli.main(["capture"]) == 0
    before = newest.read_text()
    monkeypatch.setattr(interpreters, "r", lambda: "4.5.0")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(copies.textfiles, "replace", full)
    assert cli.main(["capture"]) == 2
    assert newest.read_text() == before


def test_what_cannot_be_read_now_is_not_written_over(
    here: Image, monkeypatch: pytest.MonkeyPatch, unreadable: Callable[[str], list[int]]
) -> None:
    newest = here.workdir / "environment.json"
    assert cli.main(["capture"]) == 0
    before = newest.read_text()
    files = here.workdir / "environment.json.files"
    files.mkdir()
    (files / "owl-3.0-py3-none-any.whl").write_text("owl")
    monkeypatch.setattr(interpreters, "r", lambda: "4.5.0")
    unreadable("environment.json")
    assert cli.main(["capture"]) == 2
    assert newest.read_text() == before and (files / "owl-3.0-py3-none-any.whl").exists()
    assert cli.main(["capture"]) == 0
    assert (here.workdir / OF_42).read_text() == before


def test_one_at_a_time(here: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else one could take for the old capture's files what another has just kept beside the new one."""
    order: list[str] = []
    monkeypatch.setattr(state, "CAPTURING", str(here.root / "lock"))
    with copies.alone():
        other = threading.Thread(target=lambda: (cli.main(["capture"]), order.append("captured")))
        other.start()
        other.join(0.3)
        order.append("released")
    other.join(20)
    assert order == ["released", "captured"] and (here.workdir / "environment.json").exists()


def test_where_nothing_was_started_there_is_no_lock(here: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "CAPTURING", str(here.root / "none" / "lock"))
    assert cli.main(["capture"]) == 0


def test_a_start_goes_by_the_time_of_what_the_sync_daemon_writes(
    here: Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    newest = here.workdir / ".melda-jupyter" / "environment.json"
    image_record.write(str(here.workdir), image_record.here(here.layout))
    monkeypatch.setattr(state, "INTERRUPTED", str(tmp_path / "interrupted"))
    Path(state.INTERRUPTED).touch()
    assert cli.main(["capture", str(newest)]) == 0
    assert image_record.read(str(here.workdir)).last == image_record.here(here.layout), "the container stops"
    Path(state.INTERRUPTED).unlink()
    times = []
    for _ in range(2):
        assert cli.main(["capture", str(newest)]) == 0
        os.utime(newest, (1, 1)) if not times else None
        times.append(newest.stat().st_mtime)
    assert times[0] == 1 < times[1], "the same text, written again"
    last = image_record.read(str(here.workdir)).last
    assert last and last.manifest == json.loads(newest.read_text())["system"]["image"]
    written = Path(image_record.path_in(str(here.workdir))).stat().st_mtime
    assert written <= times[1], "before the snapshot"
