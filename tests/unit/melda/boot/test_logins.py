"""What a login shell gets that only a start knows."""

from __future__ import annotations

from pathlib import Path

import pytest
from melda.base.errors import TemporaryFailure
from melda.boot import logins
from melda.config.environ import Settings


def test_threads(settings: Settings, tmp_path: Path) -> None:
    profile = tmp_path / "threads.sh"
    logins.prepare(settings, str(profile))
    assert not profile.exists(), "there is nothing to tell"
    bound = settings._replace(variables={**settings.variables, "OMP_NUM_THREADS": "2"})
    logins.prepare(bound, str(profile))
    assert profile.read_text().splitlines()[1:] == ['[ -n "${OMP_NUM_THREADS-}" ] || export OMP_NUM_THREADS=2']
    assert profile.stat().st_mode & 0o777 == 0o644
    logins.prepare(settings, str(profile))
    assert "OMP_NUM_THREADS" not in profile.read_text(), "another container's, in an image made of that one"


def test_a_disk_that_takes_nothing(settings: Settings, tmp_path: Path) -> None:
    bound = settings._replace(variables={"OMP_NUM_THREADS": "2"})
    with pytest.raises(TemporaryFailure, match="cannot be written"):
        logins.prepare(bound, str(tmp_path / "none" / "threads.sh"))
