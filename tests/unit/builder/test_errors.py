"""builder/errors.py: what a person can mend is one line, also where it is the machine's file."""

from __future__ import annotations

from pathlib import Path

import pytest

from builder import errors, screen
from builder.errors import BuildError


def test_what_a_person_can_mend(capsys: pytest.CaptureFixture[str]) -> None:
    def refuse() -> int:
        raise BuildError("invalid PORT=x: expected a port")

    assert errors.exit_code(lambda: 1) == 1
    assert errors.exit_code(refuse) == 2
    assert capsys.readouterr().err == "melda-jupyter: invalid PORT=x: expected a port\n"


@pytest.mark.parametrize(
    ("raised", "line"),
    [
        (PermissionError(13, "Permission denied", "/x/build/log/up.log"), "/x/build/log/up.log: Permission denied"),
        (OSError(28, "No space left on device"), "No space left on device"),
        (OSError("as it is"), "as it is"),
    ],
)
def test_what_the_machine_refuses(raised: OSError, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    def work() -> int:
        raise raised

    assert errors.exit_code(work) == 2
    assert capsys.readouterr().err == f"melda-jupyter: {line}\n"


def test_a_file_where_the_build_folder_should_be(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "build").write_text("")

    def work() -> int:
        with screen.shown(tmp_path / "build" / "log" / "up.log", verbose=True):
            return 0

    assert errors.exit_code(work) == 2
    assert capsys.readouterr().err == f"melda-jupyter: {tmp_path}/build/log: Not a directory\n"
