"""What was carried over, as a project notes it: what is no record is none, and what cannot be read now stays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from melda.sync import upgrade_record
from melda.sync.upgrade_plan import Due, Project
from melda.sync.upgrade_record import PACKAGES, Carried

from .folders import install, into


@pytest.mark.parametrize("text", ["", "[]", '{"folders": 1}', '{"folders": {"x": 1, "R-4.2.2": {"source": "../x"}}}'])
def test_a_record_that_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / ".melda-jupyter").mkdir()
    (tmp_path / ".melda-jupyter" / "upgrade.json").write_text(text)
    assert upgrade_record.read(str(tmp_path)) == {}


def test_a_record_that_cannot_be_read_now_is_not_written_over(
    tmp_path: Path, unreadable: Callable[[str], list[int]]
) -> None:
    workdir, begun = str(tmp_path), Carried("Python-3.11.2", PACKAGES)
    upgrade_record.note(workdir, "R-4.5.0", Carried("R-4.2.2", PACKAGES))
    upgrade_record.note(workdir, "Python-3.13.5", begun)
    left = unreadable(upgrade_record.NAME)
    with pytest.raises(OSError, match="Input/output error"):
        upgrade_record.note(workdir, "Python-3.13.5", begun._replace(done=True))
    assert not left and set(upgrade_record.read(workdir)) == {"R-4.5.0", "Python-3.13.5"}
    install(tmp_path / "R-4.2.2", "a", "1.0")
    install(tmp_path / "R-4.5.0", "b", "1.0")
    unreadable(upgrade_record.NAME)
    with pytest.raises(OSError, match="Input/output error"):
        Project(workdir, "", into([])).due(["R-4.5.0"])
    assert Project(workdir, "", into([])).due(["R-4.5.0"]) == [Due("R-4.5.0", "R-4.2.2", PACKAGES)], "half filled"
