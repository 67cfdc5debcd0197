"""Captures made up by hypothesis: any that the schema allows."""

from __future__ import annotations

import re
import string
from typing import Any

from hypothesis import strategies as st

# Texts of an alphabet, put together: what a regular expression says is drawn several times slower.
LOWER, DIGITS = string.ascii_lowercase, string.digits
ALPHANUMERIC = string.ascii_letters + DIGITS
SHA = st.binary(min_size=32, max_size=32).map(lambda drawn: f"sha256:{drawn.hex()}")
COMMIT = st.binary(min_size=20, max_size=20).map(bytes.hex)
PYTHON_NAME = st.text(LOWER + DIGITS + "-", min_size=1, max_size=21).map(
    lambda drawn: re.sub("-+", "-", drawn).strip("-") or "x"
)
PYTHON_VERSION = st.builds(
    lambda epoch, first, more, pre, post: f"{epoch}{'.'.join([str(first), *more])}{pre}{post}",
    st.sampled_from(["", "1!", "9!"]),
    st.integers(1, 999),
    st.lists(st.text(DIGITS, min_size=1, max_size=3), max_size=3),
    st.sampled_from(["", "a1", "b2", "rc9"]),
    st.sampled_from(["", ".post1", ".post9"]),
)
R_NAME = st.text(ALPHANUMERIC + ".", max_size=21).map(lambda drawn: f"x{drawn.rstrip('.') or '1'}")
R_VERSION = st.builds(
    lambda first, more: first + "".join(sign + number for sign, number in more),
    st.text(DIGITS, min_size=1, max_size=3),
    st.lists(st.tuples(st.sampled_from(".-"), st.text(DIGITS, min_size=1, max_size=4)), min_size=1, max_size=3),
)
WORD = st.builds(
    lambda first, more: re.sub(r"[.]+", ".", first + more),
    st.sampled_from(ALPHANUMERIC + "_"),
    st.text(ALPHANUMERIC + "_.-", max_size=20),
)
URL = st.builds(
    lambda host, path: "/".join([f"https://{host}.example", *path]),
    st.text(LOWER, min_size=1, max_size=10),
    st.lists(st.text(LOWER + DIGITS + "_.-", min_size=1, max_size=10), min_size=1, max_size=3),
)
SUBDIRECTORY = st.lists(st.text(LOWER, min_size=1, max_size=5), min_size=1, max_size=2).map("/".join)
OPTIONAL_SUBDIRECTORY = {"subdirectory": SUBDIRECTORY}

PYTHON_SOURCE = st.one_of(
    st.just({"type": "index"}),
    st.fixed_dictionaries(
        {"type": st.just("url"), "url": URL},
        optional={"hashes": st.lists(SHA, min_size=1, max_size=1), **OPTIONAL_SUBDIRECTORY},
    ),
    st.fixed_dictionaries(
        {"type": st.just("vcs"), "vcs": st.just("git"), "url": URL, "commit": COMMIT}, optional=OPTIONAL_SUBDIRECTORY
    ),
)
R_SOURCE = st.one_of(
    st.just({"type": "cran", "repository": "CRAN"}),
    st.just({"type": "local"}),
    st.just({"type": "bioconductor", "release": "3.16"}),
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(["github", "gitlab", "bitbucket"]),
            "owner": WORD,
            "repository": WORD,
            "commit": COMMIT,
        },
        optional={"host": WORD, "ref": WORD, **OPTIONAL_SUBDIRECTORY},
    ),
    st.fixed_dictionaries({"type": st.just("git"), "url": URL, "commit": COMMIT}),
    st.fixed_dictionaries({"type": st.just("url"), "url": URL}),
)


def _by_name(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(entries, key=lambda entry: str(entry["name"]))


PYTHON_PACKAGES = st.lists(
    st.fixed_dictionaries({"name": PYTHON_NAME, "version": PYTHON_VERSION, "source": PYTHON_SOURCE}),
    max_size=8,
    unique_by=lambda entry: entry["name"],
).map(_by_name)
R_PACKAGES = st.lists(
    st.fixed_dictionaries(
        {"name": R_NAME, "version": R_VERSION, "source": R_SOURCE},
        optional={"needs": st.lists(R_NAME, min_size=1, max_size=3, unique=True).map(sorted)},
    ),
    max_size=8,
    unique_by=lambda entry: entry["name"],
).map(_by_name)


def captures() -> st.SearchStrategy[dict[str, Any]]:
    """Captures of which other formats can say everything: without what belongs to the image."""
    return st.builds(
        lambda python, r: {
            "schema": 1,
            "system": {"distribution": "", "release": ""},
            "python": {"version": "", "packages": python},
            "r": {"version": "4.2.2", "packages": r},
        },
        PYTHON_PACKAGES,
        R_PACKAGES,
    )
