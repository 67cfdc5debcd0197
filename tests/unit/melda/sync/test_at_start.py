"""What the bucket held at the start is asked for once, and believed for as long as nobody can have changed it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from melda.base.errors import ConfigError
from melda.config.bucket import Bucket
from melda.mount import listing, s3
from melda.plugins import image_record, state
from melda.sync import at_start, image_change, service
from melda.sync.at_start import AtStart
from melda.sync.image_change import Moving
from melda.sync.in_bucket import store
from melda.sync.on_disk import tree
from melda.sync.upgrade_plan import Project

from tests.unit.melda.sync.folders import NAME

STATE = "users/ada/.melda-jupyter/"
ENTRY = "<Contents><Key>{0}</Key><LastModified>2026-11-26T10:00:00.000Z</LastModified><Size>7</Size></Contents>"
AT = 1795687200.0


class S3:
    """Answers lists, a page of two keys each."""

    def __init__(self, *names: str) -> None:
        self.keys, self.asked, self.error = sorted(STATE + name for name in names), list[str](), False

    def request(self, _: Bucket, __: str, key: str = "", query: str = "", **___: Any) -> s3.Response:
        self.asked.append(query)
        if self.error:
            raise ConfigError("no ListBucket")
        after = query.partition("start-after=")[2]
        left = [key for key in self.keys if key > after.replace("%2F", "/")]
        body = "".join(map(ENTRY.format, left[:2])) + f"<IsTruncated>{str(len(left) > 2).lower()}</IsTruncated>"
        return s3.Response(200, {}, body.encode())


@pytest.fixture
def noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, project: Bucket) -> Any:
    """``noted(there, s3)``: what a sync daemon reads of it."""
    monkeypatch.setattr(state, "ASKED", str(tmp_path / "asked"))
    monkeypatch.setattr(at_start, "RUN", str(tmp_path))
    path = tmp_path / "at-start.json"

    def run(there: set[str] | None, server: S3) -> AtStart | None:
        monkeypatch.setattr(s3, "request", server.request)
        path.write_text('{"modified": {"of another start": 1}}')
        Path(state.ASKED).unlink(missing_ok=True)
        at_start.note(project, there, [NAME], str(path))
        return at_start.read(str(path))

    return run


def test_all_of_it_in_one_list(noted: Any) -> None:
    server = S3("", NAME + "/")
    assert noted({".melda-jupyter/"}, server) == AtStart({NAME + "/": AT}, (NAME,))
    assert len(server.asked) == 1
    server = S3("", "apt.json", NAME + "/", NAME + "/0.json", NAME + "/1.json")
    known = noted({".melda-jupyter/", "data/"}, server)
    assert known and (known.names(), known.names(NAME)) == ([NAME, "apt.json"], ["0.json", "1.json"])
    assert known.names("R-4.2.2") == [] and known.holds("apt.json") and not known.holds("image.json")
    assert len(server.asked) == 3, "a page each"


def test_a_new_project_is_not_even_asked(noted: Any) -> None:
    server = S3()
    assert noted(set(), server) == AtStart({}, (NAME,)) and server.asked == []


@pytest.mark.parametrize("there", [None, {".melda-jupyter"}, {".melda-jupyter_$folder$", ".melda-jupyter/"}])
def test_what_is_something_else_s3fs_decides(noted: Any, there: set[str] | None) -> None:
    assert noted(there, S3("")) is None, "nor does it believe another start"


@pytest.mark.parametrize("ending", ["", "_$folder$"])
def test_a_link_in_the_place_of_a_folder_is_looked_at(ending: str) -> None:
    assert AtStart({NAME + ending: AT, NAME + "/0.json": AT}).names(NAME) is None


def test_more_than_one_reads_or_no_answer_is_not_known(noted: Any) -> None:
    assert noted({".melda-jupyter/"}, S3("", *(f"{number:03}" for number in range(9)))) is None
    server = S3("")
    server.error = True
    assert noted({".melda-jupyter/"}, server) is None


def test_it_is_believed_once_and_not_for_long(noted: Any, tmp_path: Path) -> None:
    path = str(tmp_path / "at-start.json")
    assert noted(set(), S3()) is not None
    assert at_start.read(path) is None, "a sync daemon was killed: it may have changed something"
    for asked in (-11.0, 1e12):
        Path(state.ASKED).unlink()
        found = json.loads(Path(path).read_text())
        Path(path).write_text(json.dumps({**found, "asked": at_start.time.monotonic() + asked}))
        assert at_start.read(path) is None
    Path(state.ASKED).unlink()
    Path(path).write_text("[]")
    assert at_start.read(path) is None


def test_the_sizes_of_objects(project: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "request", S3("a", "b", "c").request)
    assert [one[1:] for one in listing.objects(project, STATE, 9)] == 3 * [(7, AT)]
    assert len(list(listing.objects(project, STATE, 1))) == 2


def test_names_are_taken_for_one_look(tmp_path: Path) -> None:
    kept = store.Store(str(tmp_path / NAME))
    kept.expect(["0123456789abcdef.json"])
    assert kept.generations() == ({}, ["0123456789abcdef"]), "it is gone by now"
    assert kept.generations() == ({}, [])
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / NAME).symlink_to("elsewhere")
    assert kept.generations() == ({}, []) and kept.link == str(tmp_path / NAME)


def refuse(*_: object) -> list[str]:
    raise AssertionError("s3fs is asked")


def test_nothing_is_due_without_a_question(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = AtStart({"Python-3.10.0/x.json": AT, "environment.R-4.1.0.json": AT})
    project = Project(str(tmp_path), str(tmp_path / "local"), print, known)
    monkeypatch.setattr("melda.sync.upgrade_record.read", refuse)
    listed, local = tree.listed, str(tmp_path / "local")
    monkeypatch.setattr(tree, "listed", lambda path: listed(path) if path.startswith(local) else refuse())
    due = project.due([NAME, "R-4.2.2"])
    assert [one[:2] for one in due] == [(NAME, "Python-3.10.0"), ("R-4.2.2", "R-4.1.0")]
    with pytest.raises(AssertionError):
        project.due([NAME])  # from then on it is asked


@pytest.mark.parametrize(
    ("modified", "last", "settled"),
    [
        ({}, None, True),
        ({"image.json": AT}, "3.11.2", True),
        ({"image.json": AT}, "3.11.1", False),  # of the image before it may be a snapshot
        ({"environment.json": AT}, None, False),
        ({"image.json": AT, "upgrade.json": AT}, "3.11.2", False),
        ({"Python-3.10.0/x.json": AT}, None, False),
        (None, "3.11.2", False),
    ],
)
def test_what_need_not_be_looked_at_again(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    modified: dict[str, float] | None,
    last: str | None,
    settled: bool,
) -> None:
    monkeypatch.setattr(state, "SETTLED", str(tmp_path / "settled"))
    monkeypatch.setattr(state, "IMAGE", str(tmp_path / "image"))
    monkeypatch.setattr(image_change.environ, "load", dict)
    monkeypatch.setattr(image_change.environ, "image_layout", lambda _: "place")
    monkeypatch.setattr(image_change.set_paths, "plugins", lambda _: (str(tmp_path / NAME), ""))
    monkeypatch.setattr(image_change.snapshot_check, "stamp", lambda _: "")
    monkeypatch.setattr(image_change.image_record, "here", lambda _: image_record.Image(python="3.11.2"))
    if last:
        image_record.write(str(tmp_path), image_record.Image(python=last))
    one = Moving(str(tmp_path), str(tmp_path / "local"), print, {}, None if modified is None else AtStart(modified))
    monkeypatch.setattr(Project, "take_over", lambda *_: image_change.Taken(0, None))  # type: ignore[arg-type]
    one.take_over()
    one.record()
    assert Path(state.SETTLED).exists() is settled
    recorded = image_record.read(str(tmp_path)).last
    assert recorded and recorded.python == "3.11.2"


def test_the_folders_of_what_is_saved_are_asked_for_only_where_something_is(monkeypatch: pytest.MonkeyPatch) -> None:
    known: list[AtStart | None] = [AtStart({"R-4.2.2/a.json": AT, "Python-3.11.2/": AT}), None]
    monkeypatch.setattr(at_start, "look", lambda: known.pop(0))
    names = ["Python-3.11.2", "R-4.2.2"]
    assert service._filled(names) == [".melda-jupyter", ".melda-jupyter/R-4.2.2"]
    assert service._filled(names) == [".melda-jupyter", *(f".melda-jupyter/{name}" for name in names)]
