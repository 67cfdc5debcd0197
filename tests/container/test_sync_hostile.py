"""What lies in a plugin folder or the bucket is nobody else's problem: noise, a FIFO, a bomb, a bad number, a deep tree."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import tarfile
from pathlib import Path

import pytest

from .machines import until
from .projects import PIP, PYTHON, SITE, Project, imported, saved, shell

BELOW = SITE.partition(f"{PYTHON}/")[2]
PROJECT_STATE = f".melda-jupyter/{PYTHON}/"


def put(project: Project, name: str, tar: bytes, entries: list[str], **more: object) -> None:
    """An archive and its manifest, as if a sync daemon had saved it."""
    packed = subprocess.run(["zstd", "-q", "-c"], input=tar, stdout=subprocess.PIPE, check=True).stdout
    part = {"sha256": hashlib.sha256(packed).hexdigest(), "size": len(packed), "entries": len(entries)}
    manifest = {
        "schema": 1, "parents": [], "number": 1, "created": 1e9, "parts": {name: part},
        "entries": {entry: [name, 1] for entry in entries}, **more,
    }  # fmt: skip
    project.put(f"{PROJECT_STATE}{name}.tar.zst", packed)
    project.put(f"{PROJECT_STATE}{name}.json", json.dumps(manifest).encode())


def archive(*members: tuple[str, bytes, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, kind, content in members:
            info = tarfile.TarInfo(f"./{BELOW}/{name}")
            info.type, info.size, info.mode = kind, len(content), 0o755 if kind == tarfile.DIRTYPE else 0o644
            tar.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def put_bomb(project: Project, tmp_path: Path) -> None:
    """An archive that is small, and 3 GB when it is unpacked."""
    head = tarfile.TarInfo(f"./{BELOW}/bomb")
    head.size = 3 << 30
    with (tmp_path / "bomb").open("w+b") as stream:
        with subprocess.Popen(["zstd", "-q", "-c"], stdin=subprocess.PIPE, stdout=stream) as zstd:
            assert zstd.stdin
            zstd.stdin.write(head.tobuf(tarfile.GNU_FORMAT))
            for _ in range(3 << 7):
                zstd.stdin.write(bytes(8 << 20))
            zstd.stdin.write(bytes(1024))
        stream.seek(0)
        packed = stream.read()
    assert len(packed) < 1 << 20
    part = {"sha256": hashlib.sha256(packed).hexdigest(), "size": len(packed), "entries": 1}
    manifest = {"schema": 1, "parents": [], "number": 1, "created": 1e9, "parts": {"b" * 16: part}}
    project.put(f"{PROJECT_STATE}{'b' * 16}.tar.zst", packed)
    project.put(
        f"{PROJECT_STATE}{'b' * 16}.json",
        json.dumps({**manifest, "entries": {f"{BELOW}/bomb": ["b" * 16, 1]}}).encode(),
    )


@pytest.mark.full  # tests/attack/test_noisy.py tries the same in a shorter time
def test_a_noisy_file_keeps_nothing_else_from_being_saved(project: Project) -> None:
    one = project.start().ready()
    shell(one, f"(while :; do date >>{SITE}/noisy.log; sleep 0.3; done) >/dev/null 2>&1 &")
    shell(one, PIP + "zebra==1.0")
    until(lambda: bool(project.manifests()), "the package is durable", 60)
    until(
        lambda: "left out of Python-3.11.2: noisy.log (it changes all the time)" in one.health()["plugins"], "said", 120
    )
    assert one.health()["plugins"].startswith("saved at")
    shown = one.run("printf 'exit\\n' | su - melda -c 'bash -il' 2>&1; cat /run/melda-jupyter/plugins/state")
    assert "noisy.log" in shown and one.logs().count("noisy.log is left out") == 1
    shell(one, PIP + "yak==1.0")
    before = len(project.manifests())
    until(
        lambda: len(project.manifests()) != before or b"yak" in b"".join(map(project.get, project.manifests())),
        "yak",
        30,
    )
    one.stop()
    two = project.start().ready()
    assert imported(two, "zebra", "yak") == "1.0 1.0"
    assert two.run(f"wc -c <{SITE}/noisy.log").strip() != "0", "at the stop it is saved as it was then"


def test_what_cannot_be_kept_costs_itself(project: Project) -> None:
    one = project.start().ready()
    deep = (
        "import os\nos.mkdir('deep')\nhere = os.open('deep', 0)\nfor _ in range(5000):\n"
        "    os.mkdir('d', dir_fd=here)\n    inner = os.open('d', 0, dir_fd=here)\n    os.close(here)\n    here = inner\n"
    )
    one.run(f"cat >/tmp/deep.py <<'EOF'\n{deep}\nEOF")
    shell(one, f"cd {SITE} && python3 /tmp/deep.py && truncate -s 1T sparse && mkfifo fifo && {PIP} zebra==1.0")
    saved(one)
    output = one.health()["plugins"]
    assert all(name in output for name in ("deep (", "sparse (", "fifo (")), output
    one.stop()
    one.start()
    one.ready(2)
    saved_or_not = one.health()["plugins"]
    assert imported(one, "zebra") == "1.0", saved_or_not
    one.stop()
    assert imported(project.start().ready(), "zebra") == "1.0"


def test_what_others_wrote_into_the_bucket_ends_nothing(project: Project, tmp_path: Path) -> None:
    """A FIFO in an archive, a bomb, and a manifest that is none; tests/unit/melda/sync has other forms of each."""
    tar = archive(
        ("zebra", tarfile.DIRTYPE, b""), ("zebra/__init__.py", tarfile.REGTYPE, b"V = '1.0'\n"),
        ("zebra-1.0.dist-info", tarfile.DIRTYPE, b""), ("zebra-1.0.dist-info/RECORD", tarfile.FIFOTYPE, b""),
        ("zebra-1.0.dist-info/METADATA", tarfile.FIFOTYPE, b""),
    )  # fmt: skip
    put(project, "a" * 16, tar, [f"{BELOW}/zebra", f"{BELOW}/zebra-1.0.dist-info"])
    put_bomb(project, tmp_path)
    project.put(f"{PROJECT_STATE}{'c' * 16}.json", ("[" + "[]," * 10_000_000 + "[]]").encode())
    one = project.start().ready()
    one.says("larger than an archive of its size can be")
    one.says("is no manifest")
    one.says("the packages of the project are here", 20)
    assert imported(one, "zebra") == "1.0" and one.run(f"find {SITE} -type p") == ""
    assert int(one.run("du -sm /var/lib/melda-jupyter | cut -f1")) < 100
    shell(one, PIP + "yak==1.0")
    one.says("is saved in the bucket: yak")
    # It may be another container's, which nobody can read any more.
    assert "failed: " in one.health()["plugins"] and f"{'c' * 16}.json" in one.health()["plugins"]
    assert "plugin sync ended" not in one.logs()


@pytest.mark.full  # each is among the quick tests
@pytest.mark.parametrize("where", ["number", "created", "depth"])
def test_a_manifest_that_is_none_ends_nothing(project: Project, where: str) -> None:
    one = project.start().ready()
    shell(one, PIP + "zebra==1.0")
    saved(one)
    one.stop()
    good = project.get(project.manifests()[0]).decode()
    text = {
        "number": good.replace('"number": 1,', f'"number": {"9" * 4300},'),
        "created": good.replace('"created": ', '"created": 1e308, "other": '),
        "depth": '{"parents": ' * 100_000,
    }[where]
    project.put(f"{PROJECT_STATE}{'c' * 16}.json", text.encode())
    two = project.start().ready()
    assert imported(two, "zebra") == "1.0"
    two.says("is no manifest")
    shell(two, PIP + "yak==1.0")
    two.says("is saved in the bucket: yak")
    # It may be another container's, which nobody can read any more.
    assert "failed: " in two.health()["plugins"] and f"{'c' * 16}.json" in two.health()["plugins"]
    assert "plugin sync ended" not in two.logs()
