"""One version, written once, and read wherever somebody asks."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import melda
import pytest
from melda.base import release
from melda.boot import container, health
from melda.envs import cli

ROOT = Path(__file__).resolve().parents[2]
# Prose of releases, others' versions, and where another test compares it (bake reads no Python).
ELSEWHERE = re.compile(r".*\.(md|txt|json|lock|hcl|yaml)|tests/data/.*")


def test_it_is_written_once() -> None:
    # No part of an address such as 192.0.2.0.
    command = ["git", "grep", "-lP", rf"(?<![0-9.]){re.escape(melda.__version__)}(?![0-9.])"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.split()
    assert [path for path in found if not ELSEWHERE.fullmatch(path)] == ["files/runtime/src/melda/__init__.py"]
    for path in ("pyproject.toml", "files/runtime/pyproject.toml"):
        assert re.search(r'^dynamic = \["version"\]', (ROOT / path).read_text(), re.MULTILINE), path


def test_the_changelog_begins_with_it_or_with_what_is_not_released() -> None:
    first = re.findall(r"^## \[?([^] \n]+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[0]
    assert first in ("Unreleased", melda.__version__)


def test_the_programs_say_it(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["start-jupyter", "--version"])
    assert container.main() == 0
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])
    assert ended.value.code == 0
    said = capsys.readouterr()
    assert said.out.splitlines() == [f"Melda Jupyter {melda.__version__}"] * 2 and said.err == ""


def test_health_says_it_and_is_no_worse_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "of_dbus", lambda: health.OK)
    found = health.report({})
    assert found[health.VERSION] == health.outline(found)[health.VERSION] == melda.__version__
    assert health.is_healthy({health.VERSION: melda.__version__, "mount": health.OK})


@pytest.mark.parametrize(
    ("written", "first", "warned"),
    [
        ("Debian 12 2028-06-30\n", " on Debian 12, supported until 2028-06-30", ""),
        (
            "Debian 12 2028-06-29\n",
            " on Debian 12, which is out of support",
            "Debian 12 has had no security updates since",
        ),
        ("", "", ""),
        ("Debian 12 soon\n", "", ""),
    ],
)
def test_the_logs_first_lines(tmp_path: Path, written: str, first: str, warned: str) -> None:
    path = tmp_path / "support-ends"
    path.write_text(written)
    today = release.datetime.date(2028, 6, 30)
    assert release.line(today, str(path)) == f"Melda Jupyter {melda.__version__}{first}"
    assert release.warning(today, str(path)).startswith(warned) and bool(release.warning(today, str(path))) == bool(
        warned
    )
    assert release.line(today, str(tmp_path / "none")) == f"Melda Jupyter {melda.__version__}"
