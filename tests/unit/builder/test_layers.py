"""builder/layers.py, and the steps of the Dockerfiles: each reads what it needs, and only the last one the runtime."""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from builder import build_folder, layers
from builder.errors import BuildError

ROOT = Path(__file__).resolve().parents[3]


def tar(files: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    output = io.BytesIO()
    with tarfile.open(fileobj=output, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for name, target in (links or {}).items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            archive.addfile(member)
    return output.getvalue()


FIRST = tar({"usr/bin/x": b"x" * 300_000, "etc/a": b"a"})
SECOND = tar({"etc/a": b"b", "usr/bin/x": b"x" * 300_000, "opt/new": b"n" * 1_000_000})


@pytest.mark.parametrize("kind", ["20.10", "25"])
def test_what_a_layer_repeats(kind: str) -> None:
    """As ``docker save`` of the engines writes it: layers in no order, one that is there twice as a link, a blob of JSON."""
    if kind == "20.10":
        names = ["1/layer.tar", "2/layer.tar", "3/layer.tar"]
        files = {names[1]: SECOND, names[0]: FIRST, "c.json": b"{}"}
        links = {names[2]: "../1/layer.tar"}
    else:
        names = ["blobs/sha256/1", "blobs/sha256/2", "blobs/sha256/1"]
        files, links = {names[1]: SECOND, "blobs/sha256/c": b'{"config": 1}' * 60, names[0]: FIRST}, {}
    files["manifest.json"] = json.dumps([{"Config": "c.json", "Layers": names}]).encode()
    one, two, three = layers.described(layers.read(io.BytesIO(tar(files, links))))
    assert (one.size, one.repeated, one.paths) == (300_001, 0, {})
    assert (two.size, two.repeated) == (1_300_001, 300_001)
    assert list(two.paths) == ["usr/bin/x", "etc/a"], "the largest first"
    assert three.repeated == three.size == 300_001
    lines = layers.table([one, two, three]).splitlines()
    assert lines[2].split() == ["2", "1.3", "0.3", "/usr/bin/x", "(0.3)"], "what weighs nothing is not named"


def test_the_engines_folders_say_the_same(tmp_path: Path) -> None:
    for name, content in (("one", FIRST), ("two", SECOND)):
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            archive.extractall(tmp_path / name)  # noqa: S202 - made above; Python 3.11.2 knows no filter
    (tmp_path / "two/opt/again").hardlink_to(tmp_path / "two/opt/new")
    data = {"LowerDir": f"{tmp_path}/one", "UpperDir": f"{tmp_path}/two"}
    inspected = {"GraphDriver": {"Name": "overlay2", "Data": data}, "RootFS": {"Layers": ["1", "2"]}}
    found = layers.described(layers.on_disk(inspected))
    assert [(layer.size, layer.repeated) for layer in found] == [(300_001, 0), (1_300_001, 300_001)]
    assert layers.on_disk({**inspected, "GraphDriver": {"Name": "btrfs", "Data": data}}) == []
    assert layers.on_disk({**inspected, "RootFS": {"Layers": ["1"]}}) == []
    data["LowerDir"] = f"{tmp_path}/gone"
    assert layers.on_disk(inspected) == [], "an engine elsewhere"


@pytest.mark.parametrize("damaged", ["", "[", "{}x", '[{"x": 1}]', '["x"]'])
def test_what_was_read_before_and_is_damaged_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damaged: str
) -> None:
    monkeypatch.setattr(build_folder, "FOLDER", tmp_path)
    monkeypatch.setattr(layers.client, "inspect", lambda *_: {"RootFS": {"Layers": ["1"]}})
    monkeypatch.setattr(layers, "on_disk", lambda _: [{"a": 1}])
    found = layers.of("docker", "x:1")
    (path,) = (tmp_path / "layers").iterdir()
    right = path.read_text()
    path.write_text(damaged)
    assert layers.of("docker", "x:1") == found
    assert path.read_text() == right


def test_an_image_that_cannot_be_read_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build_folder, "FOLDER", tmp_path)
    engine = tmp_path / "docker"
    engine.write_text("""#!/bin/sh\n[ "$1" = save ] || echo '[{"RootFS": {"Layers": ["1"]}}]'\n""")
    engine.chmod(0o755)
    with pytest.raises(BuildError, match="^docker save of x:1 failed"):
        layers.of(str(engine), "x:1")
    assert not (tmp_path / "layers").exists()


def stages(dockerfile: str) -> dict[str, list[str]]:
    """Stage -> its COPY instructions and those of the stages it begins with."""
    found: dict[str, list[str]] = {}
    stage = ""
    for line in (ROOT / dockerfile).read_text().replace("\\\n", " ").splitlines():
        words = line.split()
        if words[:1] == ["FROM"]:
            stage = words[3] if len(words) > 3 else ""
            found[stage] = list(found.get(words[1], []))
        elif words[:1] == ["COPY"]:
            found[stage].append(line)
    return found


def steps() -> list[tuple[str, str, str]]:
    """Dockerfile, the stage that a step mounts, and the part of the deploy that it runs."""
    found = []
    for dockerfile in ("Dockerfile.base", "Dockerfile"):
        text = (ROOT / dockerfile).read_text().replace("\\\n", " ")
        for line in re.findall(r"^RUN .*", text, re.MULTILINE):
            mounted = re.search(r"from=(\S+-files),target=/tmp/deploy", line)
            part = line.rpartition("/tmp/deploy/builder/provision")[2].strip()
            if mounted and part not in ("python", "tools /opt/tools"):
                found.append((dockerfile, mounted[1], part))
    return found


def copied(dockerfile: str, stage: str, folder: Path, ignored: str = "__pycache__") -> None:
    """Make the folder that a step mounts."""
    for line in stages(dockerfile)[stage]:
        *patterns, target = line.split()[1:]
        for pattern in patterns:
            paths = list(ROOT.glob(pattern))
            assert paths, f"{dockerfile}: COPY {pattern} copies nothing"
            for path in paths:
                into = folder / target.lstrip("/")
                into.mkdir(parents=True, exist_ok=True)
                if path.is_dir():
                    shutil.copytree(path, into, dirs_exist_ok=True, ignore=shutil.ignore_patterns(ignored))
                else:
                    shutil.copy(path, into)


def test_every_part_of_the_deploy_has_its_step() -> None:
    parts = {part.split()[0] for _, _, part in steps()}
    assert parts == {path.stem for path in (ROOT / "tasks/layers").glob("[a-z]*.py")}
    assert [part for _, _, part in steps()] == [
        "system",
        "r_packages core",
        "r_packages datascience",
        "python_packages core",
        "python_packages datascience a-o",
        "python_packages datascience p-z",
    ]


@pytest.mark.parametrize(("dockerfile", "stage", "part"), steps(), ids=lambda value: str(value))
def test_a_step_has_the_code_that_it_runs(dockerfile: str, stage: str, part: str, tmp_path: Path) -> None:
    # With bytecode: to compile it is half of the time, and without its source none is taken.
    copied(dockerfile, stage, tmp_path, ignored="")
    name = part.split()[0]
    modules = re.search(
        r"^from tasks import (\([^)]*\)|[^#\n(]+)", (tmp_path / f"tasks/layers/{name}.py").read_text(), re.M
    )
    assert modules
    command = [sys.executable, "-B", "-c", f"from tasks import {modules[1].strip()}"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("dockerfile", "stage", "part"), steps(), ids=lambda value: str(value))
def test_no_step_but_the_last_reads_what_changes_often(dockerfile: str, stage: str, part: str, tmp_path: Path) -> None:
    copied(dockerfile, stage, tmp_path)
    found = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    runtime = {name for name in found if name.startswith("files/runtime/")}
    assert len(runtime) <= 9 and all(re.fullmatch(r"files/runtime/src/melda/(base/)?\w+\.py", name) for name in runtime)
    assert not [name for name in found if name.startswith(("files/systemd", "files/sync", "files/bspm"))]
    if part.endswith("core"):
        assert not [name for name in found if "datascience" in name], (
            "a package more in a set makes that set's step new alone"
        )


def test_both_dockerfiles_mount_the_same() -> None:
    """The stages that both have are the same, so that what one made is there for the other."""
    base, image = stages("Dockerfile.base"), stages("Dockerfile")
    shared = {name for name in base.keys() & image.keys() if name.endswith("-files")}
    assert {"tools-files", "deploy-files"} <= shared
    assert [name for name in shared if base[name] != image[name]] == []


def test_the_whole_deploy_is_the_last_step() -> None:
    for dockerfile in ("Dockerfile.base", "Dockerfile"):
        text = (ROOT / dockerfile).read_text()
        assert text.rstrip().endswith("/tmp/deploy/builder/provision"), dockerfile
        assert "--mount=type=bind,target=/tmp/deploy " in text.rpartition("\nRUN ")[2]
