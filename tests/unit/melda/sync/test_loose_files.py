"""Data and kernels of another Python are taken over, and what else belongs to no package is named."""

from __future__ import annotations

import json

import pytest
from melda.sync import loose_files
from melda.sync.loose_files import Loose
from melda.sync.upgrade_plan import Due
from melda.sync.upgrade_record import PACKAGES

from tests.unit.melda.sync.folders import NAME, SITE
from tests.unit.melda.sync.test_upgrade_plan import OTHER, Kept, kept

__all__ = ["kept"]


def take(kept: Kept, due: Due) -> Loose:
    return loose_files.take(
        str(kept.workdir), str(kept.local) if kept.bucket else "", due, lambda text, level="": kept.told.append(text)
    )


LOOSE = (f"{SITE}/mytools.py", "bin/mycmd", "share/nltk_data/corpora/w/words", "share/jupyter/labextensions/x/y")


def test_another_python_gets_data_and_kernels_and_hears_of_the_rest(kept: Kept) -> None:
    kept.add(NAME, "zebra", "1.0", LOOSE)
    root = kept.root(OTHER)
    (root / "share/nltk_data/corpora/w").mkdir(parents=True)
    (root / "share/nltk_data/corpora/w/words").write_text("newer")
    due = Due(OTHER, NAME, PACKAGES)
    assert take(kept, due) == (1, ["bin/mycmd", f"{SITE}/mytools.py", "share/jupyter/labextensions/x"])
    spec = root / "share/jupyter/kernels/zebra/kernel.json"
    assert json.loads(spec.read_text()) == {"argv": [f"{kept.workdir}/{OTHER}/bin/python"]}
    assert (root / "share/nltk_data/corpora/w/words").read_text() == "newer"
    (root / "share/nltk_data/corpora/w/words").unlink()
    (root / "share/nltk_data/corpora/w").rmdir()
    assert take(kept, due).taken == 1
    assert (root / "share/nltk_data/corpora/w/words").read_text() == "mine"
    assert not list(root.rglob("*zebra-1.0*")) and not (root / "bin").exists()
    assert not list(kept.workdir.rglob(loose_files.WORK)) and not list(kept.local.rglob(loose_files.WORK))
    if not kept.bucket:
        assert NAME in (kept.root(NAME) / "share/jupyter/kernels/zebra/kernel.json").read_text()


def test_tools_of_uvs_are_named(kept: Kept) -> None:
    """They have an environment of the other Python's: they are to be installed again."""
    tools = tuple(f"share/uv/tools/{name}" for name in ("ruff/bin/ruff", ".lock", ".gitignore"))
    kept.add(NAME, "zebra", "1.0", ("bin/mycmd", *tools), "ruff")
    assert take(kept, Due(OTHER, NAME, PACKAGES)) == (1, ["bin/mycmd", "share/uv/tools/ruff"])
    assert not (kept.root(OTHER) / "share/uv").exists()


def test_an_r_and_what_is_not_there_have_nothing_of_their_own(kept: Kept) -> None:
    assert take(kept, Due("R-4.5.0", "R-4.2.2", PACKAGES)) == (0, [])
    assert take(kept, Due(OTHER, NAME, PACKAGES)) == (0, [])


def test_looking_for_data_leaves_what_is_damaged_where_it_is(kept: Kept) -> None:
    if not kept.bucket:
        pytest.skip("there are no archives")
    kept.add(NAME, "zebra", "1.0", LOOSE)
    ours = kept.workdir / ".melda-jupyter" / NAME
    (archive,) = ours.glob("*.tar.zst")
    archive.unlink()
    before = sorted(ours.iterdir())
    kept.root(OTHER)
    assert take(kept, Due(OTHER, NAME, PACKAGES)) == (0, [])
    assert sorted(ours.iterdir()) == before and "are damaged or gone" in kept.told[-1]
