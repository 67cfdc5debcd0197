"""Programs and kernels that were taken over name the Python of their new folder; the old files stay as they are."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from melda.sync.relocation import relocate

OLD, NEW = "/p/Python-3.11.1", "/p/Python-3.13.9"


def kernel(root: Path, content: object) -> Path:
    path = root / "share/jupyter/kernels/mine/kernel.json"
    path.parent.mkdir(parents=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_a_kernel_names_the_new_python(tmp_path: Path) -> None:
    path = kernel(
        tmp_path,
        {
            "argv": [
                f"{OLD}/bin/python3.11",
                "-m",
                "x",
                f"--at={OLD}/lib/python3.11/site-packages",
                "{connection_file}",
            ],
            "env": {"PATH": f"/bin:{OLD}/bin:{OLD}", "OTHER": f"{OLD}2/bin", "COUNT": 1},
            "display_name": f"Mine of {OLD}",
        },
    )
    os.link(path, tmp_path / "old")
    before = path.read_text()
    relocate(str(tmp_path), OLD, NEW)
    assert json.loads(path.read_text()) == {
        "argv": [f"{NEW}/bin/python3.13", "-m", "x", f"--at={NEW}/lib/python3.13/site-packages", "{connection_file}"],
        "env": {"PATH": f"/bin:{NEW}/bin:{NEW}", "OTHER": f"{OLD}2/bin", "COUNT": 1},
        "display_name": f"Mine of {OLD}",
    }
    assert (tmp_path / "old").read_text() == before


@pytest.mark.parametrize("content", ["{", "[]", "", "[" * 100_000, {"argv": 1}, {"argv": ["/bin/sh"]}, {"env": None}])
def test_what_does_not_name_it_stays_as_it_is(tmp_path: Path, content: object) -> None:
    path = kernel(tmp_path, content)
    before = path.read_text(), path.stat().st_ino
    relocate(str(tmp_path), OLD, NEW)
    assert (path.read_text(), path.stat().st_ino) == before


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    other = kernel(tmp_path / "other", {"argv": [f"{OLD}/bin/python"]})
    (tmp_path / "share/jupyter/kernels").mkdir(parents=True)
    (tmp_path / "share/jupyter/kernels/mine").symlink_to(other.parent)
    relocate(str(tmp_path), OLD, NEW)
    assert OLD in other.read_text()


def test_a_program_names_it(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/x").write_text(f"#!{OLD}/bin/python\nx\n")
    (tmp_path / "bin/y").write_text(f"{OLD}/bin/python\n")
    relocate(str(tmp_path), OLD, NEW)
    assert (tmp_path / "bin/x").read_text() == f"#!{NEW}/bin/python\nx\n"
    assert (tmp_path / "bin/y").read_text() == f"{OLD}/bin/python\n"


def test_a_tool_of_uvs_runs(tmp_path: Path) -> None:
    tool, other = tmp_path / "share/uv/tools/ruff", tmp_path / "share/uv/tools/other"
    (tool / "bin").mkdir(parents=True)
    (tmp_path / "bin").mkdir()
    (tool / "bin/ruff").write_text(f"#!{OLD}/share/uv/tools/ruff/bin/python\nx\n")
    (tool / "bin/python").symlink_to(f"{OLD}/bin/python3")
    (tool / "pyvenv.cfg").write_text(f"home = {OLD}/bin\nversion_info = 3.11.1\n")
    receipt = 'entrypoints = [{{ name = "ruff", install-path = "{0}/bin/ruff" }}]\n'
    (tool / "uv-receipt.toml").write_text(receipt.format(OLD))
    other.symlink_to(tool)
    targets = {"ruff": f"{OLD}/share/uv/tools/ruff/bin/ruff", "sh": "/bin/sh", "near": f"{OLD}2/x", "mine": "ruff"}
    for name, target in targets.items():
        (tmp_path / "bin" / name).symlink_to(target)
    os.link(tool / "pyvenv.cfg", tmp_path / "old")
    relocate(str(tmp_path), OLD, NEW)
    moved = {**targets, "ruff": f"{NEW}/share/uv/tools/ruff/bin/ruff"}
    assert {path.name: os.readlink(path) for path in (tmp_path / "bin").iterdir()} == moved
    assert (tool / "bin/ruff").read_text() == f"#!{NEW}/share/uv/tools/ruff/bin/python\nx\n"
    assert os.readlink(tool / "bin/python") == f"{NEW}/bin/python3"
    assert (tool / "pyvenv.cfg").read_text() == f"home = {NEW}/bin\nversion_info = 3.11.1\n"
    assert (tool / "uv-receipt.toml").read_text() == receipt.format(NEW)
    assert OLD in (tmp_path / "old").read_text(), "the old folder's stays"


@pytest.mark.parametrize("link", [True, False])
def test_what_has_a_name_like_a_new_file_stays(tmp_path: Path, link: bool) -> None:
    """It has another name in the old folder, or leads anywhere: it was emptied there, and then took the program's place."""
    (tmp_path / "bin").mkdir()
    mine = tmp_path / "mine"
    mine.write_bytes(b"a year of work\r\n\xff")
    program = f"#!{OLD}/bin/python\n".encode() + b"\r\n\xff\0"
    (tmp_path / "bin/x").write_bytes(program)
    (tmp_path / "bin/x").chmod(0o750)
    (tmp_path / "bin/y").symlink_to(f"{OLD}/bin/y")
    for name in ("x.new", "y.new"):
        (tmp_path / "bin" / name).symlink_to(mine) if link else os.link(mine, tmp_path / "bin" / name)
    relocate(str(tmp_path), OLD, NEW)
    assert mine.read_bytes() == (tmp_path / "bin/y.new").read_bytes() == b"a year of work\r\n\xff"
    assert (tmp_path / "bin/x.new").samefile(mine) and not (tmp_path / "bin/x").is_symlink()
    assert (tmp_path / "bin/x").read_bytes() == program.replace(OLD.encode(), NEW.encode())
    assert (tmp_path / "bin/x").stat().st_mode & 0o7777 == 0o750
    assert os.readlink(tmp_path / "bin/y") == f"{NEW}/bin/y"
    assert sorted(os.listdir(tmp_path / "bin")) == ["x", "x.new", "y", "y.new"]


def test_a_link_that_cannot_be_put_in_its_place_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/y").symlink_to(f"{OLD}/bin/y")

    def full(source: str, target: str) -> None:
        raise OSError(28, f"{source} {target}")

    monkeypatch.setattr(os, "replace", full)
    relocate(str(tmp_path), OLD, NEW)
    assert os.listdir(tmp_path / "bin") == ["y"]
