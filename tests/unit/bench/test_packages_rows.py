"""What the rows of the curated packages and of the ten R packages choose, and what they put back."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.rows import datascience, r_packages
from bench.workbench import copy
from builder.errors import BuildError


def test_the_list_is_as_before_when_one_package_more_was_measured(tmp_path: Path) -> None:
    tree = copy(tmp_path)
    before = datascience.r_names(tree, "datascience")
    assert datascience.ADDED not in [*before, *datascience.r_names(tree, "core")]
    with pytest.raises(BuildError, match="no"), datascience.listed(tree):
        assert datascience.r_names(tree, "datascience") == [*before, datascience.ADDED]
        raise BuildError("no")
    assert datascience.r_names(tree, "datascience") == before


@given(st.sets(st.sampled_from(r_packages.CANDIDATES)), st.sets(st.text()))
def test_ten_candidates_are_taken_or_none(had: set[str], others: set[str]) -> None:
    if len(had) < r_packages.COUNT:
        with pytest.raises(BuildError, match=f"the sources of only {len(had)} R packages can be had, not of 10"):
            r_packages.ten_of(had | (others - set(r_packages.CANDIDATES)))
        return
    ten = r_packages.ten_of(had | others)
    assert len(set(ten)) == len(ten) == r_packages.COUNT
    assert set(ten) <= set(r_packages.CANDIDATES)
