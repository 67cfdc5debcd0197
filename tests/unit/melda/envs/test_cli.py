"""The command line: what it writes where, its exit codes, and one line where the request is invalid."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from melda.envs import as_user, cli, document, formats

from tests.unit.melda.envs.conftest import Image, distribution, r_package


@pytest.fixture
def here(image: Image, monkeypatch: pytest.MonkeyPatch) -> Image:
    """This process is the one that goes on in the image's Python."""
    monkeypatch.setattr(as_user, "go_on", lambda place: None)
    monkeypatch.setattr(cli, "as_user", lambda place: None)
    monkeypatch.setattr(cli.environ, "image_layout", lambda variables: image.layout)
    monkeypatch.chdir(image.workdir)
    distribution(image.own_python, "zebra", "1.0")
    r_package(image.own_r, "xts", "0.12.2", Repository="CRAN", Depends="zoo")
    return image


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = cli.main(arguments)
    out, err = capsys.readouterr()
    return code, out, err


def test_capture_goes_to_the_project_and_says_so(here: Image, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = said(capsys, "capture")
    path = here.workdir / "environment.json"
    assert (code, err) == (0, "") and out == f"{path}: 1 Python and 1 R packages beyond the image\n"
    document.check(json.loads(path.read_text()), "x")
    assert said(capsys, "diff", "environment.json") == (0, "", "")
    assert said(capsys, "diff", "environment.json", "--json")[:2] == (0, "[]\n")


def test_capture_says_it_as_json_and_writes_to_standard_output(here: Image, capsys: pytest.CaptureFixture[str]) -> None:
    answer = json.loads(said(capsys, "capture", "x.json", "--json")[1])
    assert answer == {"file": "x.json", "python": 1, "r": 1, "files": [], "kernels": 0}
    assert said(capsys, "capture", "-")[1] == (here.workdir / "x.json").read_text()


@pytest.mark.parametrize(
    ("name", "words"), [("requirements", "zebra==1.0"), ("renv", '"Requirements"'), ("conda", "r-xts=0.12.2")]
)
def test_other_formats(here: Image, capsys: pytest.CaptureFixture[str], name: str, words: str) -> None:
    assert said(capsys, "capture", "--format", name)[0] == 0
    text = (here.workdir / formats.WRITTEN[name]).read_text()
    assert words in text
    if name != "conda":
        code, out, _ = said(capsys, "diff", formats.WRITTEN[name], formats.WRITTEN[name])
        assert (code, out) == (0, "")


def test_diff_tells_what_differs(here: Image, capsys: pytest.CaptureFixture[str]) -> None:
    said(capsys, "capture")
    distribution(here.own_python, "yak", "2.0")
    assert said(capsys, "diff", "environment.json")[:2] == (1, "+ python yak 2.0\n")
    code, out, _ = said(capsys, "diff", "environment.json", "--json")
    assert code == 1 and json.loads(out) == [{"kind": "python", "name": "yak", "before": None, "after": "2.0"}]


def test_a_local_file_is_kept_beside_the_capture_and_goes_when_it_is_not_needed(
    here: Image, capsys: pytest.CaptureFixture[str]
) -> None:
    info = distribution(here.own_python, "owl", "3.0", {"url": "file:///x/owl.whl", "archive_info": {}})
    r_package(here.own_r, "mine", "0.1")
    found = json.loads(said(capsys, "capture", "--json")[1])
    assert found["files"] == ["owl", "mine"]
    folder = here.workdir / "environment.json.files"
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert sorted(name[:5] for name in first) == ["mine_", "owl-3"]
    said(capsys, "capture")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first, "byte by byte the same"
    (here.own_python / "owl" / "__init__.py").rename(here.own_python / "owl" / "gone.py")
    _, out, err = said(capsys, "capture", "--json")
    assert json.loads(out)["files"] == ["mine"] and "no copy of owl can be kept" in err
    (info / "direct_url.json").unlink()
    (here.own_r / "mine" / "DESCRIPTION").unlink()
    said(capsys, "capture")
    assert not folder.exists()
    assert said(capsys, "capture", "--no-files", "--json")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("diff", "none.json"), "cannot be read"), (("restore",), "FILE or --from-project"), (("restore", "bad.json"), "no JSON"),
        (("restore", "--from-project", "."), "no environment.json is in it"),
        (("capture", "/nowhere/x.json"), "cannot be written"),
        (("restore", "x.json", "--from-project", "."), "FILE or --from-project"), (("restore", "big.json"), "larger than 16 MB"),
        (("capture", "--attached"), "Jupyter does not answer"),
        (("restore", "tty.txt"), "names no packages"), (("restore", "none.txt"), "names no packages"),
        (("restore", "page.txt"), "a page of the web"), (("restore", "latin1.txt"), "save it as UTF-8"),
    ],
)  # fmt: skip
def test_what_is_not_right_is_one_line_and_two(
    here: Image,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    words: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cli.kernels.find, "__defaults__", (1,))
    (here.workdir / "bad.json").write_text('{"schema"')
    (here.workdir / "tty.txt").write_text("# \x1b]0;evil\x07\n")
    (here.workdir / "none.txt").write_text("# nothing but words\n\n")
    (here.workdir / "page.txt").write_text("<!DOCTYPE html>\n<html><body>zebra==1.0</body></html>\n")
    (here.workdir / "latin1.txt").write_bytes(b"# caf\xe9\x01\nzebra==1.0\n")
    with (here.workdir / "big.json").open("wb") as stream:
        stream.truncate(100 << 20)
    before = sorted(path.name for path in here.workdir.rglob("*"))
    code, out, err = said(capsys, *arguments)
    assert (code, out) == (2, "") and err.startswith("melda-env: ") and err.count("\n") == 1 and words in err
    assert "\x1b" not in err
    assert sorted(path.name for path in here.workdir.rglob("*")) == before


def test_root_is_the_user_before_it_looks_for_a_python(here: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(cli, "as_user", lambda _: done.append("as the user"))
    monkeypatch.setattr(as_user, "go_on", lambda _: done.append("the interpreter"))
    cli.main(["capture", "-"])
    assert done == ["as the user", "the interpreter"]


def test_help_names_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["--help"])
    assert ended.value.code == 0
    assert all(word in capsys.readouterr().out for word in ("capture",))
    with pytest.raises(SystemExit) as ended:
        cli.main(["nothing"])
    assert ended.value.code == 2


def test_a_dry_run_of_what_is_there(
    here: Image, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    said(capsys, "capture")
    found: Any = json.loads((here.workdir / "environment.json").read_text())
    monkeypatch.setattr(cli.capture.system, "STATUS", str(here.status))
    Path("other.json").write_text(json.dumps(found))
    code, out, _ = said(capsys, "restore", "other.json", "--dry-run")
    assert (code, out) == (0, "2 packages are there already\n")
