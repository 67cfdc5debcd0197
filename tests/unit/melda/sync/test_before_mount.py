"""Folders of ours are made before the mount, where one is missing; nothing of somebody else's is touched."""

from __future__ import annotations

import re
from typing import Any

import pytest
from melda.config.bucket import Bucket
from melda.config.environ import Settings
from melda.mount import s3
from melda.sync import before_mount

OURS = [".melda-jupyter", "Python-3.11.2", "R-4.2.2"]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch, settings: Settings, project: Bucket) -> Any:
    """``made(names)``: which folders are made in a project that has these names."""

    def run(there: set[str] | None) -> list[str]:
        keys: list[str] = []
        monkeypatch.setattr(before_mount.s3, "make_folder", lambda _, key: keys.append(key))
        monkeypatch.setattr(before_mount.service, "names", lambda _: OURS[1:])
        before_mount.make_folders(project, settings, there)
        return keys

    return run


def test_a_new_project_gets_all(made: Any) -> None:
    saved = [f".melda-jupyter/{name}" for name in OURS[1:]]
    assert made(set()) == [f"users/ada/{name}/" for name in OURS + saved]
    assert made({".melda-jupyter/"}) == [f"users/ada/{name}/" for name in OURS[1:]]


@pytest.mark.parametrize("ending", ["", "/", "_$folder$"])
def test_what_is_there_in_whatever_form_is_left_alone(made: Any, ending: str) -> None:
    there = {"Python-3.11.2" + ending, "R-4.2.2.old/", ".melda-jupyter" + ending}
    assert made(there) == ["users/ada/R-4.2.2/"]


def test_too_many_names_to_know(made: Any) -> None:
    assert made(None) == []


def test_the_fork_comes_after(monkeypatch: pytest.MonkeyPatch, project: Bucket, settings: Settings) -> None:
    done: list[str] = []
    monkeypatch.setattr(before_mount, "make_folders", lambda *_: done.append("folders"))
    monkeypatch.setattr(before_mount.at_start, "note", lambda *_: done.append("note"))
    monkeypatch.setattr(before_mount.fork_of, "fetch", lambda *_: done.append("fork"))
    monkeypatch.setattr(before_mount.server_side_copies, "watch", lambda *_: done.append("copies"))
    before_mount.prepare(project, settings, None, set())  # type: ignore[arg-type]
    assert done == ["folders", "note", "fork", "copies"]


ANSWER = b"""<ListBucketResult><IsTruncated>false</IsTruncated><Prefix>users%2Fada%2F</Prefix>
<Contents><Key>users/ada/</Key></Contents><Contents><Key>users/ada/a%20b.ipynb</Key></Contents>
<CommonPrefixes>
  <Prefix>users/ada/Python-3.11.2/</Prefix></CommonPrefixes></ListBucketResult>"""


def test_names_below_a_folder(monkeypatch: pytest.MonkeyPatch, project: Bucket) -> None:
    asked: list[str] = []

    def answer(_: Bucket, __: str, key: str = "", query: str = "") -> s3.Response:
        asked.append(query)
        return s3.Response(200, {}, ANSWER.replace(b"false", asked[1:] and b"true" or b"false"))

    monkeypatch.setattr(s3, "request", answer)
    assert s3.prepare(project) == (project, {"a b.ipynb", "Python-3.11.2/"})
    names = re.findall(r"([a-z-]+)=", asked[0])
    assert names == sorted(names), "as it is signed"
    assert s3.prepare(project) == (project, None)
