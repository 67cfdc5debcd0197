"""R packages: which way each is had, in which order, and what is fetched looked at before anything of it runs."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from melda.envs.capture.r import description, source
from melda.envs.errors import PackageUnavailable, UsageError
from melda.envs.restore import bspm, nearest, plan, r, repositories, sources
from melda.envs.restore.progress import Progress
from melda.envs.restore.repositories import Mirrors

from tests.fakes import cran_repository
from tests.fakes.serve import Server

AT = Mirrors("https://cran.example", "https://bioconductor.example", "3.16")
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def entry(name: str, version: str = "1.0", kind: str = "cran", **fields: Any) -> dict[str, Any]:
    remote = {key: fields.pop(key) for key in ("owner", "repository", "commit", "ref", "url", "host") if key in fields}
    return {"name": name, "version": version, "source": {"type": kind, **remote}, **fields}


def test_ways() -> None:
    in_apt = {"zoo": "1.8-11", "xts": "0.13", "cat": "1.0"}
    copy = {"name": "x.tar.gz", "sha256": "sha256:" + "0" * 64}
    found = r.ways(
        [
            entry("zoo", "1.8.11"),
            entry("xts", "0.12"),
            entry("cat", kind="github"),
            entry("own", kind="local", file=copy),
        ],
        in_apt,
    )
    assert [[one["name"] for one in way] for way in found] == [["zoo"], ["own"], ["xts", "cat"]]


@given(st.dictionaries(st.sampled_from("abcdefgh"), st.sets(st.sampled_from("abcdefgh"))))
def test_what_is_needed_comes_first_where_there_is_no_circle(needs: dict[str, set[str]]) -> None:
    acyclic = {name: {one for one in some if one < name} for name, some in needs.items()}
    found = [one["name"] for one in r.ordered([entry(name) for name in acyclic], acyclic)]
    assert sorted(found) == sorted(acyclic)
    for name, some in acyclic.items():
        assert all(found.index(one) < found.index(name) for one in some & acyclic.keys())
    circle = [one["name"] for one in r.ordered([entry(name) for name in needs], needs)]
    assert sorted(circle) == sorted(needs)


def test_what_busctl_shows() -> None:
    assert bspm.answer('Get:1 x\nas 2 "zoo;1.8-11;Debian" "a b"\n') == ["zoo;1.8-11;Debian", "a b"]
    assert bspm.answer("as 0\n") == []
    assert bspm.answer('as 1 "partial\nE: no\n') == []


def test_addresses() -> None:
    assert [url for url, _ in repositories.places(entry("zoo"), AT._replace(release=""))] == [
        "https://cran.example/src/contrib/zoo_1.0.tar.gz", "https://cran.example/src/contrib/Archive/zoo/zoo_1.0.tar.gz",
    ]  # fmt: skip
    assert "https://bioconductor.example/packages/3.16/bioc/src/contrib/limma_1.0.tar.gz" in [
        url for url, _ in repositories.places(entry("limma", kind="bioconductor"), AT)
    ]
    hosted = entry("cat", kind="github", owner="ada", repository="cat", commit=COMMIT)
    assert repositories.places(hosted, AT) == [(f"https://api.github.com/repos/ada/cat/tarball/{COMMIT}", False)]
    within = entry("cat", kind="gitlab", owner="ada/team", repository="cat", ref="v1/x")  # of a group within a group
    assert repositories.places(within, AT)[0][0].endswith(
        "/api/v4/projects/ada%2Fteam%2Fcat/repository/archive.tar.gz?sha=v1%2Fx"
    )
    enterprise = entry(
        "cat", kind="github", owner="ada", repository="cat", commit=COMMIT, host="git.example.org/api/v3"
    )
    assert repositories.places(enterprise, AT)[0][0] == f"https://git.example.org/api/v3/repos/ada/cat/tarball/{COMMIT}"


@pytest.mark.parametrize(
    "bad",
    [
        entry("cat", kind="local"),
        entry("cat", kind="github", owner="ada", repository="cat", commit=COMMIT, host="169.254.169.254"),
        entry("cat", kind="url", url="http://example.org/x"), entry("cat", kind="url", url="https://localhost/x"),
    ],
)  # fmt: skip
def test_what_has_no_address(bad: dict[str, Any]) -> None:
    with pytest.raises((UsageError, PackageUnavailable)):
        repositories.places(bad, AT)


def tarball(path: Path, *members: tuple[str, bytes | str]) -> str:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            if isinstance(content, str):
                member.type, member.linkname = tarfile.SYMTYPE, content
                archive.addfile(member)
            else:
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    return str(path)


@pytest.mark.parametrize("name", ["../evil", "/tmp/evil", "a/../../evil"])
def test_nothing_is_unpacked_elsewhere(tmp_path: Path, name: str) -> None:
    with pytest.raises(PackageUnavailable, match="would unpack"):
        sources.unpack(tarball(tmp_path / "x.tar.gz", (name, b"x")), str(tmp_path / "in"))
    assert not (tmp_path / "evil").exists()


def test_links_are_left_out_and_one_folder_is_what_a_source_has(tmp_path: Path) -> None:
    archive = tarball(
        tmp_path / "x.tar.gz", ("pkg/DESCRIPTION", b"Package: pkg\nVersion: 1.0\n"), ("pkg/link", "/etc/passwd")
    )
    top = sources.unpack(archive, str(tmp_path / "in"))
    assert sorted(path.name for path in Path(top).iterdir()) == ["DESCRIPTION"]
    assert sources.fields(top, entry("pkg"))["Version"] == "1.0"
    with pytest.raises(PackageUnavailable, match=r"pkg 1\.0"):
        sources.fields(top, entry("pkg", "2.0"))
    for bad in (b"", b"no archive"):
        (tmp_path / "bad").write_bytes(bad)
        with pytest.raises(PackageUnavailable):
            sources.unpack(str(tmp_path / "bad"), str(tmp_path / "in2"))


def test_current_and_archived_sources_of_a_repository(tmp_path: Path) -> None:
    root = tmp_path / "cran"
    contrib = cran_repository.build(root)
    cran_repository.archive(contrib, cran_repository.write_source(tmp_path, "meldapure", "0.9.0"))
    with Server(root) as server:
        at = Mirrors(server.url, server.url, "3.16")
        for number, version in enumerate(("1.0.0", "0.9.0")):
            folder = tmp_path / str(number)
            folder.mkdir()
            top, fields = sources.get(entry("meldapure", version), at, str(folder), {})
            assert (Path(top).name, fields["Version"], fields["Repository"]) == ("meldapure", version, "CRAN")
        assert repositories.versions("meldapure", at) == ["0.9.0", "1.0.0"]
        (tmp_path / "none").mkdir()
        with pytest.raises(PackageUnavailable, match="answers 404"):
            sources.get(entry("meldapure", "7.0"), at, str(tmp_path / "none"), {})
        with pytest.raises(PackageUnavailable):
            sources.fetch(server.url.replace("127.0.0.1", "localhost") + "/x", str(tmp_path / "x"), trusted=False)


def test_remotes_own_notes_are_written_and_read_again(tmp_path: Path) -> None:
    (tmp_path / "DESCRIPTION").write_text("Package: x\nVersion: 1.0\nTitle: a\n  b\n\n")
    given_source = {"type": "github", "host": "api.github.com", "owner": "ada", "repository": "x", "commit": COMMIT}
    sources.note_remote(str(tmp_path), given_source)
    fields = description((tmp_path / "DESCRIPTION").read_text())
    assert fields["Title"] == "a b" and source(fields) == given_source


@pytest.mark.parametrize(
    ("wanted", "there", "found"),
    [
        ("1.5", ["1.0", "1.4", "2.0"], "1.4"),
        ("0.5", ["1.0", "2.0"], "1.0"),
        ("1.10", ["1.9", "1.2"], "1.9"),
        ("1", [], ""),
    ],
)
def test_the_nearest_version(wanted: str, there: list[str], found: str) -> None:
    assert nearest.of_python(wanted, there) == nearest.of_r(wanted, there) == found


def test_why_r_gave_up() -> None:
    output = (
        "* installing\ncc x.c\nx.c:1: error: no\nmake: *** [x.o] Error 1\nERROR: compilation failed for package 'x'\n"
    )
    assert r.why(output) == "R CMD INSTALL: x.c:1: error: no"


def test_what_will_be_done_is_said_beforehand() -> None:
    found = [entry("a", compiled=True), entry("b", compiled=False), entry("c")]
    lines = plan.lines(plan.Plan([], found, [], [entry("extra")], 3), [], found, False)
    assert lines[0] == "3 packages are there already"
    assert lines[1] == "3 R packages from source: a 1.0, b 1.0, c 1.0"
    assert lines[2].startswith("2 of them have, or may have, code to be compiled on ") and "20 s to 5 min" in lines[2]
    assert "left alone" in lines[3] and "extra 1.0" in lines[3]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_on_a_terminal_and_lines_anywhere_else() -> None:
    for stream, bar in ((Terminal(), True), (io.StringIO(), False)):
        progress = Progress(stream)
        progress.start(2)
        progress.doing("one\x1b[31m")
        progress.done()
        progress.say("stays")
        progress.doing("a compiler's line", line=False)
        progress.end()
        text = stream.getvalue()
        assert ("1/2" in text) is bar and ("\r" in text) is bar
        assert "stays\n" in text and "\x1b[31m" not in text
        assert bar or "a compiler's line" not in text


def test_only_what_notebooks_use() -> None:
    document = {
        "python": {"version": "3", "packages": [entry("zebra"), entry("yak")]},
        "r": {"version": "4", "packages": [entry("zoo"), entry("xts")]},
        "kernels": [
            {"notebook": "a", "language": "r", "asked": True, "attached": ["zoo"], "loaded": ["stats"]},
            {"notebook": "b", "language": "python", "asked": True, "attached": [], "loaded": ["yak"]},
            {"notebook": "c", "language": "r", "asked": False},
        ],
    }
    found = plan.attached(document, "x")
    assert [[one["name"] for one in found[kind]["packages"]] for kind in ("python", "r")] == [["yak"], ["zoo"]]
    with pytest.raises(UsageError, match="capture --attached"):
        plan.attached({"python": {}, "r": {}}, "x")
