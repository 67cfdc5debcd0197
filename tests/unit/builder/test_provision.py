"""builder/provision: how it reads a setting before the deploy, with Python and without; the times of what a step wrote."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
FUNCTIONS = re.findall(
    r"^(?:settle|refuse|literal|setting)\(\) \{\n.*?^\}\n", (ROOT / "builder/provision").read_text(), re.M | re.S
)


@pytest.fixture
def sh(tmp_path: Path) -> Path:
    """A PATH like that of a base without Python."""
    for name in ("sh", "sed", "grep"):
        (tmp_path / "bin" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "bin" / name).symlink_to(shutil.which(name) or "")
    return tmp_path / "bin"


def read(folder: Path, line: str, data: str = "", path: str = "/usr/bin:/bin") -> tuple[int, str]:
    (folder / "group_data").mkdir(exist_ok=True)
    (folder / "group_data/all.py").write_text(f"import os\n# apt_mirror is one\n{line}\napt_security_mirror = 'x'\n")
    script = f'set -eu\n{"".join(FUNCTIONS)}\nfound=$(setting apt_mirror)\necho "<$found>"\n'
    variables = {"PATH": path, "PROVISION_DATA": data}
    done = subprocess.run(["sh", "-c", script], cwd=folder, env=variables, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.strip() or done.stderr


PLAIN = [
    ('apt_mirror = ""', "<>"),
    ('apt_mirror = "http://m/debian"', "<http://m/debian>"),
    ("apt_mirror='http://m'", "<http://m>"),
    ('apt_mirror = "http://m"  # "ours"', "<http://m>"),
]
EXPRESSIONS = [
    'apt_mirror = "http://" + "m"',
    'apt_mirror = os.environ.get("NOBODY", "http://m")',
    'apt_mirror = ""\nif True:\n    apt_mirror = "http://m"',
    'apt_mirror = "http:" \\\n    "//m"',
    'apt_mirror = "http:\\x2f/m"',
]  # fmt: skip


@pytest.mark.parametrize(("line", "found"), [*PLAIN, *((line, "<http://m>") for line in EXPRESSIONS)])
def test_python_reads_the_file_as_the_deploy_does(tmp_path: Path, line: str, found: str) -> None:
    assert read(tmp_path, line) == (0, found)


@pytest.mark.parametrize(("line", "found"), PLAIN)
def test_without_python_a_plain_text_is_read(tmp_path: Path, sh: Path, line: str, found: str) -> None:
    assert read(tmp_path, line, path=str(sh)) == (0, found)


@pytest.mark.parametrize("line", [*EXPRESSIONS, ""])
def test_without_python_an_expression_is_refused_by_name(tmp_path: Path, sh: Path, line: str) -> None:
    code, said = read(tmp_path, line, path=str(sh))
    assert (code, said.count("\n")) == (2, 1)
    assert said.startswith("melda-jupyter: apt_mirror in group_data/all.py: expected ")


def test_the_last_word_of_provision_data_wins(tmp_path: Path, sh: Path) -> None:
    data = "apt_mirror=http://a packages=core apt_mirror=http://b"
    assert read(tmp_path, EXPRESSIONS[0], data, str(sh)) == (0, "<http://b>")
    assert read(tmp_path, PLAIN[1][0], "apt_mirror=", str(sh)) == (0, "<>")


def test_what_a_step_wrote_has_one_time_and_what_says_that_the_environment_is_right_was_written_last(
    tmp_path: Path,
) -> None:
    env, epoch = tmp_path / "env", 1577836800
    old, new, verified = env / "old.py", env / "zebra.py", env / "verified"
    began = int(time.time()) - 5
    for file in (old, verified, new):
        file.parent.mkdir(exist_ok=True)
        file.touch()
    os.utime(old, (1, 1))
    (tmp_path / "group_data").mkdir()
    (tmp_path / "group_data/all.py").write_text(f"python_env = '{env}'\n")
    functions = "".join(FUNCTIONS).replace("find / ", f"find {tmp_path} ")
    settle = f"set -eu\nbegan={began} epoch={epoch}\n{functions}\nsettle"
    subprocess.run(["sh", "-c", settle], cwd=tmp_path, check=True)
    assert [file.stat().st_mtime for file in (old, new, verified)] == [1, epoch, epoch]
    assert verified.stat().st_ctime_ns >= new.stat().st_ctime_ns
    os.utime(new, (epoch, epoch))
    while new.stat().st_ctime_ns <= verified.stat().st_ctime_ns:  # the kernel's clock goes on by ticks
        os.utime(new, (epoch, epoch))
    subprocess.run(["sh", "-c", settle], cwd=tmp_path, check=True)
    assert verified.stat().st_ctime_ns < new.stat().st_ctime_ns, "a later step does not store it again"


def test_lists_of_another_architecture_are_not_taken_for_these(tmp_path: Path) -> None:
    """Builds of both share a cache: with the other's lists apt would know no package."""
    found = re.search(r"^sources\(\) \{.*?^\}", (ROOT / "builder/provision").read_text(), re.M | re.S)
    assert found
    dpkg, numbers = tmp_path / "dpkg", []
    for architecture in ("amd64", "arm64", "amd64"):
        dpkg.write_text(f"#!/bin/sh\necho {architecture}\n")
        dpkg.chmod(0o755)
        command = ["sh", "-c", f"{found[0]}\nsources"]
        numbers.append(subprocess.check_output(command, env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, text=True))
    assert numbers[0] == numbers[2] != numbers[1]
