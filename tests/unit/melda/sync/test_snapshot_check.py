"""A start writes a snapshot if the bucket has none of what is installed, and else none."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest
from melda.plugins.image_record import Image, same
from melda.sync import snapshot_check
from melda.sync.at_start import AtStart
from melda.sync.capture import Capture

from tests.unit.melda.sync.folders import NAME

WHOLE = {"image.json": 1.0, f"{NAME}/a.json": 2.0, f"{NAME}/b.json.old": 9.0, f"{NAME}/c.tar.zst": 9.0, "apt.json": 2.0}


@pytest.mark.parametrize(
    ("modified", "anything", "unchanged", "current"),
    [
        ({}, False, False, True),  # nothing that anybody would look for
        ({}, True, True, False),
        ({"apt.json": 1.0}, False, True, False),
        ({**WHOLE, "environment.json": 3.0}, True, True, True),
        ({**WHOLE, "environment.json": 3.0}, True, False, False),
        ({**WHOLE, "environment.json": 2.0}, True, True, False),  # of the same second: nobody knows
        ({**WHOLE, "environment.json": 3.0, "R-4.2.2/x.json": 4.0}, True, True, False),
        ({**WHOLE, "environment.json": 3.0, "R-4.1.0/x.json": 4.0}, True, True, True),  # another R's
        ({**WHOLE, "environment.json": 3.0, "image.json": 4.0}, True, True, False),  # it was not written then
        ({**WHOLE, "environment.json": 3.0, "image.json": 3.0}, True, True, True),
        ({**WHOLE, "environment.json": 0.0}, True, True, False),
    ],
)
def test_when_there_is_nothing_to_write_down(
    modified: dict[str, float], anything: bool, unchanged: bool, current: bool
) -> None:
    assert snapshot_check.is_current(AtStart(modified), (NAME, "R-4.2.2"), unchanged, anything) is current
    assert not snapshot_check.is_current(None, (NAME, "R-4.2.2"), unchanged, anything)


def test_an_image_made_from_ours_has_our_record_and_another_stamp(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dpkg = tmp_path / "status"
    monkeypatch.setattr(snapshot_check, "PLACES", (str(dpkg), str(tmp_path / "none")))
    monkeypatch.setattr(snapshot_check.interpreters, "python", lambda _: "3.11.2")
    site = tmp_path / "lib" / "python3.11" / "site-packages"
    site.mkdir(parents=True)
    place = SimpleNamespace(python_env=str(tmp_path))
    found = [snapshot_check.stamp(place)]  # type: ignore[arg-type]
    for path, at in ((dpkg, 5), (dpkg, 6), (site, 7)):
        dpkg.touch()
        os.utime(path, (at, at))
        found.append(snapshot_check.stamp(place))  # type: ignore[arg-type]
        assert snapshot_check.stamp(place) == found[-1]  # type: ignore[arg-type]
    assert len(set(found)) == 4
    assert same(Image(installed=found[0]), Image(installed=found[1])), "to the project it is one image"


def test_what_is_taken_as_written_is_not_written_again(tmp_path: Path) -> None:
    capture = Capture(str(tmp_path / "x" / "environment.json"), print, "/bin/false")
    capture.take(1)
    capture.poll(1)
    assert capture.flush(1) == "" and not (tmp_path / "x").exists()
    capture.poll(2)
    assert capture._running, "something was installed since"
    capture.flush(2)
