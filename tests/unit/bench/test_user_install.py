"""When what the user installed counts as durable: not by an object's name alone."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.rows.user_install import holds

JSON = st.recursive(
    st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
)
PACKAGES = "lib/python3.11/site-packages"


def test_a_manifest_that_names_the_package_holds_it() -> None:
    entries = {"bin/f2py": ["p", 1], f"{PACKAGES}/pandas": ["p", 1]}
    assert holds(json.dumps({"entries": entries}).encode(), "pandas")


@pytest.mark.parametrize(
    "entries", [{}, {f"{PACKAGES}/pandas-2.2.3.dist-info": []}, {f"{PACKAGES}/geopandas": []}, {"bin/pandas": []}]
)
def test_one_that_names_others_does_not(entries: dict[str, object]) -> None:
    assert not holds(json.dumps({"entries": entries}).encode(), "pandas")


@given(
    st.binary() | st.builds(lambda found: json.dumps(found).encode(), JSON | st.fixed_dictionaries({"entries": JSON}))
)
def test_what_is_half_written_or_garbage_does_not(found: bytes) -> None:
    assert not holds(found, "pandas")


def test_the_beginning_of_a_manifest_does_not() -> None:
    whole = json.dumps({"entries": {f"{PACKAGES}/pandas": ["p", 1]}}).encode()
    assert not any(holds(whole[:length], "pandas") for length in range(len(whole)))
