"""R packages without a version, and in conda's spelling; what is not there is known before anything is fetched."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import pytest
from melda.envs.errors import PackageUnavailable
from melda.envs.restore import git, r_settle, repositories, sources

COMMIT = "0123456789abcdef0123456789abcdef01234567"
AT = repositories.Mirrors("https://cran.example", "https://bioconductor.example", "3.16")


def entry(name: str, version: str = "", kind: str = "cran") -> dict[str, Any]:
    return {"name": name, "version": version, "source": {"type": kind}}


def known(**current: str) -> r_settle.Known:
    return r_settle.Known({"dplyr": "1.1.0", "methods": "4.2.2"}, {"rcpp": "1.0.10", "zoo": "1.8-11"}, lambda: current)


def test_a_package_without_a_version_gets_the_one_that_is_there_or_can_be_had() -> None:
    wanted = [entry("dplyr"), entry("zoo"), entry("xts"), entry("limma", kind="bioconductor"), entry("nowhere")]
    found, failures = r_settle.settle(
        wanted, {"zoo": [(">=", "1.8-12")]}, known(xts="0.13", zoo="1.8-12", limma="3.54.0")
    )
    assert {one["name"]: one["version"] for one in found} == {
        "dplyr": "1.1.0", "zoo": "1.8-12", "xts": "0.13", "limma": "3.54.0"
    }  # fmt: skip
    assert failures.keys() == {"nowhere"}


def test_what_is_too_low_everywhere_is_told() -> None:
    found, failures = r_settle.settle([entry("zoo")], {"zoo": [(">=", "2.0")]}, known(zoo="1.9"))
    assert found == [] and failures["zoo"].endswith("in a version >= 2.0")


@pytest.mark.parametrize(
    ("limits", "version"),
    [
        ([("<", "1.1")], "1.0.10"), ([("<=", "1.1.0")], "1.1.0"), ([("<", "1.1"), ("!=", "1.0.10")], "1.0.9"),
        ([("!=", "1.1.0")], "1.2"), ([("!=", "1.1.*")], "1.2"), ([("!=", "1.1.*"), ("<", "1.2")], "1.0.10"),
        ([(">", "1.1.0")], "1.2"), ([("=", "1.0"), ("!=", "1.0.10")], "1.0.9"), ([("<", "0.1")], ""),
        ([(">=", "1.0"), ("<", "1.1")], "1.0.10"), ([("!=", "1.0.9")], "1.1.0"),
    ],
)  # fmt: skip
def test_limits_of_each_kind(limits: list[tuple[str, str]], version: str) -> None:
    here = r_settle.Known({"dplyr": "1.1.0"}, {}, lambda: {"dplyr": "1.2"}, lambda _: ["0.8", "1.0.9", "1.0.10"])
    found, failures = r_settle.settle([entry("dplyr")], {"dplyr": limits}, here)
    assert [one["version"] for one in found] == [version][: bool(version)]
    assert failures == {} if version else failures["dplyr"].endswith("in a version < 0.1")


def test_a_version_that_the_same_file_does_not_allow_is_told() -> None:
    found, failures = r_settle.settle([entry("dplyr", "1.1.0")], {"dplyr": [("<", "1.1")]}, known())
    assert found == [] and failures == {"dplyr": "1.1.0 is no version < 1.1"}


def test_an_r_that_the_file_does_not_allow() -> None:
    assert r_settle.other_r([(">=", "3.5"), ("<", "4.0")], "4.2.2").endswith(
        "R 4.2.2, and the file needs >= 3.5, < 4.0"
    )
    assert not r_settle.other_r([(">=", "3.5")], "4.2.2") and not r_settle.other_r([("=", "4.2")], "4.2.2")
    assert not r_settle.other_r([("<", "4.0")], "")


def test_a_version_that_only_begins_so() -> None:
    everywhere = {"ggplot2": ["3.3.6", "3.4.0", "3.4.4", "3.40.0"], "xts": ["0.13", "0.13.2"], "sf": ["0.9"]}
    there = r_settle.Known({"dplyr": "1.1.3"}, {"zoo": "1.8-11"}, dict, lambda name: everywhere.get(name, ()))
    begins = {"ggplot2": "3.4", "xts": "0.13", "sf": "1", "dplyr": "1", "zoo": "1.8"}
    found, failures = r_settle.settle(
        [entry(one) for one in begins], {name: [("=", one)] for name, one in begins.items()}, there
    )
    assert {one["name"]: one["version"] for one in found} == {
        "ggplot2": "3.4.4", "xts": "0.13", "dplyr": "1.1.3", "zoo": "1.8-11"
    }  # fmt: skip
    assert "in a version 1.*" in failures["sf"]


def test_condas_spelling_becomes_rs() -> None:
    found, _ = r_settle.settle([entry("rcpp", "1.0.9"), entry("dplyr", "1.0")], {}, known(Rcpp="1.0.12"))
    assert [(one["name"], one["version"]) for one in found] == [("Rcpp", "1.0.9"), ("dplyr", "1.0")]


def test_what_has_its_version_or_is_of_a_commit_is_left_alone() -> None:
    wanted = [entry("Rcpp", "1.0.9"), {"name": "cat", "version": "", "source": {"type": "github"}}]
    assert r_settle.settle(wanted, {}, known()) == (wanted, {})


def test_all_addresses_that_were_tried_are_in_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def nothing(url: str, trusted: bool, watching: object, method: str) -> None:
        asked.append(f"{method} {url}")
        raise OSError("no network")

    monkeypatch.setattr(sources, "_open", nothing)
    wanted = entry("pkg", "1.0")
    wanted["source"]["repository"] = "https://lab.r-universe.example"
    (reason,) = r_settle.missing([wanted], AT, {}).values()
    assert all(url in reason for url, _ in repositories.places(wanted, AT))
    assert "asked only with --allow-repositories" in reason
    assert asked == [  # a host that does not answer is asked once
        "HEAD https://cran.example/src/contrib/pkg_1.0.tar.gz",
        "HEAD https://bioconductor.example/packages/3.16/bioc/src/contrib/pkg_1.0.tar.gz",
    ]


def test_git_that_is_not_there_is_known_beforehand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git.shutil, "which", lambda name: None)
    source = {"type": "git", "url": "ssh://git.example.org/a/b", "commit": COMMIT}
    (reason,) = r_settle.missing([{"name": "b", "version": "1.0", "source": source}], AT, {}).values()
    assert "git is not there" in reason
    with pytest.raises(PackageUnavailable, match="is not in the web"):
        sources.look({"name": "b", "version": "1.0", "source": {"type": "git", "url": "https://127.0.0.1/b"}}, AT, {})


@pytest.mark.parametrize(("comment", "noted"), [(COMMIT, COMMIT), ("no commit", ""), ("", "")])
def test_the_commit_of_a_branch_is_read_from_its_archive(tmp_path: Path, comment: str, noted: str) -> None:
    path = str(tmp_path / "main.tar.gz")
    headers = {"comment": comment} if comment else {}
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT, pax_headers=headers) as archive:
        member = tarfile.TarInfo("x/setup.py")
        member.size = 1
        archive.addfile(member, io.BytesIO(b"x"))
    source = {"type": "vcs", "ref": "main"}
    git.note_commit(source, path)
    assert source.get("commit", "") == noted
    (tmp_path / "damaged").write_bytes(Path(path).read_bytes()[:40])
    git.note_commit(source, str(tmp_path / "damaged"))
