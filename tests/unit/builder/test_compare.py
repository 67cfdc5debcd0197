"""make compare: what changed between two images or manifests, and what becomes of what users installed."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from builder import __main__, compare, compare_projects, manifest, publish
from builder import docker as client
from builder.errors import BuildError

OLD: dict[str, Any] = {
    "image": "melda:1", "id": "sha256:1", "size": 1_500_000_000, "created": "2026-11-01", "revision": "a" * 40,
    "base": "debian:bookworm", "omitted": [], "number": "sha256:8", "version": "0.1.0", "support_ends": "2028-06-30",
    "versions": {"Debian": "12", "Python": {"Python": "3.11.2", "Flask": "2.2.2", "six": "1.0", "a": "1"},
                 "R": {"R": "4.2.2", "dplyr": "1.1.0"}},
    "layers": [{"id": "sha256:base", "size": 1000}, {"id": "sha256:a", "size": 2000}],
}  # fmt: skip
NEW: dict[str, Any] = {
    **OLD, "image": "melda:2", "size": 1_600_000_000, "base": "debian:trixie", "omitted": ["r2u: no answer"],
    "versions": {"Debian": "13", "Python": {"Python": "3.13.5", "Flask": "3.0.0", "six": "1.0", "b|c": "2"},
                 "R": {"R": "4.5.0", "dplyr": "1.1.0"}},
    "layers": [{"id": "sha256:base", "size": 1000}, {"id": "sha256:b", "size": 3_000_000}],
}  # fmt: skip


def test_what_changed() -> None:
    found = compare.compare(OLD, NEW)
    assert found["Python"] == {
        "version": ["3.11.2", "3.13.5"], "added": {"b|c": "2"}, "removed": {"a": "1"}, "changed": {"Flask": ["2.2.2", "3.0.0"]},
    }  # fmt: skip
    assert found["R"] == {"version": ["4.2.2", "4.5.0"], "added": {}, "removed": {}, "changed": {}}
    assert found["layers"] == {"all": 2, "new": 1, "bytes": 3_000_000}
    page = compare.page(found).splitlines()
    assert page[0] == "# melda:1 and melda:2"
    for line in (
        "| distribution | Debian 12 | Debian 13 |", "| R | 4.2.2 | 4.5.0 |", "| size | 1.50 GB | 1.60 GB |",
        "| left out | nothing | r2u: no answer |", "To pull: 1 of 2 layers, 3 MB unpacked.", "1 added, 1 removed, 1 changed.",
        "| b\\|c |  | 2 |", "| a | 1 |  |", "| Flask | 2.2.2 | 3.0.0 |", "0 added, 0 removed, 0 changed.",
    ):  # fmt: skip
        assert line in page, line


def test_the_same_image() -> None:
    found = compare.compare(OLD, OLD)
    assert found["layers"] == {"all": 2, "new": 0, "bytes": 0}
    assert "To pull: 0 of 2 layers, 0 MB unpacked." in compare.page(found)


HISTORY = '0\tCMD ["x"]\n30\tRUN /bin/sh -c provision\n{0}\tWORKDIR /home\n0\t/bin/sh -c #(nop)  ENV a=b\n100\t'


@pytest.mark.parametrize(("workdir", "numbers", "sizes"), [
    (0, ["base", "workdir", "run"], [100, 0, 30]),
    (0, ["base", "run"], [100, 30]),
    (5, ["base", "workdir", "run"], [100, 5, 30]),
    (5, ["base", "x", "y", "z", "run"], [0] * 5),
])  # fmt: skip
def test_layers(monkeypatch: pytest.MonkeyPatch, workdir: int, numbers: list[str], sizes: list[int]) -> None:
    monkeypatch.setattr(client, "inspect", lambda *_: {"RootFS": {"Layers": numbers}})
    monkeypatch.setattr(client, "call", lambda *_: HISTORY.format(workdir))
    assert compare.layers("docker", "x") == [
        {"id": one, "size": size} for one, size in zip(numbers, sizes, strict=True)
    ]


def test_manifests_need_no_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = []
    for one in (OLD, {name: value for name, value in NEW.items() if name != "layers"}):
        paths.append(tmp_path / f"{one['image'][-1]}.json")
        paths[-1].write_text(json.dumps(one))
    monkeypatch.setattr(__main__.engine, "ready", lambda: pytest.fail("no engine"))
    monkeypatch.setattr(compare.write, "__defaults__", (tmp_path / "compare",))
    arguments = ["compare", "--old", str(paths[0]), "--new", str(paths[1])]
    __main__.run(__main__.parser().parse_args(arguments))
    page, data = (line.split()[1] for line in capsys.readouterr().out.splitlines())
    assert Path(page).name == "melda_1..melda_2.md" and "layers" not in json.loads(Path(data).read_text())
    assert "To pull" not in Path(page).read_text()


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"image": "x", "versions": {"R": {}, "Python": 1}}', *(
    json.dumps({**OLD, **part}) for part in ({"versions": {"R": {}, "Python": {}}}, {"layers": [{"id": "a"}]}, {"versions": {}})
)])  # fmt: skip
def test_what_is_no_manifest(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(BuildError) as error:
        compare.load("", str(path), "OLD")
    assert str(error.value) == f"invalid OLD={path}: expected the JSON of a manifest that `make image` wrote"
    with pytest.raises(BuildError, match="^invalid NEW=: expected an image, or the JSON of a manifest$"):
        compare.load("docker", "", "NEW")


def entry(name: str, kind: str = "index", **more: Any) -> dict[str, Any]:
    return {"name": name, "version": "1.0", "source": {"type": kind, **more.pop("source", {})}, **more}


PYTHON = [
    (entry("six"), "as binary (it is the image's)"), (entry("same"), "as binary"), (entry("newer"), "as binary (2.0)"),
    (entry("built"), "compiled"), (entry("gone"), "cannot be had"), (entry("commit", "vcs"), "compiled"),
    (entry("owl", "local", file={"name": "owl-1.0-py3-none-any.whl"}), "as binary"),
    (entry("fast", "local", file={"name": "fast-1.0-cp311-cp311-linux_x86_64.whl"}), "cannot be had"),
    (entry("mine", "local", source={"editable": True}), "compiled"),
]  # fmt: skip
IN_R = [
    (entry("dplyr", "cran"), "as binary (1.1.4)"), (entry("xts", "apt"), "as binary"), (entry("old", "cran"), "compiled"),
    (entry("hub", "github"), "compiled"), (entry("lost", "local"), "cannot be had"),
    (entry("kept", "local", file={"name": "kept_1.0_R4.2.2_x86_64.tar.gz"}), "as binary (the copy that was kept)"),
    (entry("secret", "url", source={"dropped": ["query"]}), "cannot be had"),
]  # fmt: skip


def _uv(lines: list[str], _: str, *options: str) -> str:
    wheels = {"same==1.0": "same==1.0", "newer": "newer==2.0", "same": "same==3.0"}
    found = wheels.get(lines[0], "") if options else {"built==1.0": "built==1.0"}.get(lines[0], "")
    return found + "\n" if found else ""


@pytest.fixture
def projects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Projects with snapshots: the sync daemon's, a fork's parent's, a user's, and what is none."""
    monkeypatch.setattr(compare_projects, "_uv", _uv)
    document = {
        "python": {"packages": [one for one, _ in PYTHON]}, "r": {"packages": [one for one, _ in IN_R]},
    }  # fmt: skip
    nothing = {"python": {"packages": []}, "r": {"packages": []}}
    for place, content in {
        "ada/.melda-jupyter": document, "ada": nothing, "ada/.melda-jupyter/fork": nothing, "bob/x": nothing, "eve": [],
    }.items():  # fmt: skip
        (tmp_path / "projects" / place).mkdir(parents=True, exist_ok=True)
        (tmp_path / "projects" / place / "environment.json").write_text(json.dumps(content))
    return tmp_path / "projects"


def test_what_becomes_of_what_users_installed(projects: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new = {**NEW, "versions": {**NEW["versions"], "Python": {"Python": "3.13.5", "six": "1.0"}}}
    ada, bob = compare_projects.describe(str(projects), new, {"dplyr": "1.1.4", "xts": "1.0"})
    assert (ada["project"], bob) == ("ada", {"project": "bob/x", "packages": []})
    assert {one["name"]: one["comes"] for one in ada["packages"]} == {one["name"]: way for one, way in PYTHON + IN_R}
    assert "no snapshot of melda-env capture" in capsys.readouterr().out
    page = compare.page({**compare.compare(OLD, new), "projects": [ada, bob]})
    assert "2 projects: 7 as binary, 4 cannot be had, 5 compiled." in page
    assert "| ada | Python | newer | 1.0 | as binary (2.0) |" in page
    unknown = compare_projects.describe(str(projects / "ada/.melda-jupyter/environment.json"), new, None)
    assert {one["name"]: one["comes"] for one in unknown[0]["packages"]}["xts"] == "unknown"


def test_no_projects(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BuildError, match="expected a folder or a bucket with environment.json in it"):
        list(compare_projects.snapshots(str(tmp_path)))
    monkeypatch.setattr(compare_projects.shutil, "which", lambda _: None)
    with pytest.raises(
        BuildError,
        match=r"^invalid CAPTURES=s3://b/x: expected a folder, or the AWS command line \(aws\) for a bucket$",
    ):
        list(compare_projects.snapshots("s3://b/x"))


def test_a_bucket(tmp_path: Path, projects: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    aws = tmp_path / "aws"
    aws.write_text(
        f'#!/bin/sh\n[ "$9" = s3://b/users ] || {{ echo "no such bucket" >&2; exit 1; }}\ncp -r {projects}/. ${{10}}\n'
    )
    aws.chmod(0o755)
    monkeypatch.setattr(compare_projects.shutil, "which", lambda _: str(aws))
    assert [name for name, _ in compare_projects.snapshots("s3://b/users")] == ["ada", "bob/x"]
    with pytest.raises(
        BuildError, match=r"^invalid CAPTURES=s3://c/users: expected a folder that aws can read \(no such bucket\)$"
    ):
        list(compare_projects.snapshots("s3://c/users"))


def test_what_apt_has(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = (
        "Package: r-cran-dplyr\nVersion: 1.1.4-1\nPackage: r-bioc-x\nVersion: 1:2.0+dfsg-3\nPackage: sed\nVersion: 4\n"
    )
    monkeypatch.setattr(client, "call", lambda *_: shown)
    assert compare_projects.in_apt("docker", "x") == {"dplyr": "1.1.4", "x": "2.0"}


def test_publish_says_what_changed_since_the_last_tag(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(publish.build_folder, "FOLDER", tmp_path)
    monkeypatch.setattr(compare.write, "__defaults__", (tmp_path / "compare",))
    monkeypatch.setattr(manifest.write, "__defaults__", (tmp_path / "manifest",))
    monkeypatch.setattr(publish, "_push", lambda *_: "sha256:7")
    monkeypatch.setattr(client, "call", lambda *_: "")
    monkeypatch.setattr(compare, "layers", lambda *_: OLD["layers"])
    for one in (OLD, {**NEW, "versions": {**NEW["versions"], "Debian": "12"}}, {**NEW, "image": "other"}):
        monkeypatch.setattr(manifest, "describe", lambda *_, one=one: {**one, "tags": ["x"], "platform": "linux/amd64"})
        publish.publish("docker", "melda:1", "registry.example/melda", strict=False)
    told = capsys.readouterr().out
    assert told.count("changes  ") == 2 and "melda_1..melda_2.md" in told and "other" not in told, "of one release"


def test_uv_is_asked_without_building(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[list[str]] = []

    def run(command: list[str], **more: Any) -> subprocess.CompletedProcess[str]:
        ran.append([*command, more["input"]])
        return subprocess.CompletedProcess(command, 0, "x==1\n", "")

    monkeypatch.setattr(compare_projects.subprocess, "run", run)
    assert compare_projects._uv(["x==1"], "3.13.5", "--only-binary", ":all:") == "x==1\n"
    assert ran[0][-1] == "x==1\n" and ran[0][1:3] == ["pip", "compile"] and "3.13.5" in ran[0]
