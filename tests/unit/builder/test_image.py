"""builder/image.py and builder/connector.py: labels, names that are never left behind, and what a Dockerfile says of an image."""

from __future__ import annotations

import json
from pathlib import Path

import melda
import pytest
from melda.plugins.image_record import Image

from builder import connector, image
from builder.errors import BuildError
from builder.settings import Settings

WHEN = "2020-01-01T00:00:00Z"


def test_labels_name_what_was_left_out() -> None:
    labels = image.labels("debian:bookworm", WHEN, ["bspm: CRAN does not answer", "r2u: does not answer"])
    assert labels["io.melda.omitted"] == "bspm: CRAN does not answer; r2u: does not answer"
    assert labels["org.opencontainers.image.base.name"] == "debian:bookworm"
    assert image.labels("x", WHEN, [])["io.melda.omitted"] == ""


def test_labels_name_the_version_and_the_end_of_support() -> None:
    labels = image.labels("x", WHEN, [], "2028-06-30")
    assert (labels["org.opencontainers.image.version"], labels["io.melda.support-ends"]) == (
        melda.__version__,
        "2028-06-30",
    )


def test_labels_stay_the_same_so_that_an_image_built_later_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    now = image.labels("x", WHEN, [])
    monkeypatch.setattr("time.time", lambda: 2e9)
    assert image.labels("x", WHEN, []) == now
    assert image.labels("x", WHEN, [])["org.opencontainers.image.created"] == WHEN


def test_an_image_knows_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image, "revision", lambda: "a" * 40)
    now = json.loads(image.inside("debian:bookworm", WHEN))
    assert now == {"version": melda.__version__, "revision": "a" * 40, "base": "debian:bookworm", "created": WHEN}
    assert now.keys() <= set(Image._fields), "image_record reads it"


@pytest.fixture
def engine(tmp_path: Path) -> Path:
    """A docker client that writes down its arguments and fails where the file ``fails`` says so."""
    client = tmp_path / "docker"
    client.write_text(f"""#!/bin/sh
echo "$@" >> {tmp_path}/calls
case "$*" in
"image inspect"*) echo '[{{"Created": "{WHEN}"}}]' ;;
*"$(cat {tmp_path}/fails)"*) exit 1 ;;
"cp "*) cd {tmp_path} && tar -c melda-jupyter ;;
esac
""")
    client.chmod(0o755)
    (tmp_path / "melda-jupyter").mkdir()
    (tmp_path / "melda-jupyter/omitted").write_text("bspm: no answer\n\nr2u: no answer\n")
    (tmp_path / "melda-jupyter/support-ends").write_text("bookworm 2028-06-30\n")
    return tmp_path


def calls(engine: Path) -> list[str]:
    return (engine / "calls").read_text().splitlines()


def test_final_names_are_given_last_and_temporary_ones_taken_back(engine: Path) -> None:
    (engine / "fails").write_text("nothing fails")
    image.build(
        str(engine / "docker"), "debian:bookworm", "base:1", Settings(image="melda:1", packages="core", strict=True)
    )
    output = calls(engine)
    tags = [index for index, call in enumerate(output) if call.startswith("tag ")]
    assert [output[index].split()[-1] for index in tags] == ["melda-base:1", "melda:1"]
    assert all("melda:1" not in call.split() for call in output[: tags[-1]])
    assert (
        len([call for call in output[tags[-1] :] if call.startswith("image rm --force melda-jupyter-unfinished:")]) == 6
    )
    (labelling,) = (call for call in output if " --tag melda-jupyter-unfinished:labelled-" in call)
    assert "--label io.melda.omitted=bspm: no answer; r2u: no answer " in labelling
    assert "--label io.melda.support-ends=2028-06-30 " in labelling
    *of_base, second = (call for call in output if "--progress=plain" in call)
    for call in of_base:
        assert "--build-arg BASE=base:1 " in call and " --build-arg PROVISION_DATA=strict=true " in call
        assert " --build-arg username=melda " in call
    assert [call.partition(" --target ")[2].split(" ")[0] for call in of_base] == ["tools", "system", ""]
    assert "--build-arg PROVISION_DATA=packages=core strict=true" in second


def test_two_builds_with_one_process_number_have_names_of_their_own(engine: Path) -> None:
    """In containers of CI that share an engine each build may be process 1."""
    (engine / "fails").write_text("nothing fails")
    with image.temporary(str(engine / "docker"), "raw") as one, image.temporary(str(engine / "docker"), "raw") as two:
        assert one != two and one[0].startswith("melda-jupyter-unfinished:raw-")


@pytest.mark.parametrize("knows", [True, False])
def test_only_the_final_image_knows_what_it_is(monkeypatch: pytest.MonkeyPatch, knows: bool) -> None:
    """The base built again is the same, file by file."""
    seen: list[str] = []
    monkeypatch.setattr(image.client, "inspect", lambda *_: {"Created": WHEN})
    monkeypatch.setattr(image, "notes", lambda *_: {})

    def call(_: str, *arguments: str) -> str:
        if arguments[0] == "build":
            seen.append((Path(arguments[-1]) / "Dockerfile").read_text())
        return ""

    monkeypatch.setattr(image.client, "call", call)
    image.label("docker", "raw:1", "melda:1", "debian:bookworm", knows)
    copied = "COPY image.json /usr/local/share/melda-jupyter/image.json\n"
    assert seen == ["FROM raw:1\n" + (copied if knows else "")]


def test_the_image_begins_below_the_runtime(engine: Path) -> None:
    """Else one changed line of the runtime, in the base, would make all packages new."""
    (engine / "fails").write_text("nothing fails")
    image.build(
        str(engine / "docker"), "debian:bookworm", "base:1", Settings(image="melda:1", packages="core", strict=True)
    )
    builds = [call.split() for call in calls(engine) if "--progress=plain" in call]
    tag_of = {call[call.index("--target") + 1]: call[call.index("--tag") + 1] for call in builds if "--target" in call}
    assert f"BASE_IMAGE={tag_of['system']}" in builds[-1] and f"TOOLS={tag_of['tools']}" in builds[-1]


@pytest.mark.parametrize(
    "fails", ["Dockerfile.base", "packages=core", "create ", "cp ", "--quiet", "tag melda-jupyter-unfinished"]
)
def test_a_build_that_fails_anywhere_names_nothing(engine: Path, fails: str) -> None:
    (engine / "fails").write_text(fails)
    with pytest.raises(BuildError):
        image.build(str(engine / "docker"), "debian:bookworm", "base:1", Settings(image="melda:1", packages="core"))
    assert not [call for call in calls(engine) if call.endswith(" melda:1")]
    assert [call for call in calls(engine) if call.startswith("image rm --force melda-jupyter-unfinished:")]


def test_the_connector_removes_its_container_and_commits_nothing_when_pyinfra_fails(
    engine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (engine / "fails").write_text("nothing fails")
    (engine / "pyinfra").write_text("#!/bin/sh\nexit 1\n")
    (engine / "pyinfra").chmod(0o755)
    monkeypatch.setattr("sys.executable", str(engine / "python"))
    with pytest.raises(BuildError, match="^provisioning failed: the line that says why is above; no image was made$"):
        connector.build(str(engine / "docker"), "debian:bookworm", "base:1", Settings(image="melda:1", packages="core"))
    assert [call.split()[0] for call in calls(engine)] == ["run", "rm"]
    assert "--entrypoint  base:1 tail -f" in calls(engine)[0], "it has none, whatever the base has"


def test_instructions_of_a_dockerfile() -> None:
    text = (
        '# ENV no=1\nARG BASE\nFROM x\nENV a=1 \\\n    b=2\nRUN true \\\n    ENV\nWORKDIR /w\nEXPOSE 1 2\nCMD ["x"]\n'
    )
    assert connector.instructions(text, {}) == ["ENV a=1 b=2", "WORKDIR /w", "EXPOSE 1 2", 'CMD ["x"]']


def test_no_entry_point_of_the_base_runs_our_command() -> None:
    """On a base with one, `start-jupyter` was its argument: nothing started, and some ended with 0."""
    assert '\nENTRYPOINT []\nCMD ["start-jupyter"]\n' in (image.ROOT / "Dockerfile.base").read_text()


def test_instructions_follow_the_build_arguments() -> None:
    text = "ARG home=/home/x\nARG name=x\nENV home=${home} name=${name}:${other}\nWORKDIR ${home}/w\n"
    assert connector.instructions(text, {"name": "jo"}) == ["ENV home=/home/x name=jo:${other}", "WORKDIR /home/x/w"]


@pytest.mark.parametrize(
    ("remote", "source"),
    [
        ("https://example.org/team/melda.git", "https://example.org/team/melda"),
        ("git@example.org:team/melda.git", "https://example.org/team/melda"),
        ("ssh://git@example.org/team/melda", "https://example.org/team/melda"),
        ("https://user:password@example.org/team/melda", ""),
        ("/srv/git/melda", ""),
        ("../melda", ""),
        ("", ""),
    ],
)
def test_the_source_is_what_a_browser_opens(remote: str, source: str) -> None:
    assert image.source(remote) == source


@pytest.mark.parametrize(
    ("script", "why"),
    [
        (None, "git: No such file or directory"),
        ("echo \"fatal: detected dubious ownership in repository at '/x'\" >&2; echo more >&2; exit 128",
         "detected dubious ownership in repository at '/x'"),
        ("exit 1", "git says nothing"),
    ],
)  # fmt: skip
def test_why_no_commit_is_named_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], script: str | None, why: str
) -> None:
    if script:
        (tmp_path / "git").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert (image.revision(), image.remote()) == ("", "")
    image.tell_revision()
    assert capsys.readouterr().out == f"NOTE: the image names no commit: {why}\n"


def test_a_commit_that_is_named_is_not_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(image, "_git", lambda *_: ("a" * 40, ""))
    image.tell_revision()
    assert capsys.readouterr().out == ""
