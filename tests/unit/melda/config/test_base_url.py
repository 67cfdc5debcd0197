"""JUPYTER_BASE_URL is a path, written with slashes or without."""

from __future__ import annotations

import pytest
from melda.base.errors import ConfigError
from melda.config import base_url


@pytest.mark.parametrize(
    ("value", "path"),
    [("", "/"), ("/", "/"), ("ada", "/ada/"), ("/n/ada", "/n/ada/"), (" /n/a.b~c-d/ ", "/n/a.b~c-d/")],
)
def test_a_path_has_a_slash_at_both_ends(value: str, path: str) -> None:
    assert base_url.from_env({base_url.VARIABLE: value}) == path


@pytest.mark.parametrize("value", ["//x//y", "a b", "/..", "/a/../b", "http://host/x", "/a?b", "/ä", "/%2e", "a" * 300])
def test_what_is_no_path_is_refused(value: str) -> None:
    with pytest.raises(ConfigError, match=r"^invalid JUPYTER_BASE_URL='.*': expected a path such as /notebooks/ada/$"):
        base_url.parse(value)


def test_a_hub_says_it_itself() -> None:
    assert base_url.from_env({"JUPYTERHUB_SERVICE_PREFIX": "/user/ada/"}) == "/user/ada/"
    hubs = {"JUPYTERHUB_SERVICE_PREFIX": "/user/ada/", base_url.VARIABLE: "/user/ada/"}
    assert base_url.from_env(hubs) == "/user/ada/", "as the user's processes have it"
    with pytest.raises(ConfigError, match="behind a JupyterHub"):
        base_url.from_env({"JUPYTERHUB_SERVICE_PREFIX": "/user/ada/", base_url.VARIABLE: "/x"})
