"""The weekly workflow and the build for several architectures: what they may do, and that they name what is there.

That buildx reads the bake file is in tests/container/test_publish.py.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import hcl2
import melda
import pytest
import yaml

from builder import base, image, overrides
from tasks.releases import RELEASES

ROOT = Path(__file__).resolve().parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
WORKFLOW: dict[Any, Any] = yaml.safe_load((ROOT / ".github/workflows/images.yml").read_text())
JOB = WORKFLOW["jobs"]["image"]


def make_default(name: str) -> str:
    """A variable's default in the Makefile."""
    found = re.search(rf"^{name} \?= ?(.*)$", MAKEFILE, re.MULTILINE)
    assert found, name
    return found[1]


def test_every_week() -> None:
    # YAML 1.1 reads the word "on" as true.
    times = WORKFLOW[True]["schedule"]
    assert [re.fullmatch(r"\d+ \d+ \* \* [0-6]", time["cron"]) is not None for time in times] == [True]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_and_a_job_may_do_what_it_needs(path: Path) -> None:
    text = path.read_text()
    uses = re.findall(r"uses: (\S+)(.*)", text)
    assert uses and all(re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", name) for name, _ in uses)
    assert all(re.fullmatch(r" # v\d+\.\d+\.\d+", release) for _, release in uses), (
        "a person must see which release it is"
    )
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        signs = {"packages": "write", "id-token": "write", "attestations": "write"}
        assert job["permissions"] == {"contents": "read", **(signs if path.name == "images.yml" else {})}
        assert job["timeout-minutes"]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_nothing_of_github_is_pasted_into_a_script(path: Path) -> None:
    """What stands in ${{ }} would be read by the shell; in the environment it is a value."""
    for job in yaml.safe_load(path.read_text())["jobs"].values():
        scripts = [step["run"] for step in job["steps"] if "run" in step]
        assert scripts and not [script for script in scripts if "${{" in script]
        assert not [script for script in scripts if re.search(r"-p\b|--password\b(?!-stdin)", script)]


def test_the_workflow_calls_what_the_makefile_has() -> None:
    targets = set(re.findall(r"^([a-z-]+):.*##", MAKEFILE, re.MULTILINE))
    calls = re.findall(r"make (\w+)((?: [A-Z]+=\S+)*)", "\n".join(step.get("run", "") for step in JOB["steps"]))
    assert [target for target, _ in calls] == ["image", "scan", "up", "publish"], (
        "nothing is published that did not start"
    )
    assert {target for target, _ in calls} <= targets
    for _, given in calls:
        names = re.findall(r"([A-Z]+)=", given)
        assert "STRICT" in names
        assert all(make_default(name) is not None for name in names)
    assert base.PREFERRED in JOB["strategy"]["matrix"]["base"]


def test_what_is_pushed_is_signed_by_its_digest_and_says_where_it_comes_from() -> None:
    names = [step.get("uses", step.get("name", "")).partition("@")[0] for step in JOB["steps"]]
    pushed = names.index("Publish")
    assert names.index("sigstore/cosign-installer") < pushed < names.index("actions/attest-build-provenance")
    by_name = {step.get("name"): step for step in JOB["steps"]}
    # A tag may mean another image by then.
    assert (
        'cosign sign --yes "$NAME@$DIGEST"'
        in by_name["Sign what was pushed, by its digest, and its bill of materials"]["run"]
    )
    # The line that `make publish` ends with.
    (pattern,) = re.findall(r"sed -n '(.*)' published", by_name["Publish"]["run"])
    line = "digest   sha256:" + "0" * 64
    done = subprocess.run(
        ["sed", "-n", pattern], input=f"pushed   x\n{line}\n", capture_output=True, text=True, check=True
    )
    assert done.stdout == f"digest=sha256:{'0' * 64}\n"
    assert "\"digest   {described['digest']}\"" in (ROOT / "builder" / "__main__.py").read_text()


def unquoted(value: Any) -> Any:
    """hcl2 keeps the quotes of HCL's strings, and marks blocks."""
    if isinstance(value, dict):
        return {unquoted(key): unquoted(item) for key, item in value.items() if not key.startswith("__")}
    if isinstance(value, list):
        return [unquoted(item) for item in value]
    return value[1:-1] if isinstance(value, str) and value.startswith('"') else value


@pytest.fixture(scope="module")
def bake() -> dict[str, dict[str, Any]]:
    """Kind of block -> name -> what it says."""
    with (ROOT / "docker-bake.hcl").open() as file:
        blocks = hcl2.load(file)
    return {
        kind: {name: body for block in blocks[kind] for name, body in unquoted(block).items()}
        for kind in ("variable", "group", "target")
    }


def test_bake_says_each_variable_once() -> None:
    """The last one counted, and the first one's description said otherwise."""
    names = re.findall(r'^variable "(\w+)"', (ROOT / "docker-bake.hcl").read_text(), re.MULTILINE)
    assert len(names) == len({*names})


def test_bake_has_the_makefiles_variables_and_defaults(bake: dict[str, dict[str, Any]]) -> None:
    defaults = {name: body["default"] for name, body in bake["variable"].items()}
    own = {"REVISION", "PLATFORMS", "VERSION", "SUPPORT_ENDS"}
    for name in defaults.keys() - own - {"BASE"} - set(overrides.IMAGE_ARGUMENTS):
        assert defaults[name] == make_default(name), name
    assert {name: defaults[name] for name in overrides.IMAGE_ARGUMENTS} == overrides.image_arguments({})
    release = RELEASES[base.FALLBACK.partition(":")[2]]
    assert (defaults["VERSION"], defaults["SUPPORT_ENDS"]) == (melda.__version__, release.support_ends)
    # make's "auto" is one of two; the one there is for both architectures.
    assert make_default("BASE") == "auto" and defaults["BASE"] == base.FALLBACK
    assert set(defaults["PLATFORMS"].split(",")) == {"linux/amd64", "linux/arm64"}


@pytest.mark.parametrize(("target", "file"), [("base", "Dockerfile.base"), ("image", "Dockerfile")])
def test_bake_gives_the_dockerfiles_their_arguments(bake: dict[str, dict[str, Any]], target: str, file: str) -> None:
    body = bake["target"][target]
    assert body["dockerfile"] == file
    known = set(re.findall(r"^ARG (\w+)", (ROOT / file).read_text(), re.MULTILINE))
    # MIRROR is for machines without a network, which reach no registry either.
    assert set(body["args"]) == known - {"MIRROR"}
    assert "strict=true" in body["args"]["PROVISION_DATA"].split()
    assert body["platforms"] == '${split(",", PLATFORMS)}'


def test_bake_builds_the_image_on_the_base(bake: dict[str, dict[str, Any]]) -> None:
    body = bake["target"]["image"]
    assert bake["group"]["default"]["targets"] == ["image"]
    # As `make image` does: it begins with what changes seldom, and the runtime comes last.
    stages = {body["args"]["BASE_IMAGE"]: "system", body["args"]["TOOLS"]: "tools"}
    assert body["contexts"] == {name: f"target:{stage}" for name, stage in stages.items()}
    for stage in stages.values():
        assert bake["target"][stage] == {"inherits": ["base"], "target": stage}
        assert re.search(rf"^FROM .* AS {stage}$", (ROOT / "Dockerfile.base").read_text(), re.MULTILINE)
    assert "packages=${PACKAGES}" in body["args"]["PROVISION_DATA"].split()
    assert body["tags"] == ["IMAGE"]
    # The labels of `make image`, but for the time and the place, which BuildKit says itself.
    elsewhere = {"org.opencontainers.image.created", "org.opencontainers.image.source"}
    known = image.labels("", "", []).keys() - elsewhere
    assert set(body["labels"]) == known
