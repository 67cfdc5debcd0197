"""Captures made up by hypothesis: any that the schema allows."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

SHA = st.text("0123456789abcdef", min_size=64, max_size=64).map("sha256:".__add__)
COMMIT = st.text("0123456789abcdef", min_size=40, max_size=40)
PYTHON_NAME = st.from_regex(r"[a-z0-9](-?[a-z0-9]){0,20}", fullmatch=True)
PYTHON_VERSION = st.from_regex(
    r"([1-9]!)?[1-9][0-9]{0,2}(\.[0-9]{1,3}){0,3}((a|b|rc)[1-9])?(\.post[1-9])?", fullmatch=True
)
R_NAME = st.from_regex(r"x[A-Za-z0-9.]{0,20}[A-Za-z0-9]", fullmatch=True)
R_VERSION = st.from_regex(r"[0-9]{1,3}([.-][0-9]{1,4}){1,3}", fullmatch=True)
WORD = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True).filter(lambda word: ".." not in word)
URL = st.from_regex(r"https://[a-z]{1,10}\.example(/[a-z0-9_.-]{1,10}){1,3}", fullmatch=True)
SUBDIRECTORY = st.from_regex(r"[a-z]{1,5}(/[a-z]{1,5})?", fullmatch=True)
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
