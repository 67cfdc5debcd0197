"""What another Python or R had is found, and taken over as it is by a patch release; killed anywhere, it is done again."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from melda.plugins import image_record
from melda.plugins.image_record import Image
from melda.sync import upgrade_plan, upgrade_record
from melda.sync.on_disk import distributions, tree
from melda.sync.synced_dir import SyncedDir
from melda.sync.upgrade_plan import Due, Project
from melda.sync.upgrade_record import PACKAGES, WHOLE, Carried, Failure

from tests.unit.melda.sync.folders import NAME, SITE, install

from .folders import into

NEXT, OTHER = "Python-3.11.9", "Python-3.13.5"


class Kept:
    """A project in a bucket, or a local folder, and the folders of its Pythons."""

    def __init__(self, root: Path, bucket: bool) -> None:
        self.workdir, self.local = root / "project", root / "local"
        (self.workdir / ".melda-jupyter").mkdir(parents=True)
        self.bucket = bucket
        self.told: list[str] = []

    def root(self, name: str) -> Path:
        found = (self.local if self.bucket else self.workdir) / name
        found.mkdir(parents=True, exist_ok=True)
        return found

    def add(self, name: str, package: str, version: str, more: tuple[str, ...] = (), tool: str = "") -> None:
        """A container of that Python installs a package; the bucket has it afterwards."""
        root = self.root(name)
        synced = SyncedDir(name, str(self.local), str(self.workdir / ".melda-jupyter"), into(self.told), str)
        if self.bucket:
            synced.restore()
        install(root, package, version)
        program = root / "bin" / package
        program.write_text(f"#!{self.workdir}/{name}/bin/python\nimport {package}\n")
        program.chmod(0o755)
        spec = root / "share/jupyter/kernels" / package / "kernel.json"
        spec.parent.mkdir(parents=True)
        spec.write_text(json.dumps({"argv": [f"{self.workdir}/{name}/bin/python"]}))
        for path in more:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text("mine")
        if tool:
            (root / "bin" / tool).symlink_to(f"{self.workdir}/{name}/share/uv/tools/{tool}/bin/{tool}")
        if self.bucket:
            assert synced.flush("", 1e6) == ""
            shutil.rmtree(self.local)

    @property
    def project(self) -> Project:
        return Project(str(self.workdir), str(self.local) if self.bucket else "", into(self.told))

    def versions(self, name: str) -> list[str]:
        return sorted(path.name for path in (self.root(name) / SITE).glob("*.dist-info"))


@pytest.fixture(params=[True, False], ids=["bucket", "local"])
def kept(tmp_path: Path, request: pytest.FixtureRequest) -> Kept:
    return Kept(tmp_path, request.param)


def test_nothing_to_do_in_a_new_project(kept: Kept) -> None:
    kept.root(NEXT)
    assert kept.project.due([NEXT, "R-4.2.2"]) == []


def test_each_list_of_the_bucket_is_asked_for_once(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is a request or more."""
    asked: list[str] = []
    listed = tree.listed
    monkeypatch.setattr(tree, "listed", lambda path: asked.append(path) or listed(path))
    kept.root(NEXT)
    project = kept.project
    for _ in range(2):
        assert project.due([NEXT, "R-4.2.2"]) == []
    ours = str(kept.workdir / ".melda-jupyter")
    assert asked.count(ours) == 2, "once each time: somebody may have written something meanwhile"
    assert len([path for path in asked if path.startswith(ours + "/")]) == (4 if kept.bucket else 0)


def test_a_patch_release_takes_all_over(kept: Kept) -> None:
    kept.add(NAME, "zebra", "1.0")
    kept.root(NEXT)
    assert kept.project.due([NEXT]) == [Due(NEXT, NAME, WHOLE)]
    assert kept.project.take_over(Due(NEXT, NAME, WHOLE)).entries == 4
    assert kept.versions(NEXT) == ["zebra-1.0.dist-info"]
    program = kept.root(NEXT) / "bin" / "zebra"
    assert program.read_text() == f"#!{kept.workdir}/{NEXT}/bin/python\nimport zebra\n"
    assert os.access(program, os.X_OK)
    spec = kept.root(NEXT) / "share/jupyter/kernels/zebra/kernel.json"
    assert json.loads(spec.read_text()) == {"argv": [f"{kept.workdir}/{NEXT}/bin/python"]}
    mark = kept.project.mark(NAME)
    assert mark and upgrade_record.read(str(kept.workdir)) == {
        NEXT: Carried(NAME, WHOLE, done=True, mark=mark, had=("zebra",))
    }
    assert not list(kept.workdir.rglob(upgrade_plan.WORK)) and not list(kept.local.rglob(upgrade_plan.WORK))
    assert kept.project.due([NEXT]) == [], "once"
    if not kept.bucket:  # the day somebody goes back
        assert "3.11.2" in (kept.root(NAME) / "bin" / "zebra").read_text()
        one, other = (kept.root(name) / SITE / "zebra" / "__init__.py" for name in (NAME, NEXT))
        assert one.samefile(other), "no byte is copied"


def test_a_patch_release_keeps_a_tool_of_uvs(kept: Kept) -> None:
    kept.add(NAME, "zebra", "1.0", ("share/uv/tools/ruff/bin/ruff",), "ruff")
    kept.project.take_over(*kept.project.due([NEXT]))
    link = kept.root(NEXT) / "bin/ruff"
    assert link.readlink() == kept.workdir / NEXT / "share/uv/tools/ruff/bin/ruff"
    assert (kept.root(NEXT) / "share/uv/tools/ruff/bin/ruff").read_text() == "mine"


def test_a_folder_that_was_used_is_left_alone(kept: Kept) -> None:
    kept.add(NAME, "zebra", "1.0")
    kept.add(NEXT, "yak", "1.0")
    assert kept.project.due([NEXT]) == []


@pytest.mark.parametrize("at", [0, 1, 2, 3])
def test_killed_anywhere_it_is_done_again(kept: Kept, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    kept.add(NAME, "zebra", "1.0")
    kept.root(NEXT)
    steps = [(upgrade_plan, "brought" if kept.bucket else "link_each"), (upgrade_plan, "relocate"), (distributions, "adopt"),
             (distributions, "adopt")]  # fmt: skip
    place, name = steps[at]
    real = getattr(place, name)

    def killed(*arguments: object) -> None:
        if at == 3:
            real(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(place, name, killed)
        with pytest.raises(KeyboardInterrupt):
            kept.project.take_over(Due(NEXT, NAME, WHOLE))
    assert kept.project.due([NEXT]) == [Due(NEXT, NAME, WHOLE)]
    kept.project.take_over(*kept.project.due([NEXT]))
    assert kept.versions(NEXT) == ["zebra-1.0.dist-info"] and kept.project.due([NEXT]) == []


def test_killed_before_it_is_in_the_bucket_it_is_done_again(tmp_path: Path) -> None:
    kept = Kept(tmp_path, bucket=True)
    kept.add(NAME, "zebra", "1.0")
    kept.root(NEXT)
    kept.project.take_over(Due(NEXT, NAME, WHOLE))
    assert kept.project.due([NEXT]) == [], "it is on this disk"
    shutil.rmtree(kept.local)
    assert kept.project.due([NEXT]) == [Due(NEXT, NAME, WHOLE)], "the next container has another one"
    kept.root(NEXT)
    kept.project.take_over(Due(NEXT, NAME, WHOLE))
    synced = SyncedDir(NEXT, str(kept.local), str(kept.workdir / ".melda-jupyter"), into(kept.told), str)
    synced.restore()
    assert synced.flush("", 1e6) == ""
    shutil.rmtree(kept.local)
    assert kept.project.due([NEXT]) == [], "now it is saved"


LOOSE = (f"{SITE}/mine.py", f"{SITE}/easy-install.pth", "bin/mytool", "share/nltk_data/corpora/own/a")


@pytest.mark.parametrize("adopted", [0, 1, 3, None])
def test_restarted_before_it_is_in_the_bucket_nothing_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, adopted: int | None
) -> None:
    """Also what would look half installed; killed while it comes into its place, it is done again."""
    kept = Kept(tmp_path, bucket=True)
    kept.add(NAME, "zebra", "1.0", LOOSE)
    kept.add(NAME, "trimmed", "1.0", (f"{SITE}/trimmed/more",))
    synced = SyncedDir(NAME, str(kept.local), str(kept.workdir / ".melda-jupyter"), into(kept.told), str)
    synced.restore()
    (kept.root(NAME) / "bin" / "trimmed").unlink()
    assert synced.flush("", 1e6) == ""
    before = set(tree.layout(NAME).entries(str(kept.root(NAME))))
    shutil.rmtree(kept.local)
    kept.root(NEXT)
    if adopted is None:
        kept.project.take_over(Due(NEXT, NAME, WHOLE))
    else:
        real, left = distributions.merge, iter(range(adopted))

        def killed(source: str, target: str) -> None:
            if target.startswith(str(kept.local / NEXT)) and next(left, None) is None:
                raise KeyboardInterrupt
            real(source, target)

        with monkeypatch.context() as patched:
            patched.setattr(distributions, "merge", killed)
            with pytest.raises(KeyboardInterrupt):
                kept.project.take_over(Due(NEXT, NAME, WHOLE))
    kept.told.clear()
    synced = SyncedDir(NEXT, str(kept.local), str(kept.workdir / ".melda-jupyter"), into(kept.told), str)
    synced.restore()
    dues = kept.project.due([NEXT])
    assert dues == ([] if adopted is None else [Due(NEXT, NAME, WHOLE)])
    for due in dues:
        kept.project.take_over(due)
    entries = set(tree.layout(NEXT).entries(str(kept.root(NEXT))))
    assert before <= entries and all("set-aside" in entry for entry in entries - before)
    assert adopted is not None or (entries == before and kept.told == [])
    synced.poll(1e6)
    synced.poll(1e6 + 300)
    assert synced.failures() == [] and kept.project.due([NEXT]) == []
    assert before <= synced.index.entries.keys()


def test_what_changed_since_has_another_mark(kept: Kept) -> None:
    assert kept.project.mark(NAME) == ""
    kept.add(NAME, "zebra", "1.0")
    before = kept.project.mark(NAME)
    assert before == kept.project.mark(NAME)
    kept.add(NAME, "yak", "1.0")
    assert kept.project.mark(NAME) != before


def test_another_series_is_installed_package_by_package(kept: Kept) -> None:
    kept.add(NAME, "zebra", "1.0")
    assert kept.project.due([OTHER]) == [Due(OTHER, NAME, PACKAGES)]
    upgrade_record.note(str(kept.workdir), OTHER, Carried(NAME, PACKAGES, True, (Failure("python", "x", "1", "gone"),)))
    assert kept.project.due([OTHER]) == []
    assert upgrade_record.read(str(kept.workdir))[OTHER].failures == (Failure("python", "x", "1", "gone"),)


def test_what_a_package_says_of_itself_comes_into_the_bucket_without_its_passwords(kept: Kept) -> None:
    why = "it does not load: no answer of https://ada:S3cr3t@host.example/x?token=S3cr3t"
    upgrade_record.note(str(kept.workdir), OTHER, Carried(NAME, PACKAGES, True, (Failure("python", "x", "1", why),)))
    assert "S3cr3t" not in (kept.workdir / ".melda-jupyter" / upgrade_record.NAME).read_text()
    (one,) = upgrade_record.read(str(kept.workdir))[OTHER].failures
    assert one.reason.startswith("it does not load: no answer of https://...@host.example/x")


def test_which_folder_it_comes_from(kept: Kept) -> None:
    for name in ("Python-3.9.2", "Python-3.11.1", "Python-3.11.4", "Python-3.14.0"):
        kept.add(name, "zebra", "1.0")
    kept.root(NAME)
    assert kept.project.source("Python-3.11.9") == "Python-3.11.4"
    assert kept.project.source("Python-3.11.3") == "Python-3.11.1", "an older one sooner than a newer one"
    assert kept.project.source("Python-3.12.0") == "Python-3.11.4"
    assert kept.project.source("Python-3.8.0") == "Python-3.14.0"
    image_record.write(str(kept.workdir), Image(python="3.9.2"))
    assert kept.project.source("Python-3.12.0") == "Python-3.9.2", "the one that it ran on last"
    assert kept.project.source("R-4.2.2") == ""
    (kept.workdir / ".melda-jupyter" / "environment.Python-3.9.2_R-4.0.4.json").write_text("{}")
    assert kept.project.source("R-4.2.2") == "R-4.0.4", "of which there is a snapshot"


def test_what_cannot_be_linked_costs_itself(tmp_path: Path) -> None:
    kept = Kept(tmp_path, bucket=False)
    kept.add(NAME, "zebra", "1.0")
    kept.add(NAME, "yak", "1.0")
    deep = kept.root(NAME) / SITE / "deep"
    deep.mkdir()
    (deep / "link").symlink_to("nowhere")
    (deep / "sub").symlink_to("/", target_is_directory=True)
    kept.root(NEXT)
    kept.project.take_over(Due(NEXT, NAME, WHOLE))
    assert os.readlink(kept.root(NEXT) / SITE / "deep" / "link") == "nowhere"
    assert len(kept.versions(NEXT)) == 2


def test_where_there_are_no_hard_links_it_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = Kept(tmp_path, bucket=False)
    kept.add(NAME, "zebra", "1.0")
    kept.root(NEXT)

    def none(*_: object, **__: object) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", none)
    kept.project.take_over(Due(NEXT, NAME, WHOLE))
    assert kept.versions(NEXT) == ["zebra-1.0.dist-info"]


def test_where_the_folders_are_is_seen_by_what_is_mounted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert upgrade_plan.local_folder(str(tmp_path), [NAME]) == ""
    there = f"{tmp_path}/R-4.2.2"
    monkeypatch.setattr(upgrade_plan.mounts, "at", lambda path: path if path == there else "")
    assert upgrade_plan.local_folder(str(tmp_path), [NAME, "R-4.2.2"]) == upgrade_plan.LOCAL_PLUGINS
