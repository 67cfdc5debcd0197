"""What the rows read from programs' output and write into Dockerfiles, and how bad options are refused."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from bench.__main__ import chosen
from bench.rows import ROWS, cold_build, memory, nothing_to_do
from bench.workbench import ROOT, copy, records
from builder.errors import BuildError

PYINFRA = """
    Operation                    Hosts   Success   Error   No Change
    Install s3fs                 1       {0}       {1}     1
    Grand total                  20      {0}       {1}     20
"""
ANSIBLE = "PLAY RECAP ***\nthe-container : ok=30   changed={0}    unreachable={1}    failed={2}    skipped=6\n"


def test_every_row_has_a_name_of_its_own_and_says_how_it_measures() -> None:
    assert len({row.NAME for row in ROWS}) == len(ROWS)
    assert all(row.NOTE and row.REPEATS >= 2 for row in ROWS)


@pytest.mark.parametrize(("changed", "failed", "total"), [("-", "-", 0), ("2", "-", 2), ("-", "1", 1), ("3", "2", 5)])
def test_pyinfras_changes_and_errors_count(changed: str, failed: str, total: int) -> None:
    assert nothing_to_do.pyinfra_changes(PYINFRA.format(changed, failed)) == total


@pytest.mark.parametrize(("counts", "total"), [((0, 0, 0), 0), ((2, 0, 0), 2), ((0, 1, 0), 1), ((0, 0, 1), 1)])
def test_ansibles_changes_and_failures_count(counts: tuple[int, int, int], total: int) -> None:
    assert nothing_to_do.ansible_changes(ANSIBLE.format(*counts)) == total


@pytest.mark.parametrize("read", [nothing_to_do.pyinfra_changes, nothing_to_do.ansible_changes])
def test_output_without_a_summary_is_no_proof_of_anything(read: object) -> None:
    with pytest.raises(BuildError):
        read("all went well")  # type: ignore[operator]


def test_every_cache_mount_of_both_dockerfiles_is_cold_and_every_command_can_be_told_apart() -> None:
    for name in ("Dockerfile.base", "bench/plain/Dockerfile"):
        text = cold_build.cold((ROOT / name).read_text(), "melda-bench-1")
        mounts = [word for word in text.split() if word.startswith("--mount=type=cache")]
        assert mounts
        assert all(",id=melda-bench-1/" in mount for mount in mounts)
        lines = text.splitlines()
        at = next(number for number, line in enumerate(lines) if line.startswith("FROM "))
        assert lines[at + 1] == 'SHELL ["/usr/bin/env", "MELDA_BENCH=melda-bench-1", "/bin/sh", "-c"]'


def test_an_id_keeps_mounts_of_one_build_together_and_options_after_it() -> None:
    assert cold_build.cold("RUN --mount=type=cache,target=/a,sharing=locked x", "t") == (
        "RUN --mount=type=cache,target=/a,id=t/a,sharing=locked x"
    )


def test_records_of_the_cache_are_found_with_their_descendants_and_no_others() -> None:
    def record(number: str, parent: str, description: str) -> dict[str, str]:
        return {"ID": number, "Parent": parent, "Description": description}

    cache = [
        record("workdir", "copied", "fileop target"),
        record("copied", "ran", "fileop target"),
        record("ran", "base", "mount / from exec env MELDA_BENCH=t-1 sh -c x"),
        record("base", "", "pulled from somewhere"),
        record("others", "base", "mount / from exec sh -c x"),
    ]
    assert records(cache, "t-1") == {"ran", "copied", "workdir"}


def test_the_archive_holds_the_runtime_as_root_owns_it_and_its_links(tmp_path: Path) -> None:
    path = tmp_path / "runtime.tar.gz"
    nothing_to_do.archive(ROOT, path)
    with tarfile.open(path) as packed:
        members = {member.name: member for member in packed}
    start = members["usr/src/melda-jupyter/start-jupyter"]
    assert (start.mode, start.uid, start.gid) == (0o755, 0, 0)
    assert members["usr/src/melda-jupyter/melda/boot/version_check_webservice.py"].mode == 0o644
    assert members["usr/local/bin/set-paths"].linkname == "/usr/src/melda-jupyter/set-paths"


def test_the_copy_holds_what_is_measured_and_no_caches(tmp_path: Path) -> None:
    tree = copy(tmp_path)
    assert (tree / "deploy.py").is_file()
    assert (tree / "bench/plain/Dockerfile").is_file()
    assert not [path for path in tree.rglob("*") if path.name == "__pycache__" or path.name.endswith("_cache")]


def test_a_row_that_does_not_exist_is_refused_with_the_names_of_those_that_do() -> None:
    with pytest.raises(BuildError, match="invalid --only speed: expected one of cold-build, nothing-to-do"):
        chosen("speed")


def test_a_wrong_option_is_one_line_and_exit_code_2() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--only", "speed"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


def test_memory_is_told_by_service_and_what_is_none_of_them_under_its_command() -> None:
    found = memory.shares(
        [
            ("/usr/bin/python3 -IBS /usr/src/melda-jupyter/start-jupyter", 1),
            ("/opt/jupyter/bin/python -I /usr/src/melda-jupyter/melda/boot/version_check_webservice.py", 2),
            ("sshd: /usr/sbin/sshd -D [listener]", 4),
            ("/usr/bin/dbus-daemon --system", 8),
            ("s3fs bucket /home/melda/project", 16),
            ("/opt/jupyter/bin/python -I /opt/jupyter/bin/jupyter-notebook", 32),
            (
                "/opt/jupyter/bin/python -I /usr/src/melda-jupyter/melda/jupyter/jupyter_notebook.py /home/melda/project",
                64,
            ),
            ("something else", 128),
        ]
    )
    assert found == {
        "start-jupyter": 1, "version service": 2, "sshd": 4, "dbus": 8, "s3fs": 16, "Jupyter": 96, "something else": 128
    }  # fmt: skip
