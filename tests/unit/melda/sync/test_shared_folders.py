"""``share`` and its like hold what belongs to many: each has its own part of them, in old manifests too."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from melda.sync.in_bucket import generations
from melda.sync.in_bucket.generations import EntryRef
from melda.sync.on_disk import debounce, shared_folders, tree
from melda.sync.on_disk.tree import Layout

from tests.unit.melda.sync.folders import NAME, SITE, Container, Make, found, install

KERNEL, CORPUS = "share/jupyter/kernels/mine/kernel.json", "share/nltk_data/corpora/w/words"
PARTS = [
    *(KERNEL, CORPUS, "share/nltk_data/tokenizers.zip", "share/jupyter/labextensions/@two/a/package.json"),
    *("share/jupyter/labextensions/@two/b/package.json", "share/man/man1/a.1", "share/model.bin"),
    *("etc/jupyter/jupyter_server_config.d/a.json", "etc/jupyter/nbconfig/tree.d/a.json", "share/mine/~x/y"),
    *("include/site/python3.11/greenlet/greenlet.h", "share/man/man1/~b.1"),
    *("share/uv/tools/ruff/bin/ruff", "share/uv/tools/black/bin/black"),
]


def write(root: Path, name: str, text: str = "mine") -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text)


def texts(root: Path, *names: str) -> list[str]:
    return [(root / name).read_text() if (root / name).is_file() else "" for name in names]


@pytest.fixture
def older(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An image for which each of these folders was one entry; undone, it is this one."""
    whole = tree.layout(NAME)
    monkeypatch.setattr(tree, "layout", lambda _: Layout(whole.opened, whole.made))
    return monkeypatch


def test_each_has_its_own_part(tmp_path: Path) -> None:
    for name in PARTS:
        write(tmp_path, name)
    shape = tree.layout(NAME)
    entries = set(shape.entries(str(tmp_path)))
    assert entries == {shape.entry_of(name) for name in PARTS}
    assert len(entries) == len(PARTS) and "share/jupyter/kernels/mine" in entries
    assert shape.packages == SITE


@pytest.mark.parametrize(
    "names",
    [(KERNEL, CORPUS), (PARTS[3], PARTS[4]), (PARTS[7], "etc/jupyter/nbconfig/tree.d/b.json"), (PARTS[-2], PARTS[-1])],
)
def test_two_containers_at_once_lose_nothing(container: Make, names: tuple[str, str]) -> None:
    one, two = container(), container()
    for each, name in zip((one, two), names, strict=True):
        write(each.root, name)
        each.wait()
    three = container()
    assert texts(three.root, *names) == ["mine"] * 2
    three.wait()
    assert texts(container().root, *names) == ["mine"] * 2


def test_two_heads_of_an_older_image_lose_nothing(container: Make, older: pytest.MonkeyPatch) -> None:
    first = container()
    write(first.root, "share/both", "first")
    first.wait()
    one, two = container(), container()
    write(one.root, KERNEL)
    one.wait()
    write(one.root, "share/both", "newer")
    one.wait(70)
    write(two.root, CORPUS)
    two.wait()
    older.undo()
    three = container()
    assert texts(three.root, KERNEL, CORPUS, "share/both") == ["mine", "mine", "newer"]
    three.wait()
    assert len(three.folder._saved.heads) == 1
    assert texts(container().root, KERNEL, CORPUS, "share/both") == ["mine", "mine", "newer"]


def test_what_an_older_image_saved_is_read_and_not_uploaded_again(
    container: Make, bucket: Path, older: pytest.MonkeyPatch
) -> None:
    one = container()
    for name in PARTS:
        write(one.root, name)
    (one.root / "share/large").write_bytes(os.urandom(1_000_000))
    one.wait()
    older.undo()
    two = container()
    assert texts(two.root, *PARTS) == ["mine"] * len(PARTS)
    two.wait(70)
    assert len(list((bucket / NAME).glob("*.json"))) == 1, "there is nothing to save"
    write(two.root, KERNEL, "changed")
    two.wait(70)
    assert sorted(path.stat().st_size > 500_000 for path in (bucket / NAME).glob("*.tar.zst")) == [False, True]
    assert texts(container().root, *PARTS) == ["changed", *["mine"] * (len(PARTS) - 1)]


def test_an_older_image_takes_it_for_no_manifest_and_removes_nothing(
    container: Make, older: pytest.MonkeyPatch, tmp_path: Path, bucket: Path
) -> None:
    one = container()
    install(one.root, "zebra", "1")
    write(one.root, "share/old")
    one.wait()
    with pytest.MonkeyPatch.context() as now:
        now.setattr(tree, "layout", lambda _: one.folder._layout._replace(shared=shared_folders.FOLDERS))
        two = Container(bucket, tmp_path / "two")
        write(two.root, KERNEL)
        two.wait()
    older.setattr(generations, "SCHEMA_SHARED", generations.SCHEMA)
    three = container()
    assert "is no manifest" in three.output[0]
    for number in range(4):
        install(three.root, "yak", str(number))
        three.wait()
    older.undo()
    four = container()
    assert texts(four.root, KERNEL, "share/old") == ["mine"] * 2
    assert found(four.root) == {"zebra": "1", "yak": "3"}


def test_manifests_without_them_are_as_ever() -> None:
    def schema(entry: str) -> int:
        one = generations.Generation((), 1, 1.0, {}, {entry: EntryRef("a" * 16, 1)})
        return int(json.loads(generations.dump(one))["schema"])

    assert [schema(entry) for entry in ("bin/x", "share", "share/x", "etc/x")] == [1, 1, 2, 2]


def test_one_small_package_does_not_upload_all_of_share(container: Make, bucket: Path) -> None:
    one = container()
    write(one.root, "share/jupyter/labextensions/large/x")
    (one.root / "share/jupyter/labextensions/large/x").write_bytes(os.urandom(1_000_000))
    one.wait()
    write(one.root, "share/jupyter/labextensions/small/x")
    one.wait()
    assert sorted(path.stat().st_size > 500_000 for path in (bucket / NAME).glob("*.tar.zst")) == [False, True]


def test_a_download_into_share_keeps_no_package_from_being_saved(container: Make) -> None:
    one = container()
    install(one.root, "zebra", "1")
    record = one.root / SITE / "zebra-1.dist-info" / "RECORD"
    record.write_text(record.read_text() + "../../../share/jupyter/labextensions/zebra/x,,\n")
    write(one.root, "share/jupyter/labextensions/zebra/x")
    for _ in range(int(debounce.GRACE) + 5):
        write(one.root, CORPUS, str(_))
        one.wait(1)
    assert found(container().root) == {"zebra": "1"}


def test_what_is_held_back_with_a_noisy_entry_is_named(container: Make) -> None:
    one = container()
    install(one.root, "zebra", "1")
    for _ in range(int(debounce.NOISY) + 10):
        write(one.root, f"{SITE}/zebra/log", str(_))
        one.wait(1)
    assert set(one.folder.left_out) == {f"{SITE}/zebra", f"{SITE}/zebra-1.dist-info", "bin/zebra"}


@pytest.mark.parametrize("place", ["share", "share/jupyter", "share/nltk_data", "share/nltk_data/corpora"])
def test_a_link_or_a_file_in_their_place_comes_back(container: Make, tmp_path: Path, place: str) -> None:
    one = container()
    (one.root / place).parent.mkdir(parents=True, exist_ok=True)
    (one.root / place).symlink_to(tmp_path)
    one.wait()
    two = container()
    assert (two.root / place).readlink() == tmp_path
    (two.root / place).unlink()
    write(two.root, place, "a file")
    two.wait()
    assert texts(container().root, place) == ["a file"]


def test_nothing_is_brought_through_a_link_of_anothers(container: Make, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    one, two = container(), container()
    write(one.root, KERNEL)
    one.wait()
    (two.root / "share").symlink_to(tmp_path / "elsewhere")
    two.wait()
    three = container()
    assert texts(three.root, KERNEL) == ["mine"] and not list((tmp_path / "elsewhere").iterdir())


def test_one_that_cannot_be_read_costs_itself(container: Make) -> None:
    one = container()
    write(one.root, KERNEL)
    write(one.root, CORPUS)
    (one.root / "share/jupyter").chmod(0)
    one.wait()
    (one.root / "share/jupyter").chmod(0o755)
    assert texts(container().root, CORPUS) == ["mine"]
    assert list(one.folder.left_out) == ["share/jupyter"]


def test_which_folder_is_meant() -> None:
    assert shared_folders.within("share/jupyter/x", {"share", "bin"}) == "share"
    assert shared_folders.within("bin/x", {"share"}) == ""
    assert shared_folders.within("bin/x", {"bin/x"}) == "bin/x"


def test_a_link_or_a_file_gives_way(tmp_path: Path) -> None:
    (tmp_path / "share").symlink_to("/nowhere")
    shared_folders.clear_way(str(tmp_path), "share/x")
    (name,) = os.listdir(tmp_path)
    assert name.startswith("share.set-aside-")
