"""builder/manifest.py: what the manifest says; that it agrees with a real image is in tests/container/test_publish.py."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from builder import __main__, build_folder, layers, manifest, sbom
from builder import docker as client
from builder.errors import BuildError

VERSIONS = {"Ubuntu": "20.04", "Python": {"Python": "3.8.10", "Flask": "2.2.2"}, "R": {"R": "4.2.2", "a|b": "1\n2"}}
LABELS = {
    "io.melda.omitted": "bspm: CRAN does not answer; r2u: no answer",
    "org.opencontainers.image.created": "2026-11-23T15:18:00Z",
    "org.opencontainers.image.revision": "0" * 40,
    "org.opencontainers.image.base.name": "rocker/r-ubuntu:20.04",
}
INSPECTED = {"Id": "sha256:1", "Os": "linux", "Architecture": "arm64", "Size": 1_880_000_000, "Created": "2026-11-24"}


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What docker says of the image; a test changes it."""
    output: dict[str, Any] = {"there": True, "labels": LABELS, "versions": json.dumps(VERSIONS), "ran": []}
    output["snapshot"] = json.dumps({"system": {"image": "sha256:9"}})

    def call(*arguments: str) -> str:
        output["ran"].append(arguments)
        if "melda-env" in arguments:
            return str(output["snapshot"])
        return str(output["versions"])

    monkeypatch.setattr(client, "exists", lambda *_: output["there"])
    monkeypatch.setattr(client, "inspect", lambda *_: {**INSPECTED, "Config": {"Labels": output["labels"]}})
    monkeypatch.setattr(client, "call", call)
    return output


def test_it_says_what_is_inside(engine: dict[str, Any]) -> None:
    described = manifest.describe("docker", "melda:1")
    assert described["versions"] == VERSIONS
    assert described["omitted"] == ["bspm: CRAN does not answer", "r2u: no answer"]
    assert described["platform"] == "linux/arm64" and described["number"] == "sha256:9"
    assert described["tags"][-1] == "20.04_R-4.2.2_python-3.8.10"
    # Of the image that was inspected, whatever its name means by then.
    assert all("sha256:1" in command and "melda:1" not in command for command in engine["ran"])


def test_the_page_has_a_row_for_each_package(engine: dict[str, Any]) -> None:
    page = manifest.page(manifest.describe("docker", "melda:1"))
    assert page.startswith("# melda:1\n")
    rows = [row for row in page.splitlines() if row.startswith("|")]
    assert {"| distribution | Ubuntu 20.04 |", "| R | 4.2.2 |", "| Python | 3.8.10 |", "| Flask | 2.2.2 |"} <= set(rows)
    assert "| a\\|b | 1 2 |" in rows
    # Two columns each, whatever a package is called.
    assert {len(re.findall(r"(?<!\\)\|", row)) for row in rows} == {3}


def test_an_image_without_anything_left_out_says_so(engine: dict[str, Any]) -> None:
    engine["labels"] = {**LABELS, "io.melda.omitted": ""}
    described = manifest.describe("docker", "melda:1")
    assert described["omitted"] == []
    assert "| left out | nothing |" in manifest.page(described)


def test_both_are_written_beside_the_bill_of_materials(engine: dict[str, Any], tmp_path: Path) -> None:
    described = manifest.describe("docker", "registry.example:5000/melda:1")
    page, data = manifest.write(described, tmp_path / "manifest")
    assert (page.name, data.name) == ("registry.example_5000_melda_1.md", "registry.example_5000_melda_1.json")
    assert json.loads(data.read_text()) == described
    assert page.read_text() == manifest.page(described)
    assert sorted(path.name for path in page.parent.iterdir()) == sorted([page.name, data.name])


def test_that_of_the_same_image_is_read_again_and_no_other(engine: dict[str, Any], tmp_path: Path) -> None:
    assert manifest.written("docker", "melda:1", tmp_path) is None
    described = manifest.describe("docker", "melda:1")
    _, data = manifest.write(described, tmp_path)
    assert manifest.written("docker", "melda:1", tmp_path) == described
    assert manifest.written("docker", "melda_1", tmp_path) is None, "another image whose file has the same name"
    data.write_text(json.dumps({**described, "id": "sha256:2"}))
    assert manifest.written("docker", "melda:1", tmp_path) is None, "the name means another image now"
    for damaged in ("{", json.dumps({**described, "versions": {}}), json.dumps({**described, "tags": None})):
        data.write_text(damaged)
        assert manifest.written("docker", "melda:1", tmp_path) is None


def test_make_image_writes_it_and_says_the_tags(
    engine: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(__main__, "build_image", lambda *_: "docker")
    monkeypatch.setattr(layers, "of", lambda *_: [layers.Layer(1_500_000)])
    monkeypatch.setattr(sbom, "write", lambda *_: tmp_path / "bill")
    monkeypatch.setattr(manifest, "paths", lambda *_: (tmp_path / "a.md", tmp_path / "a.json"))
    monkeypatch.setattr(build_folder, "FOLDER", tmp_path)
    __main__.run(__main__.parser().parse_args(["image", "--image", "melda:1"]))
    shown = capsys.readouterr().out.splitlines()
    assert "    1      1.5         0.0" in shown, "what each layer adds"
    output = [line for line in shown if not line.startswith(("  ", "layer "))]
    assert output[:3] == [f"sbom     {tmp_path}/bill", f"manifest {tmp_path}/a.md", f"manifest {tmp_path}/a.json"]
    assert output[3:] == [f"tag      {tag}" for tag in json.loads((tmp_path / "a.json").read_text())["tags"]]
    assert len(output) == 6


def test_an_image_that_is_not_there_is_refused(engine: dict[str, Any]) -> None:
    engine["there"] = False
    with pytest.raises(BuildError, match="^invalid IMAGE=melda:1: expected an image of this engine"):
        manifest.describe("docker", "melda:1")


@pytest.mark.parametrize("labels", [None, {}, {"maintainer": "somebody"}])
def test_an_image_that_is_not_ours_is_refused(engine: dict[str, Any], labels: dict[str, str] | None) -> None:
    engine["labels"] = labels
    with pytest.raises(BuildError, match="^invalid IMAGE=debian:12: expected an image that `make image` built"):
        manifest.describe("docker", "debian:12")
    assert not engine["ran"]


@pytest.mark.parametrize(
    "said",
    ["", "interrupted {", "[]", "{}", '{"Debian": "12", "Python": {}}', '{"R": 1, "Python": {}, "Debian": "12"}'],
)
def test_what_is_no_answer_of_get_versions_is_refused(engine: dict[str, Any], said: str) -> None:
    engine["versions"] = said
    with pytest.raises(BuildError, match="^get-versions gave no versions of"):
        manifest.describe("docker", "melda:1")
